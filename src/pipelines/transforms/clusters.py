"""Near-duplicate clusters on rows: what the index answered, which clusters became one, which cluster counts today."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.columns import IDENTITY
from pipelines.contracts import CLUSTER_MERGES, TICKETS_SILVER

IDENTITY_NAMES = [field.name for field in IDENTITY]


def add_clusters(redacted: DataFrame, clustering: DataFrame) -> DataFrame:
    """Give each record its cluster and the links that made it a member; a withheld record has neither.

    Args:
        redacted: records after `redaction.redact`.
        clustering: a row for each record that is not withheld, as contracts.CLUSTERING.

    Returns:
        Payload of silver.tickets.
    """
    return redacted.join(F.broadcast(clustering), on="record_id", how="left").select(*TICKETS_SILVER.payload_names)


def merge_clusters(tickets: DataFrame, log: DataFrame) -> DataFrame:
    """Tell which clusters the tickets of a micro-batch have made one: the older one takes the other in.

    A cluster that had been taken in by an absorbed one moves along, with a row of its own: so the cluster of today is
    found without following chains.

    Args:
        tickets: the stored rows of one micro-batch of silver.tickets.
        log: silver.cluster_merges before it.

    Returns:
        Payload of silver.cluster_merges.
    """
    joined = tickets.select(
        *IDENTITY_NAMES, "arrival_no", "cluster_id", "cluster_no", F.explode("links").alias("link")
    ).where(F.col("link.cluster_no") != F.col("cluster_no"))
    cause = F.struct(
        *IDENTITY_NAMES,
        "cluster_id",
        "cluster_no",
        F.col("link.record_id").alias("linked_record_id"),
        "link.similarity",
    )
    absorbed = joined.groupBy(
        F.col("link.cluster_id").alias("absorbed_id"), F.col("link.cluster_no").alias("absorbed_no")
    ).agg(F.min_by(cause, "arrival_no").alias("cause"))
    moving = newest_merges(log).select("absorbed_id", "absorbed_no", F.col("cluster_id").alias("former_id"))
    along = moving.join(absorbed.select(F.col("absorbed_id").alias("former_id"), "cause"), on="former_id", how="inner")
    names = ["absorbed_id", "absorbed_no", "cause.*"]
    return absorbed.select(*names).unionByName(along.select(*names)).select(*CLUSTER_MERGES.payload_names)


def newest_merges(log: DataFrame) -> DataFrame:
    """Keep for each absorbed cluster the row that counts: the one with the oldest cluster."""
    return (
        log.groupBy("absorbed_id", "absorbed_no")
        .agg(F.min_by(F.struct("cluster_id", "cluster_no"), "cluster_no").alias("now"))
        .select("absorbed_id", "absorbed_no", "now.*")
    )


def current_clusters(rows: DataFrame, log: DataFrame) -> DataFrame:
    """Replace cluster_id, on rows of any table that has it, by the cluster that it is part of today.

    Args:
        rows: with a column cluster_id.
        log: silver.cluster_merges.
    """
    now = newest_merges(log).select(F.col("absorbed_id").alias("cluster_id"), F.col("cluster_id").alias("current_id"))
    joined = rows.join(now, on="cluster_id", how="left")
    return joined.withColumn("cluster_id", F.coalesce("current_id", "cluster_id")).select(*rows.columns)
