"""Messages and labelled files into bronze rows; valid bronze rows into tickets and annotations.

What a message is worth is decided once, on its bytes, by `payloads`; Spark carries the verdict and never the reason
to decide again.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import ANNOTATIONS, CONTRACT_VERSION, LABEL_FILES, TICKETS_BRONZE
from pipelines.transforms.label_rows import LabelRow, parse_label_file
from pipelines.transforms.payloads import (
    Ticket,
    key_annotator,
    key_subject,
    key_text,
    key_ticket,
    name_content,
    name_ticket,
    parse_ticket,
)

LABEL_SOURCE = "label_file"
"""Source of the records that labelled files bring along."""
RAW_TICKETS = [
    *("record_id", "ticket_key", "subject_key", "text_key", "source"),
    *("raw_subject", "raw_text", "created_at", "received_day", "position"),
]
TICKET_FIELDS = "ticket_key string, subject_key string, text_key string, source string, raw_subject string, raw_text string"
ROWS_PER_FRAME = 2_000
NAME_OF_DAY = r"[0-9]{4}/[0-9]{2}/[0-9]{2}/.+$"

MapFrames = Callable[[Iterable[pd.DataFrame]], Iterator[pd.DataFrame]]


def parse_messages(messages: DataFrame, ingested_at: datetime) -> DataFrame:
    """Judge Kafka messages: every one becomes a bronze row, the invalid ones with their reason.

    Args:
        messages: what Spark's Kafka source gives.
        ingested_at: time of the micro-batch, time zone aware.
    """
    judge = F.pandas_udf(judge_messages, "record_id string, error_code string")  # type: ignore[call-overload]  # struct UDFs are untyped in pyspark
    verdict = judge("value", "topic", "partition", "offset", F.unix_millis("timestamp"))
    return (
        messages.withColumn("verdict", verdict)
        .withColumn("kafka_time", F.col("timestamp"))
        .withColumn("ingested_at", at(ingested_at))
        .withColumn("contract_version", F.lit(CONTRACT_VERSION))
        .select("*", "verdict.record_id", "verdict.error_code")
        .select(*TICKETS_BRONZE.payload_names)
    )


def judge_messages(
    value: pd.Series, topic: pd.Series, partition: pd.Series, offset: pd.Series, time: pd.Series
) -> pd.DataFrame:
    """Name and judge one Arrow batch of messages."""
    rows = [judge_message(*message) for message in zip(value, topic, partition, offset, time, strict=True)]
    return pd.DataFrame(rows, columns=["record_id", "error_code"], dtype=object)


def judge_message(value: bytes | None, topic: str, partition: int, offset: int, time: int) -> tuple[str, str | None]:
    """Name one message, and give its reason when it is no ticket.

    A ticket with a ticket_id is named by its content, so that a re-delivery has the same name; everything else by
    its place in Kafka, `time` being the Kafka timestamp in milliseconds.
    """
    ticket = parse_ticket(value)
    content_name = name_ticket(ticket) if isinstance(ticket, Ticket) else None
    reason = None if isinstance(ticket, Ticket) else str(ticket)
    return content_name or name_content(topic, int(partition), int(offset), int(time)), reason


def read_tickets(bronze: DataFrame, pseudonym_key: bytes) -> DataFrame:
    """Open the valid rows of bronze: raw texts and pseudonyms of what they are about. Never stored as it is."""
    columns = ["record_id", "value", "created_at"]
    opened = (
        bronze.where(F.col("error_code").isNull())
        .withColumn("position", position("topic", F.col("partition"), F.col("offset")))
        .withColumn("received_day", utc_day("kafka_time"))
        .select("record_id", "value", "position", F.col("received_day").cast("string").alias("day"))
        .mapInPandas(
            open_tickets(pseudonym_key), f"record_id string, {TICKET_FIELDS}, micros long, day string, position string"
        )
    )
    return opened.transform(timed).select(*RAW_TICKETS)
