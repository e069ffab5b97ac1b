"""Labelled files alone, without a lakehouse: their rows as the records and votes that the gate's rules read."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipelines.columns import CLUSTERING
from pipelines.contracts import LABEL_FILES, LABELS, TICKETS_SILVER
from pipelines.settings import IntakeSettings
from pipelines.transforms.intake import LABEL_SOURCE
from pipelines.vocabulary import Reason, Voter

PUBLIC_KEY = b"intent-lakehouse/validate"
"""Key of the text keys of `lakehouse validate`: no secret, so that anybody gets the same record ids from a file."""


def files_without_columns(rows: DataFrame) -> DataFrame:
    """Find files of which no row can be read because columns are missing: path, raw (header, or first such row).

    Args:
        rows: bronze.label_files payload.
    """
    missing = F.col("error_code") == Reason.COLUMNS_MISSING.value
    by_file = rows.groupBy("path").agg(
        F.min_by(F.when(missing, F.col("raw")), F.when(missing, F.col("row_number"))).alias("raw"),
        F.max(F.col("error_code").isNull()).alias("has_votes"),
    )
    return by_file.where(F.col("raw").isNotNull() & ~F.col("has_votes")).select("path", "raw").orderBy("path")


def in_one_batch(rows: DataFrame) -> DataFrame:
    """Number parsed rows as the bronze table would: they are read as if they had come in one micro-batch."""
    return rows.withColumn("batch_id", F.lit(0)).select(*LABEL_FILES.payload_names, "batch_id")


def rows_by_reason(rows: DataFrame) -> DataFrame:
    """Count the rows of labelled files that are no votes: name (reason), rows."""
    broken = rows.where(F.col("error_code").isNotNull())
    counted = broken.groupBy(F.col("error_code").alias("name")).agg(F.sum(F.lit(1)).alias("rows"))
    return counted.select("name", "rows").orderBy("name")


def choose_rows(label_rows: DataFrame, settings: IntakeSettings) -> DataFrame:
    """Choose one row a text, its most confident one, as the record that stands for the text.

    Between equally confident rows one that names a record is chosen, the smallest name and then the smallest text
    first: the order of files and rows decides nothing.

    Args:
        label_rows: what `intake.read_label_rows` gives.
        settings: texts that are too long are withheld, as in the lakehouse.

    Returns:
        What `redaction.redact` reads, and given_record_id. `record_id` is made of the text alone.
    """
    number = F.when(F.col("confidence").between(0.0, 1.0), F.col("confidence"))
    order = [number.desc_nulls_last(), F.col("given_record_id").asc_nulls_last(), F.col("raw_text"), F.col("position")]
    best = label_rows.withColumn("rank", F.row_number().over(Window.partitionBy("text_key").orderBy(*order)))
    too_long = F.length("raw_text") > settings.max_text_chars
    return best.where(F.col("rank") == 1).select(
        F.col("new_record_id").alias("record_id"),
        *[F.lit(None).cast("string").alias(name) for name in ("ticket_key", "subject_key")],
        "text_key",
        F.lit(LABEL_SOURCE).alias("source"),
        F.lit(None).cast("string").alias("raw_subject"),
        "raw_text",
        F.lit(None).cast("string").alias("raw_customer"),
        F.lit(None).cast("timestamp").alias("created_at"),
        F.lit(None).cast("date").alias("received_day"),
        "position",
        F.when(too_long, F.lit(Reason.TEXT_TOO_LONG.value)).alias("withheld"),
        F.lit(None).cast("string").alias("kept_record_id"),
        "given_record_id",
    )


def keep_exact_texts(redacted: DataFrame, chosen: DataFrame) -> DataFrame:
    """Give every text in which nothing was redacted exactly as its file has it: redaction also normalises.

    Args:
        redacted: the chosen rows after `redaction.redact`.
        chosen: what `choose_rows` gave.

    Returns:
        Payload of silver.tickets; these records belong to no cluster.
    """
    raw = chosen.select("record_id", "raw_text")
    untouched = F.col("withheld").isNull() & (F.size("spans") == 0)
    text = F.when(untouched, F.col("raw_text")).otherwise(F.col("text"))
    unclustered = {field.name: F.lit(None).cast(field.dataType) for field in CLUSTERING[1:]}
    exact = redacted.join(raw, on="record_id", how="inner").withColumns({**unclustered, "text": text})
    return exact.select(*TICKETS_SILVER.payload_names)


def file_votes(label_rows: DataFrame) -> DataFrame:
    """Make every row a human vote with the confidence the file gives. Payload of silver.labels."""
    given = {
        "vote_id": F.col("annotation_id"),
        "voter": F.lit(Voter.HUMAN.value),
        "model_name": F.lit("file"),
    }
    absent = {
        field.name: F.lit(None).cast(field.dataType)
        for field in LABELS.columns
        if field.name not in given and field.name not in label_rows.columns
    }
    return label_rows.withColumns({**absent, **given}).select(*LABELS.payload_names)


def named_rows(examples: DataFrame, chosen: DataFrame) -> DataFrame:
    """Give each clean row the record id its file gave it, where it gave one."""
    names = chosen.select(F.col("record_id").alias("text_id"), "given_record_id")
    return (
        examples.withColumnRenamed("record_id", "text_id")
        .join(names, on="text_id", how="left")
        .withColumn("record_id", F.coalesce("given_record_id", "text_id"))
        .select(*examples.columns)
    )
