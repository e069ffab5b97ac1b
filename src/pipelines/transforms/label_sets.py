"""Votes and decisions of former label sets: read in the names of today. What stands in the tables stays as it was."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.columns import ALTERNATIVES, SIMILARITIES
from pipelines.intents import LabelSet


def as_of_today(votes: DataFrame, labels: LabelSet) -> DataFrame:
    """Read votes as if they had been cast on the labels of today.

    A renamed label counts under its name of today; where several became one, their probabilities are added up. A
    retired label says nothing any more: what a model gave it is nobody's, and a vote for it alone has no label.

    Args:
        votes: rows of silver.labels.
        labels: of today.

    Returns:
        votes' columns; without former labels the votes themselves.
    """
    if not labels.former:
        return votes
    listed = F.coalesce("alternatives", F.array().cast(ALTERNATIVES))
    near = F.transform(
        "similarities", lambda one: F.struct(_today(one["label"], labels).alias("label"), one["similarity"])
    )
    told = votes.withColumns({"alternatives": _merged(listed, labels), "similarities": near.cast(SIMILARITIES)})
    best, second = (F.try_element_at("alternatives", F.lit(place)) for place in (1, 2))
    is_listed = F.size("alternatives") > 0
    alone = _today(F.col("label"), labels)
    return told.withColumns(
        {
            "label": F.when(is_listed, best["label"]).otherwise(alone),
            "confidence": F.when(is_listed, best["probability"]).when(alone.isNotNull(), F.col("confidence")),
            "second_label": F.when(is_listed, second["label"]).otherwise(_today(F.col("second_label"), labels)),
            "second_confidence": F.when(is_listed, second["probability"]).otherwise(F.col("second_confidence")),
        }
    ).select(*votes.columns)


def of_former_labels(decisions: DataFrame, labels: LabelSet) -> DataFrame:
    """Find the decisions that name a label which is no longer called so.

    Args:
        decisions: the newest of each record.
        labels: of today.

    Returns:
        record_id, place, former_label (the first by name of several), is_retired (whether one it names was retired).
    """
    named = F.array_compact(F.array_append("labels", F.col("label")))
    former = F.filter(named, lambda name: name.isin(*sorted(labels.former)))
    is_retired = F.exists(named, lambda name: name.isin(*sorted(labels.retired)))
    told = decisions.select(
        "record_id", "place", F.array_min(former).alias("former_label"), is_retired.alias("is_retired")
    )
    return told.where(F.col("former_label").isNotNull())


def _merged(listed: Column, labels: LabelSet) -> Column:
    """Put today's names into a list of labels and probabilities: each once, best first, equal ones by name."""
    named = F.filter(
        F.transform(listed, lambda one: F.struct(_today(one["label"], labels).alias("label"), one["probability"])),
        lambda one: one["label"].isNotNull(),
    )
    names = F.array_distinct(F.transform(named, lambda one: one["label"]))

    def added(name: Column) -> Column:
        same = F.filter(named, lambda one: one["label"] == name)
        total = F.aggregate(same, F.lit(0.0), lambda total, one: total + one["probability"])
        return F.struct((-total).alias("less"), name.alias("label"))

    ranked = F.array_sort(F.transform(names, added))
    return F.transform(ranked, lambda one: F.struct(one["label"], (-one["less"]).alias("probability"))).cast(
        ALTERNATIVES
    )


def _today(label: Column, labels: LabelSet) -> Column:
    """Give a label's name of today; none for a retired one."""
    name = label
    for former, now in sorted(labels.renamed.items()):
        name = F.when(label == former, now).otherwise(name)
    return F.when(label.isin(*sorted(labels.retired)), None).otherwise(name) if labels.retired else name
