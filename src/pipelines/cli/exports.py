"""`export`, `verify`, `validate`: labelled data handed out and checked."""

from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_table, table_version
from pipelines.adapters.redactor import build_redactor
from pipelines.cli.opening import open_scratch_spark, open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.configuration import load_settings
from pipelines.errors import UsageError, WorkspaceError
from pipelines.intents import label_set_hash
from pipelines.jobs import scheduled
from pipelines.jobs.manifests import Manifest
from pipelines.jobs.manifests import verify as verify_folder
from pipelines.transforms.redaction import leave_texts
from pipelines.workspace import Workspace, find_workspace

OutOption = Annotated[
    str | None, typer.Option("--out", help="Folder, or URI Spark can write (s3://, abfss://, /Volumes/...).")
]
EXPORTED = (tables.TRAINING_EXAMPLES, tables.QUARANTINE, tables.SHED, tables.LABELS)


def export(workspace: WorkspaceOption = None, out_uri: OutOption = None, as_json: JsonOption = False) -> None:
    """Write clean_training_dataset.jsonl, disagreements.log and manifest.json (default: export/ in the workspace)."""
    found = find_workspace(workspace)
    target = out_uri or str(found.root / "export")
    with counting("exporting"), open_spark(found) as spark:
        manifest = export_tables(found, spark, open_tables(found, spark), target)
    show_manifest(manifest, target, as_json)


def export_tables(workspace: Workspace, spark: SparkSession, store: TableStore, target: str) -> Manifest:
    """Export the workspace's tables as they stand now."""
    versions = {table.full_name: table_version(spark, store, table) for table in EXPORTED}
    gold, quarantine, shed, votes = (read_table(spark, store, table, versions[table.full_name]) for table in EXPORTED)
    provenance = scheduled.Provenance(
        settings_fingerprint=workspace.settings.fingerprint(),
        label_set_hash=label_set_hash(workspace.intents),
        tables=versions,
    )
    return scheduled.export(spark, gold, quarantine, shed, votes, target, provenance)


def verify(
    folder: Annotated[str, typer.Argument(help="Folder or URI of an export.")], as_json: JsonOption = False
) -> None:
    """Check that an export holds exactly what its manifest says: rows, bytes, SHA-256."""
    if "://" in folder:
        with open_scratch_spark() as spark:
            manifest = verify_folder(folder, spark)
    else:
        manifest = verify_folder(folder)
    show_manifest(manifest, folder, as_json)
    if not as_json:
        out.print("Verified: the files are what the manifest says.")


def validate(
    files: Annotated[list[Path], typer.Argument(help="Labelled files: text, annotator_id, label, confidence_score.")],
    out_uri: Annotated[str, typer.Option("--out", help="Folder, or URI Spark can write, for the three files.")],
    workspace: WorkspaceOption = None,
    keep_text: Annotated[
        bool, typer.Option("--keep-text", help="Do not redact: the texts are known to hold nothing personal.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Clean labelled files alone, by the gate's own rules: no Kafka, no model.

    Rows below the threshold go out, texts with several labels go to disagreements.log, every other text gives its
    highest-confidence row.
    """
    for path in files:
        if not path.is_file():
            raise UsageError(f"{path} is not a file. Name one or more CSV or JSONL files of labelled texts.")
    try:
        settings = find_workspace(workspace).settings
    except WorkspaceError:
        if workspace is not None:
            raise
        settings = load_settings([])
    redactor = leave_texts if keep_text else build_redactor(settings.redaction)
    with counting("validating"), open_scratch_spark() as spark:
        paths = [str(path.resolve()) for path in files]
        manifest = scheduled.validate(spark, paths, out_uri, settings, redactor)
    show_manifest(manifest, out_uri, as_json)


def show_manifest(manifest: Manifest, folder: str, as_json: bool) -> None:
    """Print what was handed out and what was kept back, by reason."""
    if as_json:
        show_json({"folder": folder, **manifest})
        return
    rows = [(f"{folder}/{name}", facts["rows"], facts["sha256"]) for name, facts in manifest["files"].items()]
    show_table("Files", ("file", "rows", "SHA-256"), rows)
    kept_back = [("not clean", reason, count) for reason, count in manifest["not_clean"].items()]
    kept_back += [("not a vote", reason, count) for reason, count in manifest["not_votes"].items()]
    if kept_back:
        show_table("Kept back", ("what", "reason", "count"), kept_back)
