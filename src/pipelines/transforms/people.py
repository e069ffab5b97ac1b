"""What people say together of a text: each annotator once, with the newest vote, and the majority's label."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.vocabulary import Voter

LEAST_PEOPLE = 2


def count_people(votes: DataFrame, human_majority: bool) -> DataFrame:
    """Count each annotator's newest vote on a text, and add what the people make of it.

    Of one annotator's votes on a text, on whatever copy of it, only the newest counts: by the time of annotation (that
    of its arrival where the file does not say), then by arrival. Votes without an annotator are each a person's own.
    Where two people or more have a standing vote, a label that more than half of them gave is the majority's; where
    there is none, the people differ.

    Args:
        votes: rows of silver.labels with `stands`.
        human_majority: see `GateSettings`; when off, all votes stay and nobody has a majority.

    Returns:
        votes' columns, majority (label or null) and people_differ.
    """
    if not human_majority:
        return votes.withColumns({"majority": F.lit(None).cast("string"), "people_differ": F.lit(False)})
    counted = newest_of_annotators(votes)
    is_human = F.col("voter") == Voter.HUMAN.value
    said = F.collect_list(F.when(is_human & F.col("stands"), F.col("label"))).over(Window.partitionBy("text_key"))
    majority = F.when(F.size("said") >= LEAST_PEOPLE, _most_of(F.col("said")))
    differ = (F.size("said") >= LEAST_PEOPLE) & F.col("majority").isNull()
    told = counted.withColumn("said", said).withColumn("majority", majority).withColumn("people_differ", differ)
    return told.select(*votes.columns, "majority", "people_differ")


def newest_of_annotators(votes: DataFrame) -> DataFrame:
    """Keep of each annotator's votes on a text the newest, and all votes of models and of nobody in particular."""
    place = F.struct(F.coalesce("annotated_at", "voted_at"), "voted_at", "position", "vote_id")
    newest = F.max("place").over(Window.partitionBy("text_key", "annotator_id"))
    has_annotator = (F.col("voter") == Voter.HUMAN.value) & F.col("annotator_id").isNotNull()
    told = votes.withColumn("place", place).withColumn("newest", newest)
    return told.where(~has_annotator | F.col("place").eqNullSafe(F.col("newest"))).select(*votes.columns)


def people_said(votes: DataFrame) -> DataFrame:
    """Sum up what people said of each text: text_key, people (how many), said (their labels, sorted).

    Args:
        votes: silver.labels.
    """
    by_people = votes.where(F.col("voter") == Voter.HUMAN.value).transform(newest_of_annotators)
    return by_people.groupBy("text_key").agg(
        F.sum(F.lit(1)).alias("people"), F.array_sort(F.collect_set("label")).alias("said")
    )


def _most_of(labels: Column) -> Column:
    """The label that more than half of a list say; null when there is none."""

    def leads(label: Column) -> Column:
        same = F.filter(labels, lambda other: other == label)
        return F.size(same) * 2 > F.size(labels)

    return F.array_max(F.filter(labels, leads))
