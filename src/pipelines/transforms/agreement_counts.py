"""Counts that agreement is measured from; new votes change them by what their texts say now less what they said before.

On each text a rater (a version of a model, or a named person) is compared with the label that more than half of the
*other* people gave, and people with each other, pair by pair. Of one rater's votes on a text the newest counts.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.contracts import AGREEMENT, AGREEMENT_COUNTS
from pipelines.contracts.measures import VOTES_THROUGH
from pipelines.transforms.evidence import vote_version
from pipelines.transforms.intake import moment, utc_day
from pipelines.transforms.people import LEAST_PEOPLE, newest_of_annotators
from pipelines.transforms.traces import is_through
from pipelines.vocabulary import Counted, Voter

NEEDED = (
    *("vote_id", "text_key", "voter", "annotator_id", "label", "position", "annotated_at", "voted_at"),
    *("model_name", "model_version", "prompt_name", "prompt_version", "query_epoch", "batch_id"),
)
"""Columns of silver.labels that are read."""
CELL = ("counted", "voter", "rater", "day", "label", "other_label", "people")
MEASURED = ("compared", "voter", "rater", "label", "day")
FIGURES = (
    *("votes", "items", "observed_agreement", "cohen_kappa", "kappa_low", "kappa_high"),
    *("fleiss_kappa", "krippendorff_alpha"),
)


def newest_batches(rows: DataFrame) -> DataFrame:
    """Find the newest micro-batch of each query that wrote rows: query_epoch, batch_id."""
    return rows.groupBy("query_epoch").agg(F.max("batch_id").alias("batch_id"))


def cast_through(votes: DataFrame, through: Mapping[str, int]) -> DataFrame:
    """Keep the votes of each query's micro-batches up to a newest one: NEEDED."""
    return votes.where(is_through(through)).select(*NEEDED)


def texts_between(votes: DataFrame, before: Mapping[str, int], through: Mapping[str, int]) -> DataFrame:
    """Find the texts that got votes since: text_key."""
    return votes.where(is_through(through) & ~is_through(before)).select("text_key").distinct()


def count_votes(votes: DataFrame) -> DataFrame:
    """Count what votes say of agreement.

    Args:
        votes: rows of silver.labels, all those of each text. One without a label (a failure) says nothing.

    Returns:
        CELL's columns and n; a cell may come more than once.
    """
    says = votes.where(F.col("label").isNotNull() & F.col("text_key").isNotNull())
    timed = says.withColumn("said_at", F.coalesce("annotated_at", "voted_at"))
    told = timed.withColumns({"rater": _rater(), "day": utc_day("said_at")})
    newest = told.transform(newest_of_annotators).transform(_newest_of_models)
    said = newest.transform(_said_by_people)
    given = told.groupBy("voter", "rater", "day", "label").agg(F.sum(F.lit(1)).alias("n"))
    parts = {
        Counted.VOTES: given,
        Counted.RATER: newest.transform(_against_people, said),
        Counted.PEOPLE: said.transform(_pairs_of_people),
    }
    cells = [part.transform(_as_cells, str(counted)) for counted, part in parts.items()]
    return reduce(DataFrame.unionByName, cells)


def less(counts: DataFrame, before: DataFrame) -> DataFrame:
    """Take earlier counts off, cell by cell; cells that stay equal are left out."""
    negative = before.select(*CELL, (-F.col("n")).alias("n"))
    return counts.select(*CELL, "n").unionByName(negative).transform(add_up)


def add_up(counts: DataFrame) -> DataFrame:
    """Sum counts cell by cell; cells of nothing are left out."""
    return counts.groupBy(*CELL).agg(F.sum("n").alias("n")).where(F.col("n") != 0).select(*CELL, "n")


def counted_rows(cells: DataFrame, through: Mapping[str, int], counted_at: datetime) -> DataFrame:
    """Lay counts out as rows of gold.agreement_counts, with the votes that they are of."""
    marks = [part for query, batch in sorted(through.items()) for part in (F.lit(query), F.lit(batch).cast("long"))]
    told = {"votes_through": F.create_map(*marks).cast(VOTES_THROUGH), "counted_at": moment(counted_at)}
    return cells.withColumns(told).select(*AGREEMENT_COUNTS.payload_names)


