"""The next texts worth labelling, for people who work on files."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_table
from pipelines.adapters.spark import hold
from pipelines.gate_settings import AnnotationSettings, GateSettings
from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.sampling import (
    Candidate,
    asked_texts,
    audit_rows,
    calibration_rows,
    contradicted_rows,
    gainful_rows,
    spend,
    with_people,
)
from pipelines.transforms.training import may_teach
from pipelines.vocabulary import Purpose


@dataclass(frozen=True)
class Asked:
    """A text that a person is asked about, redacted, and the labels that voters named, by name."""

    record_id: str
    text: str
    candidates: list[str]
    purpose: Purpose


def sample(
    spark: SparkSession, store: TableStore, gate: GateSettings, settings: AnnotationSettings, budget: int
) -> list[Asked]:
    """Choose the next texts to label; without new answers the same ones again.

    Args:
        spark: the session.
        store: where the tables stand.
        gate: for the shares of audit and calibration.
        settings: how the budget is spent.
        budget: how many texts at most.
    """
    names = (tables.DECISIONS, tables.LABELS, tables.TICKETS_SILVER, tables.CLUSTER_MERGES)
    decisions, votes, tickets, merges = (read_table(spark, store, table) for table in names)
    newest = hold(decisions.transform(newest_decisions))
    judged = hold(newest.transform(with_people, votes))
    clusters = tickets.select("record_id", "cluster_id").transform(current_clusters, merges)
    rows = {
        Purpose.AUDIT: judged.transform(audit_rows, gate, budget),
        Purpose.SECOND_VOTE: judged.transform(contradicted_rows, decisions, gate, budget),
        Purpose.CALIBRATION: judged.transform(calibration_rows, gate, budget),
        # What may not teach anybody is not asked for its teaching: doubtful rows would crowd the random samples.
        Purpose.GAIN: judged.transform(may_teach, gate).transform(gainful_rows, clusters, budget),
    }
    shares = {
        Purpose.AUDIT: settings.audit,
        Purpose.SECOND_VOTE: settings.second_votes,
        Purpose.CALIBRATION: settings.calibration,
    }
    chosen = spend({purpose: candidates(purpose, found) for purpose, found in rows.items()}, budget, shares)
    shown = tickets.transform(asked_texts, newest, votes, [one.record_id for one in chosen]).collect()
    told = {row["record_id"]: row for row in shown}
    return [
        Asked(one.record_id, told[one.record_id]["text"], list(told[one.record_id]["candidates"]), one.purpose)
        for one in chosen
    ]


def candidates(purpose: Purpose, rows: DataFrame) -> list[Candidate]:
    """Bring the candidates of a purpose to the driver, in their order."""
    return [Candidate(purpose, row["record_id"], row["text_key"]) for row in rows.collect()]
