"""Messages into bronze rows; valid bronze rows, those of labelled files too, into tickets and annotations.

What a message is worth is decided once, on its bytes, in plain Python (`payloads`, `label_rows`); Spark carries the
verdict and never decides again.
"""

from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import ANNOTATIONS, CONTRACT_VERSION, TICKETS_BRONZE
from pipelines.transforms import payloads, pseudonyms

LABEL_SOURCE = "label_file"
"""Source of the records that labelled files bring along."""
VERDICT = "record_id string, error_code string"
OPENED = (
    "ticket_key string, subject_key string, text_key string, source string, raw_subject string, raw_text string, "
    "raw_customer string, created_micros long"
)
LABEL_KEYS = "annotation_id string, text_key string, new_record_id string, annotator_id string, file_key string"
RAW_TICKETS = (
    *("record_id", "ticket_key", "subject_key", "text_key", "source"),
    *("raw_subject", "raw_text", "raw_customer", "created_at", "received_day", "position"),
)
LABEL_ROWS = (
    *("annotation_id", "given_record_id", "text_key", "new_record_id", "raw_text"),
    *("annotator_id", "label", "confidence", "annotated_at", "received_day", "position"),
)
MILLIS_PER_DAY = 86_400_000
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def parse_messages(messages: DataFrame, ingested_at: datetime) -> DataFrame:
    """Judge Kafka messages: every one becomes a bronze row, the invalid ones with their reason.

    Args:
        messages: what Spark's Kafka source gives.
        ingested_at: time of the micro-batch, with its time zone.
    """
    verdict = F.udf(judge_message, VERDICT, useArrow=True)(
        "value", "topic", "partition", "offset", F.unix_millis("timestamp")
    )
    judged = messages.withColumn("verdict", verdict).select("*", "verdict.record_id", "verdict.error_code")
    return judged.select(
        *("topic", "partition", "offset", "key", "value", "headers"),
        F.col("timestamp").alias("kafka_time"),
        moment(ingested_at).alias("ingested_at"),
        "record_id",
        F.lit(CONTRACT_VERSION).alias("contract_version"),
        "error_code",
    ).select(*TICKETS_BRONZE.payload_names)


def read_tickets(bronze: DataFrame, pseudonym_key: bytes) -> DataFrame:
    """Open the valid rows of bronze: raw texts and pseudonyms of what they are about. Never stored as it is."""
    opened = F.udf(lambda value: open_ticket(value, pseudonym_key), OPENED, useArrow=True)("value")
    tickets = bronze.where(F.col("error_code").isNull()).withColumn("opened", opened)
    return tickets.select(
        *("record_id", "opened.ticket_key", "opened.subject_key", "opened.text_key", "opened.source"),
        *("opened.raw_subject", "opened.raw_text", "opened.raw_customer"),
        F.timestamp_micros("opened.created_micros").alias("created_at"),
        utc_day("kafka_time").alias("received_day"),
        position("topic", F.col("partition"), F.col("offset")).alias("position"),
    ).select(*RAW_TICKETS)


def read_label_rows(rows: DataFrame, pseudonym_key: bytes) -> DataFrame:
    """Open the valid rows of `bronze.label_files`: names and pseudonyms, the text still raw. Never stored as it is."""
    keys = F.udf(
        lambda path, number, text, annotator: key_label_row(pseudonym_key, path, number, text, annotator),
        LABEL_KEYS,
        useArrow=True,
    )
    votes = rows.where(F.col("error_code").isNull()).withColumn(
        "keys", keys("path", "row_number", "text", "annotator_id")
    )
    return votes.select(
        "keys.annotation_id",
        F.col("record_id").alias("given_record_id"),
        *("keys.text_key", "keys.new_record_id"),
        F.col("text").alias("raw_text"),
        *("keys.annotator_id", "label"),
        F.col("confidence_score").alias("confidence"),
        "annotated_at",
        utc_day("file_modified_at").alias("received_day"),
        # A file may be named after a customer: outside bronze its name is a pseudonym too.
        position("keys.file_key", F.lit(0), F.col("row_number")).alias("position"),
    ).select(*LABEL_ROWS)


def match_annotations(label_rows: DataFrame, known: DataFrame) -> DataFrame:
    """Find the record each labelled row is about: by its record_id, else by its text, else a record of its own.

    Of several records with the same text the earliest by `position` is meant.
    """
    return (
        label_rows.transform(matched, known)
        .withColumn("is_new", F.coalesce(F.col("record.record_id") == F.col("new_record_id"), F.lit(True)))
        .withColumn("record_id", F.coalesce("record.record_id", "new_record_id"))
        .withColumn("matched_by", F.when(F.col("is_new"), "new_record").otherwise(F.col("matched_by")))
        .select(
            *("annotation_id", "record_id", "record.ticket_key", "record.subject_key"),
            F.coalesce("record.text_key", "text_key").alias("text_key"),
            *("annotator_id", "label", "confidence", "annotated_at", "position", "matched_by"),
        )
        .select(*ANNOTATIONS.payload_names)
    )