def newest_measures(measures: DataFrame) -> DataFrame:
    """Keep the newest row of whatever gold.agreement measures, unless nothing is left that it rests on."""
    newest = F.max_by(F.struct(*FIGURES, "measured_at", "query_epoch", "batch_id"), "batch_id").alias("newest")
    told = measures.groupBy(*MEASURED).agg(newest).select(*MEASURED, "newest.*")
    return told.where((F.col("votes") > 0) | (F.col("items") > 0)).select(*AGREEMENT.column_names)


def newest_quality(quality: DataFrame) -> DataFrame:
    """Keep the rows of gold.annotator_quality that were measured last."""
    last = quality.agg(F.max("batch_id").alias("batch_id"))
    return quality.join(last, on="batch_id", how="left_semi").select(*quality.columns)


def _rater() -> Column:
    return F.when(F.col("voter") == Voter.HUMAN.value, F.col("annotator_id")).otherwise(vote_version())


def _newest_of_models(votes: DataFrame) -> DataFrame:
    """Keep of each version's votes on a text the newest, and all votes of people."""
    place = F.struct("voted_at", "vote_id")
    newest = F.max(place).over(Window.partitionBy("text_key", "voter", "rater"))
    is_human = F.col("voter") == Voter.HUMAN.value
    return votes.withColumn("newest", newest).where(is_human | (place == F.col("newest"))).select(*votes.columns)


def _said_by_people(votes: DataFrame) -> DataFrame:
    """Sum up what people said of each text: text_key, said (labels, with how many gave each), people, last_day."""
    by_label = votes.where(F.col("voter") == Voter.HUMAN.value).groupBy("text_key", "label")
    given = by_label.agg(F.sum(F.lit(1)).alias("given"), F.max("day").alias("day"))
    return given.groupBy("text_key").agg(
        F.collect_list(F.struct("label", "given")).alias("said"),
        F.sum("given").alias("people"),
        F.max("day").alias("last_day"),
    )


def _against_people(votes: DataFrame, said: DataFrame) -> DataFrame:
    """Count each rater's labels beside the label that more than half of the other people gave."""
    own = (F.col("voter") == Voter.HUMAN.value).cast("long")

    def leads(one: Column) -> Column:
        by_others = one["given"] - F.when(one["label"] == F.col("label"), own).otherwise(0)
        return by_others * 2 > F.col("people") - own

    leading = F.try_element_at(F.filter("said", leads), F.lit(1))["label"]
    named = votes.where(F.col("rater").isNotNull()).join(said, on="text_key", how="inner")
    compared = named.withColumn("other_label", leading).where(F.col("other_label").isNotNull())
    return compared.groupBy("voter", "rater", "day", "label", "other_label").agg(F.sum(F.lit(1)).alias("n"))


def _pairs_of_people(said: DataFrame) -> DataFrame:
    """Count the ordered pairs of different people's labels on each text, by how many people voted on it."""
    ones = said.where(F.col("people") >= LEAST_PEOPLE).withColumn("one", F.explode("said"))
    both = ones.withColumn("other", F.explode("said"))
    pairs = F.col("one.given") * (F.col("other.given") - (F.col("one.label") == F.col("other.label")).cast("long"))
    told = both.select(
        F.col("last_day").alias("day"),
        F.col("one.label").alias("label"),
        F.col("other.label").alias("other_label"),
        *("people", pairs.alias("n")),
    )
    counted = told.groupBy("day", "label", "other_label", "people").agg(F.sum("n").alias("n"))
    return counted.withColumn("voter", F.lit(Voter.HUMAN.value))


def _as_cells(counts: DataFrame, counted: str) -> DataFrame:
    """Bring counts into CELL's columns; those that they do not have are null."""
    kinds = {field.name: field.dataType for field in AGREEMENT_COUNTS.columns}
    there = {"counted": F.lit(counted)} | {name: F.col(name) for name in counts.columns}
    cells = [there.get(name, F.lit(None)).cast(kinds[name]).alias(name) for name in CELL]
    return counts.select(*cells, F.col("n").cast("long").alias("n"))
