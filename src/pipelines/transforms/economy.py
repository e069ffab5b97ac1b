"""What labels cost, and what the cascade's shortcuts cost in agreement: both are read from the votes themselves."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipelines.vocabulary import Tier, Voter

VERSIONS = ("model_name", "model_version", "prompt_name", "prompt_version")
SAME = (*VERSIONS, "model_hash", "prompt_hash", "label_set_hash", "examples_hash", "decoding")


def labelling_economy(votes: DataFrame) -> DataFrame:
    """Sum up the models' votes by day, voter, versions and tier.

    Args:
        votes: rows of silver.labels.

    Returns:
        day (UTC), voter, model_name, model_version, prompt_name, prompt_version, tier, device, votes, texts, tokens_in,
        tokens_out, seconds. A text's cost counts once a micro-batch, however many of its records have it.
    """
    models = votes.where(F.col("voter") != Voter.HUMAN.value)
    keys = (F.to_date("voted_at").alias("day"), "voter", *VERSIONS, "tier", "device")
    # Votes of one micro-batch are cast at one time, and on one text by one call.
    once = models.groupBy(*keys, "voted_at", "text_hash").agg(
        F.sum(F.lit(1)).alias("votes"),
        *(F.max(name).alias(name) for name in ("tokens_in", "tokens_out", "latency_ms")),
    )
    return once.groupBy("day", "voter", *VERSIONS, "tier", "device").agg(
        F.sum("votes").alias("votes"),
        F.count_distinct("text_hash").alias("texts"),
        F.sum("tokens_in").alias("tokens_in"),
        F.sum("tokens_out").alias("tokens_out"),
        F.round(F.sum("latency_ms") / 1000, 3).alias("seconds"),
    )


def cluster_disagreement(votes: DataFrame) -> DataFrame:
    """Measure what taking a cluster's vote over costs: how often a text that is asked itself gets another label.

    Of a cluster's texts that were asked themselves, the earliest (in one micro-batch any) is what the others are
    compared with.

    Args:
        votes: rows of silver.labels.

    Returns:
        model_name, model_version, prompt_name, prompt_version, sampled (texts), differing.
    """
    asked = votes.where(
        (F.col("voter") == Voter.SLM.value)
        & (F.col("tier") == Tier.MODEL.value)
        & F.col("cluster_id").isNotNull()
        & F.col("label").isNotNull()
    ).dropDuplicates([*SAME, "text_hash"])
    cluster = Window.partitionBy(*SAME, "cluster_id").orderBy("voted_at", "vote_id")
    told = asked.withColumns({"place": F.row_number().over(cluster), "leading": F.first_value("label").over(cluster)})
    sample = told.where("place > 1")
    return sample.groupBy(*VERSIONS).agg(
        F.sum(F.lit(1)).alias("sampled"), F.count_if(F.col("label") != F.col("leading")).alias("differing")
    )