def tickets_from_label_rows(label_rows: DataFrame, known: DataFrame) -> DataFrame:
    """Make records of the labelled texts that belong to none: one a text, from its earliest row."""
    first = F.min_by(F.struct("raw_text", "received_day", "position"), "position").alias("first")
    unmatched = label_rows.transform(matched, known).where(F.col("record").isNull())
    nothing = F.lit(None).cast("string")
    return (
        unmatched.groupBy("text_key", F.col("new_record_id").alias("record_id"))
        .agg(first)
        .select(
            "record_id",
            *(nothing.alias("ticket_key"), nothing.alias("subject_key")),
            *("text_key", F.lit(LABEL_SOURCE).alias("source")),
            *(nothing.alias("raw_subject"), "first.raw_text", nothing.alias("raw_customer")),
            F.lit(None).cast("timestamp").alias("created_at"),
            *("first.received_day", "first.position"),
        )
        .select(*RAW_TICKETS)
    )


def matched(label_rows: DataFrame, known: DataFrame) -> DataFrame:
    """Add `record` (the known record a row is about, or null) and `matched_by` to labelled rows."""
    record = F.struct("position", "record_id", "ticket_key", "subject_key", "text_key")
    # Only records that a row can mean are compared: history is long, a dropped file is short.
    by_id = (
        known.join(label_rows.select(F.col("given_record_id").alias("record_id")), on="record_id", how="left_semi")
        .groupBy(F.col("record_id").alias("given_record_id"))
        .agg(F.min(record).alias("record_by_id"))
    )
    by_text = (
        known.join(label_rows.select("text_key"), on="text_key", how="left_semi")
        .groupBy("text_key")
        .agg(F.min(record).alias("record_by_text"))
    )
    joined = label_rows.join(by_id, on="given_record_id", how="left").join(by_text, on="text_key", how="left")
    matched_by = F.when(F.col("record_by_id").isNotNull(), "record_id").otherwise(F.lit("text_key"))
    record_found = F.coalesce("record_by_id", "record_by_text")
    return joined.select(*LABEL_ROWS, record_found.alias("record"), matched_by.alias("matched_by"))


def judge_message(value: bytes | None, topic: str, partition: int, offset: int, time: int) -> tuple[str, str | None]:
    """Name one message, and give its reason when it is no ticket.

    A ticket with a ticket_id is named by its content, so that a re-delivery has the same name; everything else by
    its place in Kafka, `time` being the Kafka timestamp in milliseconds.
    """
    ticket = payloads.parse_ticket(value)
    name = payloads.name_ticket(ticket) if isinstance(ticket, payloads.Ticket) else None
    reason = None if isinstance(ticket, payloads.Ticket) else str(ticket)
    return name or payloads.name_content(topic, int(partition), int(offset), int(time)), reason


def open_ticket(value: bytes | None, key: bytes) -> tuple[object, ...] | None:
    """Take a valid message apart, in the order of OPENED; nothing when it is not valid."""
    ticket = payloads.parse_ticket(value)
    if not isinstance(ticket, payloads.Ticket):
        return None
    return (
        pseudonyms.key_ticket(key, ticket),
        pseudonyms.key_subject(key, ticket.customer),
        pseudonyms.key_text(key, ticket.text),
        *(ticket.source, ticket.subject, ticket.text, "\n".join(ticket.called)),
        (ticket.created_at - EPOCH) // MICROSECOND,
    )


def key_label_row(key: bytes, path: str, row_number: int, text: str, annotator: str | None) -> tuple[str | None, ...]:
    """Name a labelled row, its text, its annotator and its file, in the order of LABEL_KEYS."""
    text_key = pseudonyms.key_text(key, text)
    person = None if annotator is None else pseudonyms.key_annotator(key, annotator)
    # Of the text, not of its key: a record has the same name in every workspace.
    record_id = payloads.name_content(LABEL_SOURCE, payloads.normalise_text(text))
    return payloads.name_content(path, int(row_number)), text_key, record_id, person, pseudonyms.key_file(key, path)


def utc_day(column: str) -> Column:
    """Give the UTC day of a timestamp, whatever the session's time zone."""
    days = F.floor(F.unix_millis(column) / MILLIS_PER_DAY).cast("int")
    return F.date_add(F.lit("1970-01-01").cast("date"), days)


def moment(time: datetime) -> Column:
    """Make a literal timestamp, whatever the session's time zone."""
    return F.timestamp_micros(F.lit((time.astimezone(UTC) - EPOCH) // MICROSECOND))


def position(folder: str, partition: Column, number: Column) -> Column:
    """Say where a row stands in bronze, so that sorting by it is the order of arrival."""
    return F.format_string("%012d/%s/%06d/%015d", F.col("batch_id"), F.col(folder), partition, number)
