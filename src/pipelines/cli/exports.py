"""`export`, `rebuild`, `verify`, `validate`: labelled data handed out, made again, and checked."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, table_version
from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.storage import open_folder
from pipelines.adapters.time_travel import moment_of, refuse_gone_versions, versions_at
from pipelines.cli.opening import open_scratch_spark, open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.configuration import load_settings
from pipelines.contracts import TRAINING_EXAMPLES
from pipelines.declaration import Table
from pipelines.errors import UsageError, WorkspaceError
from pipelines.intents import label_set_hash
from pipelines.jobs import exports, scheduled
from pipelines.jobs.exports import EXPORTED
from pipelines.jobs.manifests import MANIFEST, Manifest, read_manifest
from pipelines.jobs.manifests import verify as verify_folder
from pipelines.jobs.promises import certificate_of_export
from pipelines.jobs.publication import Provenance, policy_of
from pipelines.transforms.redaction import leave_texts
from pipelines.vocabulary import Split
from pipelines.workspace import Workspace, find_workspace

OutOption = Annotated[
    str | None, typer.Option("--out", help="Folder, or URI Spark can write (s3://, abfss://, /Volumes/...).")
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", help="Tables as they were: a version of gold.training_examples, or an ISO time (UTC)."),
]


def export(
    workspace: WorkspaceOption = None, out_uri: OutOption = None, as_of: AsOfOption = None, as_json: JsonOption = False
) -> None:
    """Write the training data with splits, schemas, dataset card and manifest (default: export/ in the workspace)."""
    found = find_workspace(workspace)
    target = out_uri or str(found.root / "export")
    with counting("exporting"), open_spark(found) as spark:
        manifest = export_tables(found, spark, open_tables(found, spark), target, as_of)
    show_manifest(manifest, target, as_json)


def export_tables(
    workspace: Workspace, spark: SparkSession, store: TableStore, target: str, as_of: str | None = None
) -> Manifest:
    """Export the workspace's tables as they stand now, or as they stood."""
    settings = workspace.settings
    moment = moment_of(spark, store, TRAINING_EXAMPLES, as_of) if as_of else None
    provenance = Provenance(
        policy=policy_of(settings),
        split=settings.export,
        settings_fingerprint=settings.fingerprint(),
        label_set_hash=label_set_hash(workspace.intents),
        tables=pin_versions(spark, store, moment),
        as_of=moment.isoformat() if moment else None,
        certificate=certificate_of_export(spark, store, moment),
    )
    return exports.export(spark, exports.read_exported(spark, store, provenance.tables), target, provenance)


def pin_versions(spark: SparkSession, store: TableStore, moment: datetime | None) -> dict[str, int]:
    """Name the version of each table to read: today's, or that of a moment, if it is still there.

    Raises:
        VersionGoneError: when it is not.
    """
    if moment is None:
        return {table.full_name: table_version(spark, store, table) for table in EXPORTED}
    stood: Mapping[Table, int] = versions_at(spark, store, EXPORTED, moment)
    refuse_gone_versions(spark, store, stood)
    return {table.full_name: version for table, version in stood.items()}


def rebuild(
    manifest_path: Annotated[str, typer.Argument(metavar="MANIFEST", help="manifest.json of an export.")],
    out_uri: Annotated[str, typer.Option("--out", help="Folder, or URI Spark can write, for the same files.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an export again, byte for byte, from the table versions that its manifest names."""
    found = find_workspace(workspace)
    folder, _, name = manifest_path.rpartition("/")
    with counting("rebuilding"), open_spark(found) as spark:
        manifest = read_manifest(open_folder(folder or ".", spark), name or MANIFEST)
        store = open_tables(found, spark)
        rebuilt = exports.rebuild(spark, store, manifest, out_uri)
    show_manifest(rebuilt, out_uri, as_json)
    if not as_json:
        out.print("Rebuilt: the data files are byte for byte what the manifest says.")


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
    if "contents" in manifest:
        classes = manifest["contents"]["classes"]
        counted = [(split, sum(counts.values()), len(counts)) for split in Split if (counts := classes.get(split, {}))]
        show_table("Splits", ("split", "rows", "classes"), counted)
    kept_back = [("not clean", reason, count) for reason, count in manifest["not_clean"].items()]
    kept_back += [("not a vote", reason, count) for reason, count in manifest["not_votes"].items()]
    if kept_back:
        show_table("Kept back", ("what", "reason", "count"), kept_back)
