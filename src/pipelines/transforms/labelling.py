"""Votes: who says which label. Models come in as functions; people come in through labelled files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.columns import IDENTITY, VECTOR
from pipelines.contracts import LABELS
from pipelines.declaration import MapBatches, uncommented
from pipelines.transforms.partitions import spread
from pipelines.vocabulary import Tier, Voter

IDENTITY_NAMES = [field.name for field in IDENTITY]
CAST_NAMES = [
    "voter", "label", "confidence", "second_label", "second_confidence", "alternatives", "similarities", "tier",
    "latency_ms", "tokens_in", "tokens_out", "device", "model_name", "model_version", "model_hash", "prompt_name",
    "prompt_version", "prompt_hash", "label_set_hash", "examples_hash", "decoding", "failure", "try_no",
]  # fmt: skip
CAST = uncommented([T.StructField("text_hash", T.StringType()), *(LABELS.columns[name] for name in CAST_NAMES)])
"""What voters give for each text they are shown: one row a vote."""
ENCODED = T.StructType(
    [
        T.StructField("text_hash", T.StringType()),
        T.StructField("vector", VECTOR),
        T.StructField("latency_ms", T.DoubleType()),
    ]
)
"""What the encoder gives: one row a text, without a vector where it could not be read."""

FILE_MODEL = "file"
DECIDES = (
    "record_id", "voter", "annotation_id", "model_name", "model_version", "model_hash", "prompt_name",
    "prompt_version", "prompt_hash", "label_set_hash", "examples_hash", "decoding",
)  # fmt: skip
"""What makes two votes the same vote."""


@dataclass(frozen=True)
class Voters:
    """Who votes in one micro-batch, every version pinned. The functions run on the workers.

    Attributes:
        encoder: model_name, model_version and model_hash of what makes the vectors.
        encode: frames of (text_hash, voter_text) become frames of `ENCODED`.
        recall: frames of (text_hash, voter_text, vector, latency_ms) become frames of `CAST`: the cheap votes.
        ask: the same for the language model, which is asked about some texts; None where it is off.
        render: writes the prompt that the model would be asked with about a redacted text.
        asked_by: columns of a vote of the language model that say by which versions and settings it was cast.
        gpus: how many there are on the one machine that does it all: models then run in as many tasks; 0 where there
            are none, where Spark deals them out to the tasks of a cluster, and where an endpoint is asked.
    """

    encoder: dict[str, str]
    encode: MapBatches
    recall: MapBatches
    ask: MapBatches | None
    asked_by: dict[str, str]
    render: Callable[[str], str] | None = None
    gpus: int = 0


def received_since(records: DataFrame, day: date) -> DataFrame:
    """Keep the records that were received from a day on."""
    return records.where(F.col("received_day") >= F.lit(day)).select(*records.columns)


def voter_texts(records: DataFrame) -> DataFrame:
    """Write each record's text as voters see it: subject, line break, text. Withheld records have none.

    Args:
        records: silver.tickets.

    Returns:
        IDENTITY's columns, cluster_id, position, text_hash, voter_text.
    """
    text = F.concat_ws("\n", F.when(F.col("subject") != "", F.col("subject")), F.col("text"))
    shown = records.where(F.col("withheld").isNull() & F.col("text").isNotNull()).withColumn("voter_text", text)
    return shown.select(
        *IDENTITY_NAMES, "cluster_id", "position", F.sha2("voter_text", 256).alias("text_hash"), "voter_text"
    )


def distinct_texts(texts: DataFrame) -> DataFrame:
    """Take each text once, with the cluster and position of the first record that has it; the same number a core.

    Returns:
        text_hash, voter_text, cluster_id, position; sorted, so that a retry sees the texts in the same order.
    """
    first = F.min(F.struct("position", "cluster_id")).alias("first")
    once = texts.groupBy("text_hash", "voter_text").agg(first)
    named = once.select("text_hash", "voter_text", "first.cluster_id", "first.position")
    return spread(named, "text_hash").sortWithinPartitions("text_hash")


def with_vectors(once: DataFrame, vectors: DataFrame) -> DataFrame:
    """Show voters a text together with its vector, and what that took.

    Args:
        once: what `distinct_texts` gave.
        vectors: `ENCODED`'s columns.

    Returns:
        once's columns, vector and latency_ms.
    """
    return once.join(vectors, on="text_hash", how="inner")


def unclustered(records: DataFrame) -> DataFrame:
    """Let records stand alone that were never compared with others."""
    return records.withColumn("cluster_id", F.lit(None).cast("string"))


def cast_votes(
    votes: DataFrame, texts: DataFrame, annotations: DataFrame, voted_at: datetime, command_id: str | None = None
) -> DataFrame:
    """Give the votes on a text to every record that has it, and turn each annotation into a vote.

    Args:
        votes: `CAST`'s columns, any number of rows a text.
        texts: what `voter_texts` gave.
        annotations: silver.annotations.
        voted_at: when the micro-batch runs.
        command_id: of the request these votes are cast for: each request makes votes of its own, and makes them once.

    Returns:
        Payload of silver.labels.
    """
    given = texts.join(votes, on="text_hash", how="inner").select(
        *IDENTITY_NAMES, "cluster_id", "text_hash", *CAST_NAMES, F.lit(command_id).cast("string").alias("annotation_id")
    )
    cast = given.unionByName(human_votes(annotations), allowMissingColumns=True)
    stamped = cast.withColumns({"vote_id": _vote_id(), "voted_at": F.lit(voted_at).cast("timestamp")})
    return stamped.select(*LABELS.payload_names)


def human_votes(annotations: DataFrame) -> DataFrame:
    """Each annotation is one vote of a person, with the confidence as it is in the file.

    Returns:
        IDENTITY's columns and annotation_id, annotator_id, voter, label, confidence, annotated_at, position, tier,
        model_name.
    """
    return annotations.select(
        *IDENTITY_NAMES,
        "annotation_id",
        "annotator_id",
        F.lit(Voter.HUMAN.value).alias("voter"),
        "label",
        "confidence",
        "annotated_at",
        "position",
        F.lit(Tier.PERSON.value).alias("tier"),
        F.lit(FILE_MODEL).alias("model_name"),
    )


def _vote_id() -> Column:
    """SHA-256 over everything in `DECIDES`, as a JSON list: two different lists cannot read the same.

    From the second try on its number stands at the end.
    """
    listed = F.array(*(F.coalesce(F.col(name), F.lit("")) for name in DECIDES))
    again = F.when(F.col("try_no") > 1, F.array(F.col("try_no").cast("string")))
    return F.sha2(F.to_json(F.concat(listed, F.coalesce(again, F.array().cast("array<string>")))), 256)
