"""Training, validation and test: near-duplicates and equal texts stay together.

What stays together is a *family*: clusters that share a text (one that came again after the clustering's window), or
one cluster, or, where there are no clusters, one text. A family is named by its oldest cluster, and dealt to a split by
the hash of that name: so it stays there whatever else comes or goes. When clusters become one, the older one's split
counts and the younger one's rows move there.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.settings import ExportSettings
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.payloads import normalise_text
from pipelines.vocabulary import Split

LEAST_FAMILIES = 5
"""A label with so many families gets one at least into each split, where they are cut by exact shares."""


def shared_texts(tickets: DataFrame, merges: DataFrame) -> DataFrame:
    """List the texts that stand in several clusters of today, with these clusters, the oldest of a text first.

    All records count, not only those in gold: what becomes of a family must not hang on a row that moves.

    Args:
        tickets: silver.tickets.
        merges: silver.cluster_merges.

    Returns:
        text_hash, cluster_id, cluster_no (of the cluster's oldest member); ordered.
    """
    clustered = tickets.where(F.col("text").isNotNull() & F.col("cluster_id").isNotNull())
    told = clustered.transform(current_clusters, merges).select("cluster_id", "cluster_no", "text")
    ages = told.groupBy("cluster_id").agg(F.min("cluster_no").alias("cluster_no"))
    pairs = told.transform(hash_texts).select("text_hash", "cluster_id").distinct()
    several = pairs.groupBy("text_hash").agg(F.sum(F.lit(1)).alias("clusters")).where("clusters > 1")
    return (
        pairs.join(several, on="text_hash", how="left_semi")
        .join(ages, on="cluster_id", how="inner")
        .select("text_hash", "cluster_id", "cluster_no")
        .orderBy("text_hash", "cluster_no", "cluster_id")
    )


def hash_texts(rows: DataFrame) -> DataFrame:
    """Add text_hash: equal for texts that differ only in form, case and white space."""
    return rows.withColumn("text_hash", F.sha2(F.udf(normalise_text, "string", useArrow=True)("text"), 256))


def add_families(examples: DataFrame, joined: DataFrame) -> DataFrame:
    """Add text_hash and family, the name of what has to stay together.

    Args:
        examples: gold rows whose cluster_id is the one of today.
        joined: cluster_id and family of the clusters that are part of an older one's family.
    """
    hashed = examples.transform(hash_texts).join(F.broadcast(joined), on="cluster_id", how="left")
    family = F.coalesce("family", "cluster_id", "text_hash")
    return hashed.select(*examples.columns, "text_hash", family.alias("family"))


def add_splits(examples: DataFrame, settings: ExportSettings) -> DataFrame:
    """Add `split` to rows that know their family, the same for all rows of a family.

    Args:
        examples: rows with family, label and created_at.
        settings: the way and the shares. Where no row has a time, `time` is `hash`.
    """
    if settings.split == "hash":
        return examples.withColumn("split", _cut(_hashed(), settings.test_share, settings.validation_share))
    dealt = _by_label(examples, settings) if settings.split == "stratified" else _by_time(examples, settings)
    return examples.join(dealt.select("family", "split"), on="family", how="inner").select(*examples.columns, "split")


def straddling(examples: DataFrame) -> DataFrame:
    """Count what must not be: clusters and normalised texts with rows in several splits. One row: clusters, texts."""
    counts = [
        examples.where(F.col(key).isNotNull())
        .groupBy(key)
        .agg(F.count_distinct("split").alias("splits"))
        .agg(F.coalesce(F.sum((F.col("splits") > 1).cast("int")), F.lit(0)).alias(name))
        for key, name in (("cluster_id", "clusters"), ("text_hash", "texts"))
    ]
    return counts[0].join(counts[1], how="cross").select("clusters", "texts")


def _hashed() -> Column:
    """Give a family its number in [0, 1): the first 32 bits of a SHA-256."""
    digest = F.sha2(F.concat(F.lit("split:"), "family"), 256)
    return F.conv(F.substring(digest, 1, 8), 16, 10).cast("double") / 2.0**32


def _cut(number: Column, test_until: Column | float, validation_share: Column | float) -> Column:
    """Deal numbers out: the lowest to the test, the next ones to validation, the rest to training."""
    tests = F.lit(test_until)
    in_validation = number < tests + F.lit(validation_share)
    split = F.when(number < tests, Split.TEST.value).when(in_validation, Split.VALIDATION.value)
    return split.otherwise(Split.TRAIN.value)


def _by_label(examples: DataFrame, settings: ExportSettings) -> DataFrame:
    """Cut the families of each label, in the order of their hashes, by exact shares; most rows name its label."""
    named = examples.groupBy("family", "label").agg(F.sum(F.lit(1)).alias("rows"))
    families = named.groupBy("family").agg(F.min_by("label", F.struct(-F.col("rows"), F.col("label"))).alias("label"))
    label = Window.partitionBy("label")
    rank = F.row_number().over(label.orderBy(_hashed(), "family")) - 1
    ranked = families.withColumns({"rank": rank, "families": F.sum(F.lit(1)).over(label)})
    return ranked.withColumn("split", _cut(F.col("rank"), _part(settings.test_share), _part(settings.validation_share)))


def _part(share: float) -> Column:
    """Number the families of a label that a share makes: one at least where there are enough, and a share at all."""
    enough = F.col("families") >= LEAST_FAMILIES
    least = F.when(enough, F.lit(int(share > 0))).otherwise(0)
    return F.greatest(least, F.round(F.col("families") * share).cast("int"))


def _by_time(examples: DataFrame, settings: ExportSettings) -> DataFrame:
    """Make the newest families the test, a family being as old as its oldest row; share the rest out by hash."""
    families = examples.groupBy("family").agg(F.min("created_at").alias("began_at"))
    newest = Window.orderBy(F.col("began_at").desc_nulls_last(), _hashed(), "family")
    everything = Window.partitionBy(F.lit(1))
    tests = F.round(F.sum(F.lit(1)).over(everything) * settings.test_share)
    # A family without a time is never among the newest; without any time there is nothing to go by.
    dated = F.max("began_at").over(everything).isNotNull()
    is_new = F.col("began_at").isNotNull() & (F.row_number().over(newest) <= tests)
    rest = settings.validation_share / (settings.train_share + settings.validation_share)
    older = _cut(_hashed(), 0.0, rest)
    by_hash = _cut(_hashed(), settings.test_share, settings.validation_share)
    newer = F.when(is_new, Split.TEST.value).otherwise(older)
    return families.withColumn("split", F.when(dated, newer).otherwise(by_hash))
