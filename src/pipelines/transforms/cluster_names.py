"""What groups of records are about: their key phrases, weighed by how many texts inside and outside hold them."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

PHRASES_PER_NAME = 3
NAMED = ["group_id", "records", "phrases"]


def name_clusters(tickets: DataFrame, features: DataFrame, biggest: int) -> DataFrame:
    """Name the biggest clusters of silver.tickets: group_id (their cluster_id), records, phrases, biggest first.

    Args:
        tickets: rows of silver.tickets.
        features: rows of silver.text_features; a cluster that has none gets no phrases.
        biggest: how many clusters; single records are none.
    """
    members = tickets.where(F.col("cluster_id").isNotNull()).select(F.col("cluster_id").alias("group_id"), "record_id")
    sizes = members.groupBy("group_id").agg(F.sum(F.lit(1)).alias("records")).where("records > 1")
    chosen = sizes.orderBy(F.col("records").desc(), "group_id").limit(biggest)
    named = chosen.join(members, on="group_id", how="inner").transform(name_groups, features)
    return named.orderBy(F.col("records").desc(), "group_id").select(*NAMED)


def name_groups(members: DataFrame, features: DataFrame) -> DataFrame:
    """Give each group up to three key phrases, the most telling first: group_id, records, phrases.

    A phrase weighs the share of the group's texts that hold it, times the logarithm of how rare it is among all texts
    outside; between equals, the one that is more telling in its own texts comes first. Of two phrases one of which
    holds the other, only the first is kept.

    Args:
        members: group_id, records (of the group), record_id; a record may be in several groups.
        features: rows of silver.text_features, of all records: they are the outside.
    """
    held = features.select("record_id", F.explode("key_phrases").alias("held")).select("record_id", "held.*")
    everywhere = held.groupBy("phrase").agg(F.sum(F.lit(1)).alias("texts"))
    inside = (
        members.join(held, on="record_id", how="inner")
        .groupBy("group_id", "records", "phrase")
        .agg(F.sum(F.lit(1)).alias("inside"), F.avg("score").alias("score"))
    )
    total = features.agg(F.sum(F.lit(1)).alias("all_texts"))
    weighed = inside.join(everywhere, on="phrase", how="inner").join(F.broadcast(total), how="cross")
    best_first = F.array_sort(F.collect_list(F.struct((-weight()).alias("order"), "score", "phrase")))
    names = weighed.groupBy("group_id").agg(F.slice(apart(best_first), 1, PHRASES_PER_NAME).alias("phrases"))
    groups = members.select("group_id", "records").dropDuplicates(["group_id"])
    return (
        groups.join(names, on="group_id", how="left")
        .withColumn("phrases", F.coalesce("phrases", F.array().cast("array<string>")))
        .select(*NAMED)
    )


def weight() -> Column:
    """Share of the group's texts that hold a phrase, times the logarithm of its rarity outside."""
    outside = F.col("texts") - F.col("inside")
    return F.round(F.col("inside") / F.col("records") * F.log((F.col("all_texts") + 1) / (outside + 1)), 9)


def apart(ordered: Column) -> Column:
    """Go through phrases in their order and leave out those that hold, or are held by, one that was kept."""

    def add(kept: Column, one: Column) -> Column:
        phrase = one["phrase"]
        told = F.exists(kept, lambda other: other.contains(phrase) | phrase.contains(other))
        return F.when(told, kept).otherwise(F.concat(kept, F.array(phrase)))

    return F.aggregate(ordered, F.array().cast("array<string>"), add)
