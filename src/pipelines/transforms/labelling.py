"""Votes: who says which label. Models come in as a function; people come in through labelled files."""

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.columns import IDENTITY
from pipelines.contracts import LABELS
from pipelines.declaration import MapBatches, uncommented
from pipelines.vocabulary import Voter

IDENTITY_NAMES = [field.name for field in IDENTITY]
CAST_NAMES = [
    "voter", "label", "confidence", "second_label", "second_confidence", "alternatives", "latency_ms",
    "model_name", "model_version", "model_hash", "prompt_name", "prompt_version", "prompt_hash",
    "label_set_hash", "examples_hash", "decoding",
]  # fmt: skip
CAST = uncommented([T.StructField("text_hash", T.StringType()), *(LABELS.columns[name] for name in CAST_NAMES)])
"""What a labeller gives for each text it is shown: one row a vote."""

FILE_MODEL = "file"
DECIDES = (
    "record_id", "voter", "annotation_id", "model_name", "model_version", "model_hash", "prompt_name",
    "prompt_version", "prompt_hash", "label_set_hash", "examples_hash", "decoding",
)  # fmt: skip
"""What makes two votes the same vote."""


def cast_votes(records: DataFrame, annotations: DataFrame, labeller: MapBatches, voted_at: datetime) -> DataFrame:
    """Let models vote on each record that has a text, and turn each annotation into a vote.

    Args:
        records: silver.tickets; withheld ones get no vote.
        annotations: silver.annotations.
        labeller: maps frames of (text_hash, voter_text) to frames of `CAST`'s columns, any number of rows a text.
        voted_at: when the micro-batch runs.

    Returns:
        Payload of silver.labels.
    """
    votes = model_votes(records, labeller).unionByName(human_votes(annotations), allowMissingColumns=True)
    stamped = votes.withColumns({"vote_id": _vote_id(), "voted_at": F.lit(voted_at).cast("timestamp")})
    return stamped.select(*LABELS.payload_names)


def model_votes(records: DataFrame, labeller: MapBatches) -> DataFrame:
    """Show each DISTINCT text (subject, line break, text) to the labeller once; every record of it gets the votes.

    Returns:
        IDENTITY's and `CAST`'s columns, one row a record and vote.
    """
    shown = records.where(F.col("withheld").isNull() & F.col("text").isNotNull()).select(
        *IDENTITY_NAMES,
        F.concat_ws("\n", F.when(F.col("subject") != "", F.col("subject")), F.col("text")).alias("voter_text"),
    )
    keyed = shown.withColumn("text_hash", F.sha2("voter_text", 256))
    # Sorted, so that a retry sees the texts in the same order.
    texts = (
        _spread(keyed.select("text_hash", "voter_text")).dropDuplicates(["text_hash"]).sortWithinPartitions("text_hash")
    )
    cast = texts.mapInPandas(labeller, CAST)
    return keyed.join(cast, on="text_hash", how="inner").select(*IDENTITY_NAMES, *CAST_NAMES)


def human_votes(annotations: DataFrame) -> DataFrame:
    """Each annotation is one vote of a person, with the confidence as it is in the file.

    Returns:
        IDENTITY's columns and annotation_id, annotator_id, voter, label, confidence, model_name.
    """
    return annotations.select(
        *IDENTITY_NAMES,
        "annotation_id",
        "annotator_id",
        F.lit(Voter.HUMAN.value).alias("voter"),
        "label",
        "confidence",
        F.lit(FILE_MODEL).alias("model_name"),
    )


def _spread(texts: DataFrame) -> DataFrame:
    """Put the same number of texts on every core; without a number, Spark would merge small partitions into one."""
    partitions = str(texts.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    return texts.repartition(int(partitions), "text_hash") if partitions.isdigit() else texts.repartition("text_hash")


def _vote_id() -> Column:
    """SHA-256 over everything in `DECIDES`, as a JSON list: two different lists cannot read the same."""
    return F.sha2(F.to_json(F.array(*(F.coalesce(F.col(name), F.lit("")) for name in DECIDES))), 256)
