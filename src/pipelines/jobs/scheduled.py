"""`validate`: the files of an export made from labelled files alone, by the gate's own rules."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.frames import read_whole_files
from pipelines.adapters.spark import hold
from pipelines.contracts import DECISIONS
from pipelines.declaration import MapBatches
from pipelines.errors import InputDataError
from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.jobs.exports import FAMILY
from pipelines.jobs.manifests import Manifest
from pipelines.jobs.publication import Outcome, Provenance, hand_out, policy_of, read_counts
from pipelines.settings import Settings
from pipelines.transforms.agreement import judge, place_decided, quarantined, training_examples
from pipelines.transforms.datasets import redaction_counts
from pipelines.transforms.intake import read_label_rows
from pipelines.transforms.label_rows import COLUMNS
from pipelines.transforms.landing import parse_label_files
from pipelines.transforms.redaction import redact
from pipelines.transforms.splits import add_families, add_splits
from pipelines.transforms.validation import (
    PUBLIC_KEY,
    choose_rows,
    file_votes,
    files_without_columns,
    in_one_batch,
    keep_exact_texts,
    named_rows,
    rows_by_reason,
)


def validate(spark: SparkSession, paths: list[str], out_uri: str, settings: Settings, redactor: MapBatches) -> Manifest:
    """Make the same files from labelled CSV or JSONL files alone, by the gate's own rules; any label is known.

    Raises:
        InputDataError: when a file has not the columns of a labelled file.
        StorageError: when the folder cannot be written.
    """
    now = datetime.now(UTC)
    rows = hold(read_whole_files(spark, paths).transform(parse_label_files, now, "/"))
    refuse_missing_columns(rows)
    label_rows = rows.transform(in_one_batch).transform(read_label_rows, PUBLIC_KEY)
    chosen = label_rows.transform(choose_rows, settings.intake)
    records = hold(chosen.transform(redact, redactor).transform(keep_exact_texts, chosen))
    nothing = spark.createDataFrame([], DECISIONS.columns)
    # Of labelled files alone, any two labels of a text are told as a disagreement, whoever gave them.
    rules = GateRules(replace(settings.gate, human_majority=False))
    decided = records.transform(judge, label_rows.transform(file_votes), nothing, LabelSet(), rules, now)
    placed = hold(decided.transform(place_decided, records))
    accepted = placed.transform(training_examples)
    # There are no clusters here: equal texts stay together.
    apart = spark.createDataFrame([], FAMILY)
    split = hold(accepted.transform(add_families, apart).transform(add_splits, settings.export))
    outcome = Outcome(
        examples=split.transform(named_rows, chosen),
        redactions=records.transform(redaction_counts, split),
        kept_out=placed.transform(quarantined),
        not_votes=read_counts(rows.transform(rows_by_reason)),
    )
    created_at = now.isoformat(timespec="seconds")
    provenance = Provenance(policy_of(settings), settings.export, settings.fingerprint(), created_at=created_at)
    return hand_out(spark, outcome, out_uri, provenance)


def refuse_missing_columns(rows: DataFrame) -> None:
    """Refuse files of which no row can be read.

    Raises:
        InputDataError: naming the columns that are missing and those that came.
    """
    for row in rows.transform(files_without_columns).collect():
        fields = json.loads(row["raw"])
        names = fields["header"] if list(fields) == ["header"] else list(fields)
        missing = [name for name in COLUMNS if [given.lower() for given in names].count(name) != 1]
        raise InputDataError(
            f"{row['path']}: needed once each and not there: {', '.join(missing)}. The file has: {shown(names)}. "
            f"Rename its columns, or give it the header line {','.join(COLUMNS)} (record_id may be added)."
        )


def shown(names: Iterable[str]) -> str:
    """List column names; what does not look like one may be a ticket's text in a file without a header."""
    told = [
        name if name.isidentifier() and len(name) <= 40 else f"column {number} (not shown: no plain name)"
        for number, name in enumerate(names, 1)
    ]
    return ", ".join(told) or "nothing"
