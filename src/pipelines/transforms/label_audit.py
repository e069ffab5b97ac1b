"""Which rows of gold are asked about when labels are audited."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.training import learning_rows


def audited_rows(gold: DataFrame, embeddings: DataFrame, encoder_hash: str, most: int) -> DataFrame:
    """Choose as for training, one record a near-duplicate cluster and label.

    A look-alike with the same wrong label would confirm it.

    Args:
        gold: current rows of gold.training_examples, with the clusters of today.
        embeddings: rows of silver.embeddings.
        encoder_hash: whose vectors.
        most: rows of a label.

    Returns:
        record_id, label, by_human, vector, text, rows (how many of gold it stands for); in the order of the record ids.
    """
    chosen = gold.transform(learning_rows, embeddings, encoder_hash, most)
    family = F.coalesce("cluster_id", "record_id").alias("family")
    named = gold.select("record_id", "label", "text", family)
    sizes = named.groupBy("family", "label").agg(F.sum(F.lit(1)).alias("rows"))
    told = named.join(sizes, on=["family", "label"], how="inner").select("record_id", "text", "rows")
    return (
        chosen.join(told, on="record_id", how="inner")
        .select("record_id", "label", "by_human", "vector", "text", "rows")
        .orderBy("record_id")
    )
