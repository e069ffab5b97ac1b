"""What the cascade's shortcuts spare, and cost in agreement, read from the votes; for what votes cost see contracts."""

from datetime import datetime

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipelines.transforms.cascade import opinions
from pipelines.vocabulary import UNKNOWN_LABEL, Tier, Voter

VERSIONS = ("model_name", "model_version", "prompt_name", "prompt_version")
SAME = (*VERSIONS, "model_hash", "prompt_hash", "label_set_hash", "examples_hash", "decoding")


def cast_since(votes: DataFrame, since: datetime) -> DataFrame:
    """Keep the votes that were cast at some time or later."""
    return votes.where(F.col("voted_at") >= F.lit(since)).select(*votes.columns)


def questions(votes: DataFrame, sure_from: float) -> DataFrame:
    """Count how the question about each text of a micro-batch was answered, or why it was not asked.

    Args:
        votes: rows of silver.labels.
        sure_from: the mean of the cheap voters from which they are sure without the language model.

    Returns:
        One row: model, cache, cluster (answered by it), sure (not asked: the others were), beside (not asked: it could
        not change the verdict, or the text is rather of no intent), seconds (of the model), sampled (sure ones that
        were asked all the same) and differing (of these, answered otherwise).
    """
    texts = votes.where(F.col("text_hash").isNotNull())
    said = texts.where(F.col("voter") == Voter.SLM.value).select(
        "text_hash", "voted_at", "tier", "latency_ms", F.col("label").alias("said")
    )
    cheap = texts.where(F.col("voter").isin(Voter.MEMORY.value, Voter.STUDENT.value)).transform(opinions, "voted_at")
    told = cheap.join(said.dropDuplicates(["text_hash", "voted_at"]), on=["text_hash", "voted_at"], how="left")
    sure, asked = F.col("confidence") >= sure_from, F.col("tier") == Tier.MODEL.value
    beside, sampled = F.col("label") == UNKNOWN_LABEL, asked & sure & F.col("said").isNotNull()
    is_open = F.col("tier").isNull()
    return told.agg(
        *(F.count_if(F.col("tier") == tier.value).alias(tier.value) for tier in (Tier.MODEL, Tier.CACHE, Tier.CLUSTER)),
        F.count_if(is_open & sure & ~beside).alias("sure"),
        F.count_if(is_open & (~sure | beside)).alias("beside"),
        F.round(F.sum(F.when(asked, F.col("latency_ms"))) / 1000).cast("long").alias("seconds"),
        F.count_if(sampled).alias("sampled"),
        F.count_if(sampled & (F.col("said") != F.col("label"))).alias("differing"),
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


def cluster_sample(votes: DataFrame) -> DataFrame:
    """Sum `cluster_disagreement` up over all versions: one row of cluster_sampled and cluster_differing."""
    return cluster_disagreement(votes).agg(
        F.sum("sampled").alias("cluster_sampled"), F.sum("differing").alias("cluster_differing")
    )
