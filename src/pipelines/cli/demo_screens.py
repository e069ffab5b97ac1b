"""The demo's last screen: what became of every message, how right gold is, and where to go from here."""

import json

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.cli.exports import show_manifest
from pipelines.cli.looking import show_counts, show_ledger, show_questions
from pipelines.cli.screens import out, show_json, show_table
from pipelines.jobs.evaluation import Evaluation, compare, read_gold_labels
from pipelines.jobs.manifests import Manifest
from pipelines.jobs.reporting import Report
from pipelines.jobs.runner import StageResult
from pipelines.workspace import Workspace


def show_results(
    workspace: Workspace,
    spark: SparkSession,
    store: TableStore,
    counted: Report,
    stages: list[StageResult],
    manifest: Manifest,
    as_json: bool,
) -> None:
    """Print everything a first run should leave behind."""
    evaluation = compare(read_gold_labels(spark, store), read_truth(workspace), {i.name for i in workspace.intents})
    messages = counted.ledger["messages"]
    if as_json:
        timed = {stage.name: round(stage.seconds, 1) for stage in stages}
        show_json({**counted.as_dict(), "quality": evaluation.as_dict(), "seconds": timed, "manifest": manifest})
        return
    show_table("Rows per layer", ("table", "rows"), list(counted.tables.items()))
    show_counts("Redacted by type", "type", counted.redactions)
    clusters = counted.clusters
    show_table(
        "Near-duplicates",
        ("records", "clusters", "largest"),
        [tuple(clusters[n] for n in ("records", "clusters", "largest"))],
    )
    show_counts("Votes by voter", "voter", counted.votes)
    show_questions(counted.questions)
    show_counts("Quarantine by reason", "reason", counted.quarantine)
    show_evaluation(evaluation)
    show_stages(stages, messages)
    show_manifest(manifest, str(workspace.root / "export"), as_json=False)
    show_ledger(counted.ledger)
    show_next(workspace)


def read_truth(workspace: Workspace) -> dict[str, str]:
    """Read what is true about each record; the pipeline never does. Ambiguous tickets have no one truth."""
    lines = (workspace.root / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {
        row["record_id"]: row["intent"] for row in rows if row["record_id"] and row["intent"] not in (None, "ambiguous")
    }


def show_evaluation(evaluation: Evaluation) -> None:
    """Say how right gold is, with its exact interval, and where it is wrong most."""
    low, high = evaluation.interval
    rows = [
        ("records in gold whose true label is known", f"{evaluation.gold:,}"),
        ("of these right", f"{evaluation.right:,}"),
        ("precision of gold", f"{evaluation.precision:.1%} (95 % interval {low:.1%} to {high:.1%})"),
        ("known-intent records that reached gold rightly", f"{evaluation.coverage:.1%} of {evaluation.known:,}"),
    ]
    show_table("Gold against the truth", ("what", "figure"), rows)
    if evaluation.mistakes:
        show_table("Commonest mistakes", ("true label", "label in gold", "count"), evaluation.mistakes)


def show_stages(stages: list[StageResult], messages: int) -> None:
    """Say where the time went."""
    total = sum(stage.seconds for stage in stages)
    rows = [(stage.name, stage.rows, stage.seconds, stage.rows / max(stage.seconds, 0.001)) for stage in stages]
    show_table(
        "Time per stage",
        ("stage", "rows", "seconds", "rows/s"),
        rows,
        f"{messages / total:.1f} tickets/s from end to end",
    )


def show_next(workspace: Workspace) -> None:
    """Three commands to go on with."""
    where = f"--workspace {workspace.root}"
    out.print("Next:", style="bold")
    for command in (
        f"lakehouse status {where}",
        f"lakehouse sql 'describe history gold.decisions' {where}",
        "lakehouse init my-project --from-labelled FILE && lakehouse ingest FILE --workspace my-project",
    ):
        out.print(f"  {command}", soft_wrap=True, markup=False)
