"""`audit-labels`: rows of gold whose label the others contradict, for annotators to look at again."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.models import load_encoder
from pipelines.adapters.registry import pin_model
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.cli.versions import open_registry
from pipelines.jobs import label_audit
from pipelines.jobs.label_audit import LabelAudit
from pipelines.workspace import find_workspace, write_whole

MOST_PAIRS = 10


def audit_labels(
    workspace: WorkspaceOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="JSONL to write: one row to look at again a line, the worst first.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the rows of gold whose label is contradicted by a student that learnt from all other rows."""
    found = find_workspace(workspace)
    models = found.settings.models
    encoder = pin_model(open_registry(found), models.encoder_uri, models.cpu_precision)
    with counting("auditing labels"), open_spark(found) as spark:
        loaded = load_encoder(encoder, found.tracking_uri)
        store = open_tables(found, spark)
        audited = label_audit.audit(spark, store, found.intents, encoder.weights_hash, loaded.encode)
    if out_file:
        lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in audited.lines())
        write_whole(out_file, "".join(lines))
    show_json(audited.as_dict()) if as_json else show_audit(audited, out_file)


def show_audit(audited: LabelAudit, out_file: Path | None) -> None:
    """Print how many labels are contradicted, and which are most often."""
    counts = audited.as_dict()
    out.print(
        f"{audited.audited:,} rows of gold were audited, one a cluster and label; {len(audited.suspects):,} have a "
        f"label that the others contradict (they stand for {counts['rows']:,} rows, {counts['by_human']:,} were "
        "labelled by people)."
    )
    if audited.not_audited:
        out.print(
            f"{audited.not_audited:,} more could not be: their label is none of intents.yml, or has too few examples."
        )
    pairs = counts["pairs"]
    if isinstance(pairs, list) and pairs:
        rows = [(pair["label"], pair["suggested"], pair["count"]) for pair in pairs[:MOST_PAIRS]]
        show_table("Contradicted most often", ("label in gold", "suggested", "rows"), rows)
    if out_file:
        out.print(f"For annotators: {out_file}", soft_wrap=True, markup=False)
