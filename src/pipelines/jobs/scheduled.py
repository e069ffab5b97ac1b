"""Jobs that run now and then: hand the clean rows out, or make the same from labelled files alone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.adapters.frames import read_whole_files, stream_rows
from pipelines.adapters.spark import hold
from pipelines.adapters.storage import open_folder, publish, store
from pipelines.contracts import DECISIONS
from pipelines.declaration import MapBatches
from pipelines.errors import InputDataError
from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.jobs.manifests import DATASET, DISAGREEMENTS, MANIFEST, FileFacts, Manifest
from pipelines.settings import Settings
from pipelines.transforms.agreement import current, judge, place_decided, quarantined, training_examples
from pipelines.transforms.datasets import disagreement_rows, model_rows, training_rows
from pipelines.transforms.intake import read_label_rows
from pipelines.transforms.label_rows import COLUMNS
from pipelines.transforms.landing import parse_label_files
from pipelines.transforms.quality import quarantine_by_reason
from pipelines.transforms.redaction import redact
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

LINE_ENDS = {ord("\u0085"): "\\u0085", ord("\u2028"): "\\u2028", ord("\u2029"): "\\u2029"}
"""What JSON allows in a string but many tools split lines at."""


@dataclass(frozen=True)
class Provenance:
    """Where exported rows come from, for the manifest.

    Attributes:
        tables: version of each table that was read, by its full name.
        label_set_hash: fingerprint of the intents.
        settings_fingerprint: fingerprint of the whole configuration.
    """

    settings_fingerprint: str
    label_set_hash: str = ""
    tables: dict[str, int] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def export(
    spark: SparkSession,
    gold: DataFrame,
    quarantine: DataFrame,
    shed: DataFrame,
    votes: DataFrame,
    out_uri: str,
    provenance: Provenance,
) -> Manifest:
    """Write the clean rows, the disagreements and a manifest to a folder.

    Equal tables give byte-identical data files. Frames should be read at the versions that `provenance` names.

    Raises:
        StorageError: when the folder cannot be written; what was published before then still stands.
    """
    kept_out = current(quarantine, gold, shed)
    outcome = Outcome(
        clean=current(gold, quarantine, shed).transform(training_rows),
        disagreements=kept_out.transform(disagreement_rows),
        not_clean=counts(quarantine_by_reason(kept_out)),
        models=[row.asDict() for row in votes.transform(model_rows).collect()],
    )
    return hand_out(spark, outcome, out_uri, provenance)


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
    kept_out = placed.transform(quarantined)
    outcome = Outcome(
        clean=placed.transform(training_examples).transform(named_rows, chosen),
        disagreements=kept_out.transform(disagreement_rows),
        not_clean=counts(quarantine_by_reason(kept_out)),
        not_votes=counts(rows.transform(rows_by_reason)),
    )
    return hand_out(spark, outcome, out_uri, Provenance(settings.fingerprint(), created_at=now))


@dataclass(frozen=True)
class Outcome:
    """What is handed out, and what is told about the rest."""

    clean: DataFrame
    disagreements: DataFrame
    not_clean: dict[str, int]
    not_votes: dict[str, int] = field(default_factory=dict)
    models: list[dict[str, str]] = field(default_factory=list)


def hand_out(spark: SparkSession, outcome: Outcome, out_uri: str, provenance: Provenance) -> Manifest:
    """Store all files aside, then publish them, the manifest last: without it nobody takes the others for complete."""
    folder = open_folder(out_uri, spark)
    stored = {
        DATASET: store(folder, DATASET, map(json_line, stream_rows(outcome.clean))),
        DISAGREEMENTS: store(folder, DISAGREEMENTS, (row["line"] for row in stream_rows(outcome.disagreements))),
    }
    manifest = Manifest(
        manifest_version=1,
        created_at=provenance.created_at.isoformat(timespec="seconds"),
        files={name: FileFacts(rows=file.rows, bytes=file.bytes, sha256=file.sha256) for name, file in stored.items()},
        tables=provenance.tables,
        models=outcome.models,
        label_set_hash=provenance.label_set_hash,
        settings_fingerprint=provenance.settings_fingerprint,
        not_clean=outcome.not_clean,
        not_votes=outcome.not_votes,
    )
    store(folder, MANIFEST, [json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)])
    publish(folder, [DATASET, DISAGREEMENTS, MANIFEST])
    return manifest


def json_line(row: Row) -> str:
    """Write a clean row as one line of JSON, its keys in the order of its columns."""
    return json.dumps(row.asDict(), ensure_ascii=False, allow_nan=False).translate(LINE_ENDS)


def counts(frame: DataFrame) -> dict[str, int]:
    """Read a frame of names and rows."""
    return {row["name"]: row["rows"] for row in frame.collect()}


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
