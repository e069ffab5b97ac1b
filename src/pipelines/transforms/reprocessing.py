"""Redacting again: whose rules are old, what their raw texts are, which copies tell the old text, what must be gone."""

import re
from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.labelling import voter_texts
from pipelines.transforms.normalisation import normalise_text
from pipelines.vocabulary import Reason

TEXTS = ("subject", "text")
SPAN = ("field", "start", "end")


def stale_records(tickets: DataFrame, version: str, since: date | None) -> DataFrame:
    """Choose the records that were redacted by other rules than those of `version`, from a day on.

    Records withheld for another reason than a failed redaction were never read, so no rule has touched them.
    """
    was_read = F.col("withheld").isNull() | (F.col("withheld") == Reason.REDACTION_FAILED.value)
    recent = F.lit(True) if since is None else F.col("received_day") >= F.lit(since)
    other = ~F.col("redaction_version").eqNullSafe(version)
    old = [F.col(name).alias(f"old_{name}") for name in TEXTS]
    return tickets.where(was_read & recent & other).select("record_id", "kept_record_id", *old)


def reopen(raw: DataFrame, stale: DataFrame) -> DataFrame:
    """Bring the raw texts of stale records, ready for `redaction.redact`.

    Args:
        raw: RAW_TICKETS, a row for each delivery.
        stale: what `stale_records` gave.
    """
    once = raw.join(stale.select("record_id", "kept_record_id"), on="record_id", how="inner").dropDuplicates(
        ["record_id"]
    )
    return once.withColumn("withheld", F.lit(None).cast("string"))


def tell_old_texts(tickets: DataFrame, places: Sequence[DataFrame]) -> DataFrame:
    """Find the records of which a place tells another subject or text than silver.tickets does now: record_id."""
    now = tickets.select("record_id", F.struct(*TEXTS).alias("now"))
    found = tickets.select("record_id").limit(0)
    for place in places:
        copies = place.select("record_id", F.struct(*TEXTS).alias("copy")).join(now, on="record_id", how="inner")
        found = found.unionByName(copies.where(~F.col("copy").eqNullSafe(F.col("now"))).select("record_id"))
    return found.dropDuplicates(["record_id"])


def tell_old_hashes(tickets: DataFrame, rows: DataFrame) -> DataFrame:
    """Find the records of which a row was made from another text than voters would see now: record_id.

    Args:
        tickets: silver.tickets.
        rows: with record_id and text_hash; one without a hash was made from no text.
    """
    now = tickets.transform(voter_texts).select("record_id", "text_hash")
    made = rows.where(F.col("text_hash").isNotNull())
    return made.join(now, on=["record_id", "text_hash"], how="left_anti").select("record_id").distinct()


def without_hash(records: DataFrame) -> DataFrame:
    """Say of records that no hash of their text is kept: record_id, text_hash."""
    return records.select("record_id", F.lit(None).cast("string").alias("text_hash"))


def open_again(previous: DataFrame, changed: DataFrame) -> DataFrame:
    """Take the verdict off the decisions of changed records, so that each gets a new one even if it is the same.

    Args:
        previous: rows of gold.decisions.
        changed: record_id.
    """
    marked = previous.join(changed.withColumn("changed", F.lit(True)), on="record_id", how="left")
    verdict = F.when(F.col("changed").isNull(), F.col("verdict"))
    return marked.withColumn("verdict", verdict).select(*previous.columns)


def gone_values(raw: DataFrame, redacted: DataFrame, stale: DataFrame) -> DataFrame:
    """List the personal values of records that no longer stand in their redacted texts. Never stored.

    Args:
        raw: RAW_TICKETS of the records.
        redacted: the same after `redaction.redact`.
        stale: what `stale_records` gave: their former texts.

    Returns:
        record_id, value, was_left (whether the former text still had it).
    """
    found = F.udf(list_gone, "array<struct<value: string, was_left: boolean>>", useArrow=False)
    texts = [F.array(*columns) for columns in (("raw_subject", "raw_text"), TEXTS, ("old_subject", "old_text"))]
    spans = F.transform("spans", lambda span: F.struct(*(span[name] for name in SPAN)))
    joined = redacted.join(raw.select("record_id", "raw_subject", "raw_text"), on="record_id", how="inner").join(
        stale.select("record_id", "old_subject", "old_text"), on="record_id", how="inner"
    )
    return joined.select("record_id", F.explode(found(*texts, spans)).alias("gone")).select("record_id", "gone.*")


def list_gone(
    raw: Sequence[str | None], now: Sequence[str | None], old: Sequence[str | None], spans: Sequence[Sequence[object]]
) -> list[tuple[str, bool]]:
    """Cut the values of one record out of its raw subject and text; with each, whether its old texts had it."""
    normalised = dict(zip(TEXTS, (normalise_text(text or "") for text in raw), strict=True))
    values = {normalised[str(field)][int(str(start)) : int(str(end))] for field, start, end in spans}
    return [(value, stands_in(value, old)) for value in sorted(values) if value.strip() and not stands_in(value, now)]


def stands_in(value: str, texts: Sequence[str | None]) -> bool:
    """Tell whether one of the texts holds a value, in any case, and not only as a part of a longer word."""
    whole = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)
    return any(whole.search(text) for text in texts if text)


def still_telling(rows: DataFrame, names: Sequence[str], values: DataFrame) -> DataFrame:
    """Find the rows of a table that hold a value that should be gone from its record: record_id.

    Args:
        rows: with record_id.
        names: the columns that hold texts.
        values: what `gone_values` gave.
    """
    holds = F.udf(lambda value, texts: stands_in(value, texts), "boolean", useArrow=False)
    joined = rows.join(values, on="record_id", how="inner")
    return joined.where(holds("value", F.array(*(F.col(name).cast("string") for name in names)))).select("record_id")
