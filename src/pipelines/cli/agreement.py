"""`agreement`: how far models and people say the same, and how good each annotator is."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, say, show_json, show_table
from pipelines.jobs.agreement import Measured, measure_agreement, read_measured
from pipelines.jobs.runner import StageResult
from pipelines.vocabulary import Compared
from pipelines.workspace import Workspace, find_workspace

Rows = Sequence[Mapping[str, Any]]
SHOWN_ID = 12
MOST_LABELS = 10
NOBODY = (
    "Nobody has labelled yet, so there is nothing to compare models with. "
    "Type: lakehouse annotate sample --budget N --out FILE"
)


def agreement(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show how far models and people agree, label by label and person by person; new votes are counted first."""
    found = find_workspace(workspace)
    with counting("counting votes"), open_spark(found) as spark:
        store = open_tables(found, spark)
        written = measure_agreement(spark, store, found.label_set, datetime.now(UTC))
        measured = read_measured(spark, store, written)
    if as_json:
        show_json({"changed": measured.changed, "agreement": measured.agreement, "annotators": measured.annotators})
    else:
        show_measured(measured)


def measure_stage(workspace: Workspace, spark: SparkSession, store: TableStore) -> StageResult:
    """Measure agreement as the last stage of a run."""
    began = time.monotonic()
    with counting("agreement: counting votes"):
        rows = measure_agreement(spark, store, workspace.label_set, datetime.now(UTC))
    return StageResult("agreement", rows, time.monotonic() - began)


def show_measured(measured: Measured) -> None:
    """Print what is known of agreement for a person."""
    overall = [row for row in measured.agreement if row["label"] is None and row["day"] is None]
    models = [row for row in overall if row["compared"] == Compared.MODEL]
    people = [row for row in overall if row["compared"] == Compared.PEOPLE]
    show_raters("Models against people", "version", models)
    for row in people:
        out.print(told_of_people(row), soft_wrap=True)
    show_labels([row for row in measured.agreement if row["label"] and row["compared"] == Compared.MODEL])
    show_annotators(measured.annotators)
    if not people:
        say(NOBODY)


def show_raters(title: str, header: str, rows: Rows) -> None:
    """Print how far raters agree with people's majority."""
    figures = [
        (row["rater"], row["votes"], row["items"], row["observed_agreement"], row["cohen_kappa"], interval(row))
        for row in rows
    ]
    if figures:
        headers = (header, "votes", "texts compared", "agree", "Cohen's kappa", "95 % interval")
        show_table(title, headers, figures)


def show_labels(rows: Rows) -> None:
    """Print the labels on which a model and people agree least, where they can be told from others."""
    told = sorted((row for row in rows if row["cohen_kappa"] is not None), key=lambda row: row["cohen_kappa"])
    figures = [(row["label"], row["rater"], row["items"], row["cohen_kappa"], interval(row)) for row in told]
    if figures:
        headers = ("label", "version", "texts compared", "Cohen's kappa", "95 % interval")
        show_table("Where they agree least, label by label", headers, figures[:MOST_LABELS])


def show_annotators(rows: Rows) -> None:
    """Print how good each annotator is, the one with most votes first."""
    figures = [
        (
            row["annotator_id"][:SHOWN_ID],
            *(row[name] for name in ("votes", "accuracy", "compared", "majority_agreement")),
            "; ".join(f"{one['true_label']} as {one['said']}" for one in row["mistakes"]) or None,
        )
        for row in sorted(rows, key=lambda row: (-row["votes"], row["annotator_id"]))
    ]
    if figures:
        headers = ("annotator", "votes", "accuracy", "texts compared", "with the others", "takes most often")
        caption = "Accuracy: Dawid and Skene's estimate from all people's votes."
        show_table("Annotators", headers, figures, caption)


def told_of_people(row: Mapping[str, Any]) -> str:
    """Say how far people agree with each other."""
    if not row["items"]:
        return f"People gave {row['votes']:,} votes; no text has two people's yet, so they cannot be compared."
    kappa, alpha = (
        "undefined" if row[name] is None else f"{row[name]:.3f}" for name in ("fleiss_kappa", "krippendorff_alpha")
    )
    return (
        f"People among themselves: {row['votes']:,} votes; of pairs of votes on {row['items']:,} texts "
        f"{row['observed_agreement']:.1%} agree. Fleiss' kappa {kappa}, Krippendorff's alpha {alpha}."
    )


def interval(row: Mapping[str, Any]) -> str | None:
    """Write the interval of a kappa."""
    return None if row["kappa_low"] is None else f"{row['kappa_low']:.2f} to {row['kappa_high']:.2f}"
