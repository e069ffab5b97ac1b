"""Who says something else than whom: each rater's newest label on each text, pairs of raters, contested clusters.

A rater is a version of a model, or a named person, as in gold.agreement; there raters are compared with the majority of
people, here with each other.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.agreement_counts import newest_of_models, rater
from pipelines.transforms.people import newest_of_annotators
from pipelines.vocabulary import Voter

NEWEST = ["text_key", "record_id", "voter", "rater", "label", "confidence", "said_at"]
CONFUSIONS = ["voter", "rater", "other_voter", "other_rater", "label", "other_label", "texts"]
VERSIONS = ["voter", "before", "after", "texts", "flips", "began_at"]
CONTESTED = ["cluster_id", "records", "votes", "differing", "share", "labels", "text"]


def newest_labels(votes: DataFrame) -> DataFrame:
    """Keep each rater's newest label on each text.

    Args:
        votes: silver.labels. Votes without a label, and of people who are not named, are left out.

    Returns:
        text_key, record_id (the copy that was voted on), voter, rater, label, confidence, said_at.
    """
    says = votes.where(F.col("label").isNotNull() & F.col("text_key").isNotNull())
    timed = says.withColumns({"rater": rater(), "said_at": F.coalesce("annotated_at", "voted_at")})
    named = timed.where(F.col("rater").isNotNull())
    return named.transform(newest_of_annotators).transform(newest_of_models).select(*NEWEST)


def confusions(newest: DataFrame) -> DataFrame:
    """Count the texts on which two raters gave two labels, equal or not; each pair of raters in both directions.

    Args:
        newest: of `newest_labels`.

    Returns:
        voter, rater, other_voter, other_rater, label (of the rater), other_label (of the other one), texts.
    """
    other = newest.select("text_key", *(F.col(name).alias(f"other_{name}") for name in ("voter", "rater", "label")))
    pairs = newest.join(other, on="text_key", how="inner").where(_is_other())
    return pairs.groupBy(*CONFUSIONS[:-1]).agg(F.sum(F.lit(1)).alias("texts")).select(*CONFUSIONS)


def compared_versions(newest: DataFrame) -> DataFrame:
    """List the pairs of versions of one model voter that read the same texts.

    Args:
        newest: of `newest_labels`.

    Returns:
        voter, before and after (versions, in the order of their first vote), texts (that both labelled), flips (texts
        that they gave different labels), began_at (when `after` first voted).
    """
    models = newest.where(F.col("voter") != Voter.HUMAN.value)
    began = models.groupBy("voter", "rater").agg(F.min("said_at").alias("began_at"))
    told = models.join(began, on=["voter", "rater"], how="inner")
    sides = {"before": "earlier", "after": "later"}
    before, after = (
        told.select(
            *("text_key", "voter"), F.col("rater").alias(side), F.col("label").alias(f"{side}_label"),
            F.struct("began_at", "rater").alias(place),
        )
        for side, place in sides.items()
    )  # fmt: skip
    pairs = before.join(after, on=["text_key", "voter"], how="inner").where(F.col("earlier") < F.col("later"))
    return (
        pairs.groupBy("voter", "before", "after")
        .agg(
            F.sum(F.lit(1)).alias("texts"),
            F.count_if(F.col("before_label") != F.col("after_label")).alias("flips"),
            F.max("later.began_at").alias("began_at"),
        )
        .select(*VERSIONS)
    )


def contested_clusters(newest: DataFrame, tickets: DataFrame) -> DataFrame:
    """Count in each cluster the votes that are not for its commonest label; clusters of one mind are left out.

    Args:
        newest: of `newest_labels`.
        tickets: silver.tickets with the clusters of today.

    Returns:
        cluster_id, records (of the cluster), votes (of each rater the newest on each text), differing (of these, not
        for the commonest label), share (differing of votes), labels (the commonest first), text (of the first record).
    """
    clustered = tickets.where(F.col("cluster_id").isNotNull())
    is_first = F.col("record_id") == F.col("cluster_id")
    sizes = clustered.groupBy("cluster_id").agg(
        F.sum(F.lit(1)).alias("records"), F.max(F.when(is_first, F.col("text"))).alias("text")
    )
    cast = newest.join(clustered.select("record_id", "cluster_id"), on="record_id", how="inner")
    by_label = cast.groupBy("cluster_id", "label").agg(F.sum(F.lit(1)).alias("n"))
    commonest_first = F.array_sort(F.collect_list(F.struct((-F.col("n")).alias("less"), "label")))
    summed = by_label.groupBy("cluster_id").agg(
        F.sum("n").alias("votes"), (F.sum("n") - F.max("n")).alias("differing"), commonest_first.alias("ranked")
    )
    labels = F.transform("ranked", lambda one: one["label"])
    told = summed.where("differing > 0").withColumns({"share": F.col("differing") / F.col("votes"), "labels": labels})
    return told.join(sizes, on="cluster_id", how="inner").select(*CONTESTED)


def _is_other() -> Column:
    return (F.col("voter") != F.col("other_voter")) | (F.col("rater") != F.col("other_rater"))
