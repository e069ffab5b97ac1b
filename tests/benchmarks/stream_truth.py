"""Gold, and the confidences behind it, held against the true labels, which the product never read."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from pipelines.adapters.delta import read_table
from pipelines.cli.assurance import subject_of
from pipelines.cli.opening import calibration_of, open_tables
from pipelines.contracts import LABELS
from pipelines.jobs.certification import read_judged
from pipelines.jobs.evaluation import read_gold_labels
from pipelines.kernels.reliability import measure_reliability
from pipelines.transforms.lots import in_audit
from pipelines.vocabulary import UNKNOWN_LABEL, Voter
from pipelines.workspace import Workspace


def measure(spark: SparkSession, workspace: Workspace, truth: Mapping[str, str]) -> dict[str, Any]:
    """Compare gold with the truth (`unknown` is one), and the models' confidence with how often they were right.

    Args:
        spark: the session.
        workspace: whose gold.
        truth: label of each record.
    """
    store = open_tables(workspace, spark)
    votes = read_table(spark, store, LABELS).where(f"voter = '{Voter.HUMAN.value}'").select("record_id").distinct()
    # Audits teach and calibrate nothing: what the models say of them is measured like the rest.
    taught = votes.where(~in_audit(workspace.settings.gate.audit_share))
    labelled, used = ({row["record_id"] for row in rows.collect()} for rows in (votes, taught))
    judged = read_judged(subject_of(workspace, spark, calibration_of(workspace)))
    rows = [row for row in judged.collect() if row["record_id"] in truth and row["record_id"] not in used]
    return gold_figures(read_gold_labels(spark, store), truth, labelled) | confidence_figures(rows, truth)


def gold_figures(gold: Mapping[str, str], truth: Mapping[str, str], labelled: set[str]) -> dict[str, Any]:
    """Figures of gold as a whole, and of what is in it by the models' word alone."""
    alone = {record: label for record, label in gold.items() if record not in labelled}
    known = sum(label != UNKNOWN_LABEL for label in truth.values())
    strangers = [truth[record] == UNKNOWN_LABEL for record in gold]
    return {
        "gold": len(gold), "coverage": len(gold) / len(truth), "error": error_rate(gold, truth),
        "by models": len(alone), "coverage by models": len(alone) / len(truth),
        "error by models": error_rate(alone, truth), "known": known,
        "known in gold": (len(gold) - sum(strangers)) / known,
        "unknown in gold": sum(strangers) / (len(truth) - known) if known < len(truth) else None,
    }  # fmt: skip


def error_rate(labels: Mapping[str, str], truth: Mapping[str, str]) -> float | None:
    """Share of labels that are not the true ones; None without any."""
    return sum(truth[record] != label for record, label in labels.items()) / len(labels) if labels else None


def confidence_figures(rows: list[Any], truth: Mapping[str, str]) -> dict[str, Any]:
    """How far the models' confidence in a known label means what it says; how right the models are."""
    right = np.array([truth[row["record_id"]] == row["label"] for row in rows])
    known = np.array([row["is_known"] for row in rows])
    sure = np.array([row["confidence"] for row in rows])
    found = measure_reliability(sure[known], right[known])
    return {
        "judged": len(rows), "accuracy": float(right.mean()), "ece": found.ece, "auroc": found.auroc,
        "curve": [vars(each) for each in found.curve],
    }  # fmt: skip
