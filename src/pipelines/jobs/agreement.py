"""Agreement of models and people, kept up as votes come: counts first, then the figures that follow from them.

Counts say which votes they are of, in the same commit, so that no vote counts twice or never. Each later step finds its
work by comparing what stands: a run that was cut off is finished by the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.delta import BatchWrite, TableStore, append_once, next_batch, read_table
from pipelines.adapters.spark import hold
from pipelines.contracts import AGREEMENT, AGREEMENT_COUNTS, ANNOTATOR_QUALITY, LABELS
from pipelines.declaration import Table
from pipelines.faults import hit
from pipelines.intents import LabelSet
from pipelines.jobs.agreement_rows import Key, Values, changed, judge_annotators, measure
from pipelines.transforms.agreement_counts import (
    FIGURES,
    add_up,
    cast_through,
    count_votes,
    counted_rows,
    less,
    newest_batches,
    newest_measures,
    newest_quality,
    texts_between,
)
from pipelines.transforms.label_sets import as_of_today
from pipelines.transforms.people import newest_of_annotators
from pipelines.vocabulary import Compared, Counted, Voter

QUERY = "agreement"
Through = dict[str, int]
"""Newest micro-batch by query_epoch."""


@dataclass(frozen=True)
class Measured:
    """What is known of agreement, as of the newest votes that were counted.

    Attributes:
        changed: rows of gold.agreement that this run wrote.
        agreement: current rows of gold.agreement.
        annotators: current rows of gold.annotator_quality.
    """

    changed: int
    agreement: list[dict[str, Any]]
    annotators: list[dict[str, Any]]


def measure_agreement(spark: SparkSession, store: TableStore, labels: LabelSet, now: datetime) -> int:
    """Count the votes that came since the last time, and measure anew what they change.

    Votes are compared in the words they were cast in, and told in those of today.

    Returns:
        How many rows of gold.agreement were written; 0 without news.
    """
    counted = count_new_votes(spark, store, now)
    rows = 0
    if newest_batch(spark, store, AGREEMENT) < counted:
        rows = write_measures(spark, store, labels, BatchWrite(QUERY, 1, counted), now)
    by_people = f"counted = '{Counted.VOTES}' AND voter = '{Voter.HUMAN}'"
    voted = newest_batch(spark, store, AGREEMENT_COUNTS, by_people)
    if newest_batch(spark, store, ANNOTATOR_QUALITY) < voted:
        write_quality(spark, store, labels, BatchWrite(QUERY, 1, voted), now)
    return rows


def read_measured(spark: SparkSession, store: TableStore, written: int) -> Measured:
    """Read the current figures."""
    agreement = read_table(spark, store, AGREEMENT).transform(newest_measures)
    quality = read_table(spark, store, ANNOTATOR_QUALITY).transform(newest_quality)
    order = ("compared", "voter", "rater", "day", "label")
    return Measured(
        written,
        [row.asDict() for row in agreement.select(*AGREEMENT.payload_names).orderBy(*order).collect()],
        [row.asDict(recursive=True) for row in quality.select(*ANNOTATOR_QUALITY.payload_names).collect()],
    )


def count_new_votes(spark: SparkSession, store: TableStore, now: datetime) -> int:
    """Append what new votes change in the counts, with the votes that are counted from then on.

    Returns:
        Number of the newest batch of counts; -1 while nothing was counted.
    """
    votes, counts = read_table(spark, store, LABELS), read_table(spark, store, AGREEMENT_COUNTS)
    through, before = read_through(votes), votes_counted(counts)
    number = next_batch(spark, store, QUERY, [AGREEMENT_COUNTS])
    if through == before:
        return number - 1
    news = hold(find_news(votes, counts, before, through))
    # Failures alone say nothing: they are looked at again with the next votes.
    if news.isEmpty():
        return number - 1
    append_once(news.transform(counted_rows, through, now), store, AGREEMENT_COUNTS, BatchWrite(QUERY, 1, number))
    hit("after_agreement_counts")
    return number


def find_news(votes: DataFrame, counts: DataFrame, before: Through, through: Through) -> DataFrame:
    """Count what the texts with new votes say now, less what they said before.

    Where votes that were counted are gone (a table that was taken back), everything is counted anew.
    """
    cast = votes.transform(cast_through, through)
    if any(batch > through.get(query, -1) for query, batch in before.items()):
        return cast.transform(count_votes).transform(less, counts)
    texts = hold(votes.transform(texts_between, before, through))
    touched = hold(cast.join(texts, on="text_key", how="left_semi"))
    said_before = touched.transform(cast_through, before).transform(count_votes)
    return touched.transform(count_votes).transform(less, said_before)


def read_through(rows: DataFrame) -> Through:
    """Read how far each query has written."""
    return {row["query_epoch"]: int(row["batch_id"]) for row in rows.transform(newest_batches).collect()}


def votes_counted(counts: DataFrame) -> Through:
    """Read which votes the counts are of."""
    newest = counts.orderBy("batch_id", ascending=False).select("votes_through").first()
    return dict(newest["votes_through"]) if newest else {}


def newest_batch(spark: SparkSession, store: TableStore, table: Table, rows: str = "true") -> int:
    """Number of the newest batch that wrote some rows of a table; -1 without any."""
    found = read_table(spark, store, table).where(rows).agg({"batch_id": "max"}).first()
    return int(found[0]) if found and found[0] is not None else -1


def write_measures(spark: SparkSession, store: TableStore, labels: LabelSet, write: BatchWrite, now: datetime) -> int:
    """Measure everything from the counts, and append what differs from what stands."""
    counts = read_table(spark, store, AGREEMENT_COUNTS).transform(add_up).collect()
    measured = measure((row.asDict() for row in counts), labels.renamed)
    stored = read_table(spark, store, AGREEMENT).transform(newest_measures).collect()
    rows = changed(measured, as_measures(row.asDict() for row in stored))
    values = [(*key, *figures, now) for key, figures in rows.items()]
    append_values(spark, store, AGREEMENT, values, write)
    hit("after_agreement")
    return len(rows)


def as_measures(rows: Any) -> Mapping[Key, Values]:
    """Read rows of gold.agreement as what `agreement_rows.measure` gives."""
    return {
        (row["compared"], row["voter"], row["rater"], row["label"], row["day"]): tuple(row[name] for name in FIGURES)
        for row in rows
    }


def write_quality(spark: SparkSession, store: TableStore, labels: LabelSet, write: BatchWrite, now: datetime) -> None:
    """Judge every annotator by all votes of people: what one says bears on how right the others were."""
    through = votes_counted(read_table(spark, store, AGREEMENT_COUNTS))
    cast = read_table(spark, store, LABELS).transform(as_of_today, labels).transform(cast_through, through)
    people = f"voter = '{Voter.HUMAN}' AND annotator_id IS NOT NULL AND text_key IS NOT NULL AND label IS NOT NULL"
    newest = cast.where(people).transform(newest_of_annotators)
    votes = [tuple(row) for row in newest.select("text_key", "annotator_id", "label").collect()]
    agreement = read_table(spark, store, AGREEMENT).transform(newest_measures)
    overall = agreement.where(f"compared = '{Compared.ANNOTATOR}' AND label IS NULL AND day IS NULL").collect()
    compared = {row["rater"]: (row["items"], row["observed_agreement"]) for row in overall}
    values = [
        (one.annotator_id, one.votes, one.accuracy, *compared.get(one.annotator_id, (0, None)), one.mistakes, now)
        for one in judge_annotators(votes)
    ]
    append_values(spark, store, ANNOTATOR_QUALITY, values, write)
    hit("after_annotator_quality")


def append_values(
    spark: SparkSession, store: TableStore, table: Table, values: list[tuple[Any, ...]], write: BatchWrite
) -> None:
    """Append rows that were made here, if any."""
    if not values:
        return
    untraced = [(*row, *[None] * (len(table.columns) - len(row))) for row in values]
    append_once(spark.createDataFrame(untraced, table.columns), store, table, write)
