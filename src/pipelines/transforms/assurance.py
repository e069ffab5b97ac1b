"""What people's votes say of the models': which judged records are verified, and how often the models were right."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.gate_settings import GateSettings
from pipelines.intents import LabelSet
from pipelines.kernels.audits import MOST_VOTES
from pipelines.transforms.label_sets import as_of_today
from pipelines.transforms.lots import in_audit, in_calibration
from pipelines.transforms.people import newest_of_annotators
from pipelines.vocabulary import UNKNOWN_LABEL, Voter

SAID = "said"


def judged_by_models(
    records: DataFrame,
    evidence: DataFrame,
    decisions: DataFrame,
    labels: LabelSet,
    settings: GateSettings,
    held_out: float,
) -> DataFrame:
    """Give each record what the models say of its text, and say which samples it belongs to.

    Args:
        records: silver.tickets.
        evidence: what `opinions.weigh` made of the models' votes alone.
        decisions: gold.decisions.
        labels: those that may reach gold.
        settings: the samples' shares.
        held_out: share of the audit's lots from which nothing was learnt; what is beyond it is no audit.

    Returns:
        One row a record that models judged: record_id, text_key, position, label, confidence, is_known (no model
        disagrees, and the label may reach gold), is_audited, calibrates, decided_at (of its first decision).
    """
    known = (F.size("labels") <= 1) & (F.col("label") != UNKNOWN_LABEL)
    if labels.names:
        known = known & F.col("label").isin([*labels.names])
    shown = records.where(F.col("withheld").isNull()).select("record_id", "text_key", "position")
    told = evidence.where(F.col("confidence").isNotNull())
    told = told.select("text_key", "label", "confidence", known.alias("is_known"))
    first = decisions.groupBy("record_id").agg(F.min("decided_at").alias("decided_at"))
    samples = {
        "is_audited": in_audit(min(settings.audit_share, held_out)),
        "calibrates": in_calibration(settings.calibration_share, settings.audit_share),
    }
    judged = shown.join(told, on="text_key", how="inner").join(first, on="record_id", how="left")
    return judged.withColumns(samples).select(
        "record_id", "text_key", "position", "label", "confidence", "is_known", *samples, "decided_at"
    )


def verified(judged: DataFrame, votes: DataFrame, labels: LabelSet) -> DataFrame:
    """Keep the judged records on whose text people voted, with what these said.

    Who voted twice counts with the newest vote (see `people`).

    Args:
        judged: rows with a text_key.
        votes: rows of silver.labels.
        labels: of today.

    Returns:
        judged's columns and said: the labels of up to `MOST_VOTES` people, in the order they voted.
    """
    told = votes.where(F.col("voter") == Voter.HUMAN.value).transform(as_of_today, labels)
    by_person = told.where(F.col("label").isNotNull()).transform(newest_of_annotators)
    vote = F.struct(F.coalesce("annotated_at", "voted_at").alias("at"), "vote_id", "label")
    said = F.transform(F.array_sort(F.collect_list(vote)), lambda one: one["label"])
    by_text = by_person.groupBy("text_key").agg(F.slice(said, 1, MOST_VOTES).alias(SAID))
    return judged.join(by_text, on="text_key", how="inner").select(*judged.columns, SAID)


def newest_certificate(certificates: DataFrame) -> DataFrame:
    """Take the row of gold.certificates that is in force: the one that was issued last."""
    return certificates.orderBy(F.col("issued_at").desc(), "certificate_id").limit(1)


def mark_suspect(gold: DataFrame, decisions: DataFrame, certificates: DataFrame) -> DataFrame:
    """Add `is_suspect`: decided after the moment from which a suspended certificate does not vouch for gold.

    Args:
        gold: rows of gold.training_examples.
        decisions: gold.decisions.
        certificates: gold.certificates.
    """
    since = certificates.transform(newest_certificate).select("suspect_since")
    keys = ["record_id", "decision_no"]
    dated = gold.join(decisions.select(*keys, "decided_at"), on=keys, how="left")
    late = F.col("decided_at") > F.col("suspect_since")
    marked = dated.join(since, on=late, how="left")
    return marked.select(*gold.columns, F.col("suspect_since").isNotNull().alias("is_suspect"))


def count_reaching(judged: DataFrame, thresholds: list[float]) -> DataFrame:
    """Count all judged records, and those of known labels that reach each threshold: judged, reach_0, reach_1, ..."""
    reaching = [
        F.sum((F.col("is_known") & (F.col("confidence") >= threshold)).cast("long")).alias(f"reach_{place}")
        for place, threshold in enumerate(thresholds)
    ]
    return judged.agg(F.sum(F.lit(1)).alias("judged"), *reaching)


def doubt_reaching(judged: DataFrame, thresholds: list[float]) -> DataFrame:
    """Sum up how many errors the confidences expect among records of known labels from each threshold on.

    Returns:
        One row: doubt_0, doubt_1, ...; null where no record reaches the threshold.
    """
    reaches = [F.col("is_known") & (F.col("confidence") >= threshold) for threshold in thresholds]
    doubts = [F.sum(F.when(is_reached, 1.0 - F.col("confidence"))) for is_reached in reaches]
    return judged.agg(*[doubt.alias(f"doubt_{place}") for place, doubt in enumerate(doubts)])


def stream_shape(judged: DataFrame, since: datetime) -> DataFrame:
    """Count what drift is measured on, before and since a moment, by the records' first decisions.

    Returns:
        what (label, confidence or known), bin, is_new, records.
    """
    tenth = F.least(F.floor(F.col("confidence") * 10), F.lit(9)).cast("string")
    bins = {"label": F.col("label"), "confidence": tenth, "known": F.col("is_known").cast("string")}
    told = F.explode(F.array(*[F.struct(F.lit(what).alias("what"), name.alias("bin")) for what, name in bins.items()]))
    is_new = F.col("decided_at") > F.lit(since)
    listed = judged.where(F.col("decided_at").isNotNull()).select(told.alias("told"), is_new.alias("is_new"))
    return listed.groupBy("told.what", "told.bin", "is_new").agg(F.sum(F.lit(1)).alias("records"))
