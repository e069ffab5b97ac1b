"""The same ticket again, and the same text too often.

History comes in as an argument: what silver.tickets held before the batch. All of it counts as earlier than any
record of the batch; within the batch `position` decides. So one batch or two, the outcome is the same.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipelines.settings import IntakeSettings
from pipelines.vocabulary import Reason


def first_deliveries(tickets: DataFrame, history: DataFrame) -> DataFrame:
    """Drop re-deliveries: records that history holds, or that the batch holds at an earlier position."""
    same_record = Window.partitionBy("record_id").orderBy("position")
    return (
        tickets.withColumn("delivery", F.row_number().over(same_record))
        .where("delivery = 1")
        .join(history.select("record_id"), on="record_id", how="left_anti")
        .select(*tickets.columns)
    )


def withhold(tickets: DataFrame, history: DataFrame, settings: IntakeSettings) -> DataFrame:
    """Mark the records nobody will label: too long, or over the day's limit of records with the same text.

    Adds `withheld` (a reason, or null) and `kept_record_id` (for a record over the limit: the first record that has its
    text, whatever the day). Too-long records take no part in the limit: neither counted nor pointed to. A record
    without a text_key has no limit.
    """
    longest = F.greatest(*(F.coalesce(F.length(name), F.lit(0)) for name in ("raw_subject", "raw_text")))
    too_long = longest > settings.max_text_chars
    marked = tickets.withColumn("withheld", F.when(too_long, Reason.TEXT_TOO_LONG.value))
    counted = F.col("withheld").isNull() & F.col("text_key").isNotNull()
    ranked = marked.where(counted).transform(rank_within_day, history)
    over = F.col("day_rank") > settings.daily_identical_limit
    limited = ranked.withColumn("withheld", F.when(over, Reason.OVER_DAILY_LIMIT.value)).withColumn(
        "kept_record_id", F.when(over, F.col("first_record_id"))
    )
    free = marked.where(~counted).withColumn("kept_record_id", F.lit(None).cast("string"))
    names = [*tickets.columns, "withheld", "kept_record_id"]
    return limited.select(*names).unionByName(free.select(*names))


def rank_within_day(tickets: DataFrame, history: DataFrame) -> DataFrame:
    """Add the record's number among those of its text and day, from 1, and the first record that has its text."""
    names = ["record_id", "text_key", "received_day", "position"]
    counted = F.coalesce(F.col("withheld") != Reason.TEXT_TOO_LONG.value, F.lit(True))
    past = (
        history.where(counted)
        .join(tickets.select("text_key").distinct(), on="text_key", how="left_semi")
        .select(*names, F.lit(True).alias("past"))
    )
    order = (F.col("past").desc(), F.col("position"), F.col("record_id"))
    same_text = Window.partitionBy("text_key").orderBy(*order)
    same_day = Window.partitionBy("text_key", "received_day").orderBy(*order)
    return (
        tickets.withColumn("past", F.lit(False))
        .unionByName(past, allowMissingColumns=True)
        .withColumn("first_record_id", F.first_value(F.col("record_id")).over(same_text))
        .withColumn("day_rank", F.row_number().over(same_day))
        .where(~F.col("past"))
        .select(*tickets.columns, "first_record_id", "day_rank")
    )


def weigh(records: DataFrame, shed: DataFrame) -> DataFrame:
    """Add `weight`: how many records a record stands for, itself and those that were shed in its favour.

    Args:
        records: rows with a record_id.
        shed: quarantine.shed, with the record each one points to.
    """
    pointers = shed.groupBy(F.col("kept_record_id").alias("record_id")).agg(F.sum(F.lit(1)).alias("shed"))
    weight = F.lit(1) + F.coalesce("shed", F.lit(0))
    return records.join(pointers, on="record_id", how="left").select(*records.columns, weight.alias("weight"))
