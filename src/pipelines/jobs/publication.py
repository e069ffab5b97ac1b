"""Handing rows out: checked, stored aside, published together with schemas, a card and a manifest."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.adapters.frames import stream_rows
from pipelines.adapters.storage import open_folder, part, publish, store
from pipelines.contracts.exports import LAYERS, json_schema
from pipelines.errors import PipelineError, SplitLeakError
from pipelines.jobs.dataset_cards import write_card
from pipelines.jobs.manifests import (
    CARD,
    DATA_FILES,
    DATASET,
    DISAGREEMENTS,
    MANIFEST,
    MANIFEST_VERSION,
    Certificate,
    Contents,
    Counts,
    FileFacts,
    Manifest,
    Policy,
    SplitFacts,
    compare,
)
from pipelines.settings import ExportSettings, Settings
from pipelines.transforms.datasets import disagreement_rows, example_counts, training_rows
from pipelines.transforms.quality import quarantine_by_reason
from pipelines.transforms.splits import straddling

LINE_ENDS = {ord("\u0085"): "\\u0085", ord("\u2028"): "\\u2028", ord("\u2029"): "\\u2029"}
"""What JSON allows in a string but many tools split lines at."""


@dataclass(frozen=True)
class Provenance:
    """What an export is made of beside the rows, for the manifest.

    Attributes:
        policy: the rules in force.
        split: how rows are shared out.
        label_set_hash: fingerprint of the intents.
        settings_fingerprint: fingerprint of the whole configuration.
        tables: version of each table that is read, by its full name.
        as_of: the time that the tables are read as of; None: as they stand.
        certificate: what is known about how many labels are wrong; None: nothing.
    """

    policy: Policy
    split: ExportSettings
    settings_fingerprint: str
    label_set_hash: str = ""
    tables: dict[str, int] = field(default_factory=dict)
    as_of: str | None = None
    certificate: Certificate | None = None
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class Outcome:
    """What is handed out, and what is told about the rest.

    Attributes:
        examples: accepted rows with the cluster of today, text_hash and split.
        redactions: what `datasets.redaction_counts` gives of them.
        kept_out: rows of quarantine.tickets, as readers see them.
    """

    examples: DataFrame
    redactions: DataFrame
    kept_out: DataFrame
    not_votes: Counts = field(default_factory=dict)
    models: list[dict[str, str]] = field(default_factory=list)


def policy_of(settings: Settings) -> Policy:
    """Name the rules that settings stand for."""
    return Policy(
        gate_version=settings.gate.fingerprint(),
        min_confidence=settings.gate.min_confidence,
        redaction_policy=settings.redaction.fingerprint(),
        redaction={name: str(operator) for name, operator in settings.redaction.operators.items()},
    )


def hand_out(
    spark: SparkSession,
    outcome: Outcome,
    out_uri: str,
    provenance: Provenance,
    expected: Mapping[str, FileFacts] | None = None,
) -> Manifest:
    """Store all files aside, then publish them, the manifest last: without it nobody takes the others for complete."""
    refuse_leaks(outcome.examples)
    folder = open_folder(out_uri, spark)
    files: dict[str, FileFacts] = {}
    manifest = describe(outcome, provenance, files)
    examples = stream_rows(outcome.examples.transform(training_rows))
    disagreements = stream_rows(outcome.kept_out.transform(disagreement_rows))
    written: dict[str, Iterable[str]] = {
        DATASET: map(json_line, examples),
        DISAGREEMENTS: (row["line"] for row in disagreements),
        **{layer.schema_file: [pretty(json_schema(layer))] for layer in LAYERS},
        CARD: write_card(manifest),
        MANIFEST: (pretty(content) for content in [manifest]),
    }
    try:
        for name, lines in written.items():
            stored = store(folder, name, lines)
            if name != MANIFEST:
                files[name] = FileFacts(rows=stored.rows, bytes=stored.bytes, sha256=stored.sha256)
            if expected and name in DATA_FILES:
                compare(f"{out_uri}/{name}", stored, expected[name])
    except BaseException:
        for name in written:
            with suppress(PipelineError, OSError):
                folder.remove(part(name))
        raise
    publish(folder, written)
    return manifest


def refuse_leaks(examples: DataFrame) -> None:
    """Check the rows as they would leave, not how they came to their split.

    Raises:
        SplitLeakError: when a cluster or a normalised text stands in several splits.
    """
    found = examples.transform(straddling).first()
    if found and (found["clusters"] or found["texts"]):
        raise SplitLeakError(
            f"{found['clusters']} clusters and {found['texts']} normalised texts would stand in more than one split; "
            "none may. Nothing was exported. Run `lakehouse status` and keep the workspace: this is a fault of ours."
        )


def describe(outcome: Outcome, provenance: Provenance, files: dict[str, FileFacts]) -> Manifest:
    """Put the manifest together; what its files are like is filled in when they are written."""
    counted: dict[str, Counts] = defaultdict(dict)
    classes: dict[str, Counts] = defaultdict(dict)
    told = outcome.examples.transform(example_counts).unionByName(outcome.redactions)
    for row in sorted(told.collect(), key=lambda row: (row["kind"], row["split"] or "", row["name"])):
        counts = classes[row["split"]] if row["kind"] == "class" else counted[row["kind"]]
        counts[row["name"]] = row["rows"]
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        created_at=provenance.created_at,
        as_of=provenance.as_of,
        files=files,
        tables=provenance.tables,
        models=outcome.models,
        label_set_hash=provenance.label_set_hash,
        settings_fingerprint=provenance.settings_fingerprint,
        not_clean=read_counts(outcome.kept_out.transform(quarantine_by_reason)),
        not_votes=outcome.not_votes,
        split=split_facts(provenance.split),
        policy=provenance.policy,
        contents=Contents(
            classes=dict(classes),
            sources=counted["source"],
            months=counted["month"],
            voters=counted["voter"],
            versions=counted["version"],
            policies=counted["policy"],
            replaced=counted["replaced"],
        ),
        certificate=provenance.certificate,
    )


def split_facts(settings: ExportSettings) -> SplitFacts:
    """Note how rows were shared out."""
    return SplitFacts(
        split=settings.split,
        train_share=settings.train_share,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
    )


def json_line(row: Row) -> str:
    """Write a clean row as one line of JSON, its keys in the order of its columns."""
    return json.dumps(row.asDict(), ensure_ascii=False, allow_nan=False).translate(LINE_ENDS)


def pretty(content: Mapping[str, object]) -> str:
    """Write a JSON document for people as well."""
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)


def read_counts(frame: DataFrame) -> Counts:
    """Read a frame of names and rows."""
    return {row["name"]: row["rows"] for row in frame.collect()}
