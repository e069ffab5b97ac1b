"""Vectors of texts: which stand already, which the encoder still has to make, and the rows they are kept in."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import EMBEDDINGS
from pipelines.transforms.frames import map_frames
from pipelines.transforms.labelling import ENCODED, IDENTITY_NAMES, Voters
from pipelines.transforms.partitions import spread

BATCH = ("query_epoch", "batch_id")
"""What names a micro-batch, and so the few files that it wrote."""


def where_known(texts: DataFrame, stored: DataFrame, voters: Voters) -> DataFrame:
    """Say in which micro-batches the vectors of texts were written, by the same encoder: query_epoch, batch_id.

    Vectors are long: with the batches known, only their files are read.
    """
    hashes = texts.select("text_hash")
    return stored.where(_by(voters)).join(hashes, on="text_hash", how="left_semi").select(*BATCH).distinct()


def known_vectors(texts: DataFrame, stored: DataFrame, voters: Voters) -> DataFrame:
    """Take the vectors of texts that stand already: they cost nothing now.

    Args:
        texts: with text_hash.
        stored: rows of silver.embeddings.
        voters: by whose encoder.

    Returns:
        `ENCODED`'s columns, one row a text.
    """
    same = stored.where(_by(voters) & F.col("vector").isNotNull()).join(
        texts.select("text_hash"), on="text_hash", how="left_semi"
    )
    once = same.groupBy("text_hash").agg(F.min_by("vector", "record_id").alias("vector"))
    return once.withColumn("latency_ms", F.lit(0.0))


def new_vectors(texts: DataFrame, known: DataFrame, voters: Voters) -> DataFrame:
    """Let the encoder read what has no vector yet; gives `ENCODED`'s columns."""
    return encoded(texts.join(known.select("text_hash"), on="text_hash", how="left_anti"), voters)


def encoded(texts: DataFrame, voters: Voters) -> DataFrame:
    """Let the encoder read texts; gives `ENCODED`'s columns."""
    unread = texts.select("text_hash", "voter_text")
    return map_frames(spread(unread, "text_hash", tasks=voters.gpus), voters.encode, ENCODED)


def without_vector(texts: DataFrame) -> DataFrame:
    """Say of texts that they could not be read; gives `ENCODED`'s columns."""
    nothing = F.lit(None).cast(ENCODED["vector"].dataType)
    return texts.select("text_hash", nothing.alias("vector"), F.lit(0.0).alias("latency_ms"))


def embedded(texts: DataFrame, vectors: DataFrame, voters: Voters, stored: DataFrame) -> DataFrame:
    """Give each record the vector of its text, once; a text that could not be read has none, and is tried again.

    Args:
        texts: what `labelling.voter_texts` gave.
        vectors: `ENCODED`'s columns.
        voters: by whose encoder.
        stored: rows of silver.embeddings in which these texts stand.

    Returns:
        Payload of silver.embeddings.
    """
    versions = {name: F.lit(value) for name, value in voters.encoder.items()}
    there = stored.where(_by(voters)).select("record_id", "text_hash")
    new = texts.select(*IDENTITY_NAMES, "text_hash").join(there, on=["record_id", "text_hash"], how="left_anti")
    rows = new.join(vectors.where("vector IS NOT NULL"), on="text_hash", how="inner")
    return rows.withColumns(versions).select(*EMBEDDINGS.payload_names)


def _by(voters: Voters) -> Column:
    return F.col("model_hash") == voters.encoder["model_hash"]
