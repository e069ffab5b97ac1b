"""Between tables and the cluster index: what stored rows tell it, what a batch asks it, and what it answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from operator import itemgetter

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.columns import CLUSTERING
from pipelines.declaration import uncommented
from pipelines.kernels.cluster_index import Assignment
from pipelines.kernels.links import LONG_AGO, Arrivals
from pipelines.kernels.merges import ID_BYTES, Merges, no_merges
from pipelines.kernels.postings import Days
from pipelines.kernels.segments import Members
from pipelines.kernels.texts import Bytes, Texts, encode, normalise_texts
from pipelines.transforms.intake import LABEL_SOURCE
from pipelines.transforms.traces import is_through

ROWS_AT_ONCE = 100_000
"""Rows of the table that are in the driver's memory at once while the index is built."""
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Stored:
    """How far silver.tickets goes.

    Attributes:
        held: newest micro-batch of each life of the checkpoint (query_epoch).
        last_number: number of the newest clustered record, 0 where there is none.
        last_day: latest day of a ticket of the stream, in days since 1970. Labelled files do not count: they may be
            years younger than the tickets that are read again beside them.
    """

    held: dict[str, int]
    last_number: int
    last_day: int


def of_the_stream() -> Column:
    """Tell tickets of the stream from records that labelled files brought along."""
    return F.coalesce(F.col("source") != LABEL_SOURCE, F.lit(True))


def look_at(history: DataFrame) -> Stored:
    """See how far the table goes."""
    newest = (F.max("batch_id"), F.max("arrival_no"), F.max(F.when(of_the_stream(), F.col("received_day"))))
    rows = history.groupBy("query_epoch").agg(*newest).collect()
    return Stored(
        held={str(row[0]): int(row[1]) for row in rows},
        last_number=max((int(row[2]) for row in rows if row[2] is not None), default=0),
        last_day=max(((row[3] - EPOCH).days for row in rows if row[3] is not None), default=LONG_AGO),
    )


def read_unknown(history: DataFrame, held: dict[str, int], earliest: int) -> Iterator[tuple[Members, Texts]]:
    """Read the clustered rows that are in no held micro-batch, from a day on, in the order of their arrival."""
    recent = F.datediff("received_day", F.lit(EPOCH)) >= earliest
    rows = history.where(F.col("arrival_no").isNotNull() & recent & ~is_through(held))
    bounds = (F.min("arrival_no").alias("first"), F.max("arrival_no").alias("last"), F.count("*").alias("records"))
    batches = sorted(rows.groupBy("query_epoch", "batch_id").agg(*bounds).collect(), key=itemgetter("first"))
    while batches:
        filled = np.cumsum([batch["records"] for batch in batches])
        fitting = max(1, int(np.searchsorted(filled, ROWS_AT_ONCE, side="right")))
        taken, batches = batches[:fitting], batches[fitting:]
        # Spark finds the files of a few batches by their statistics.
        numbers = [batch["batch_id"] for batch in taken]
        ours = F.col("batch_id").between(min(numbers), max(numbers))
        ours &= F.col("arrival_no").between(taken[0]["first"], max(batch["last"] for batch in taken))
        yield read_members(rows.where(ours))


def read_members(rows: DataFrame) -> tuple[Members, Texts]:
    """Bring rows and their clusters to the driver."""
    names = ["record_id", "arrival_no", "received_day", "cluster_no", "cluster_id", "text"]
    frame = rows.select(*names).toPandas().sort_values("arrival_no", ignore_index=True)
    numbers, clusters = frame["arrival_no"].to_numpy(np.int64), frame["cluster_no"].to_numpy(np.int64)
    founders, first = np.unique(clusters, return_index=True)
    outside = ~np.isin(founders, numbers)
    members = Members(
        record_ids=id_bytes(frame["record_id"]),
        numbers=numbers,
        days=day_numbers(frame["received_day"]),
        clusters=clusters,
        founders=founders[outside],
        founder_ids=id_bytes(frame["cluster_id"].iloc[first[outside]]),
    )
    return members, normalised(frame["text"])


def read_merges(log: DataFrame) -> Merges:
    """Read which clusters have become part of which: the newest word on each."""
    newest = F.min_by(F.struct("cluster_no", "cluster_id"), "cluster_no").alias("now")
    rows = log.groupBy("absorbed_no").agg(newest).select("absorbed_no", "now.*").toPandas()
    numbers = rows["absorbed_no"].to_numpy(np.int64), rows["cluster_no"].to_numpy(np.int64)
    return no_merges().add(*numbers, id_bytes(rows["cluster_id"]))


def read_arrivals(records: DataFrame) -> Arrivals:
    """Bring the records of a batch that are not withheld to the driver, in the order of their arrival."""
    follows = of_the_stream().alias("follows")
    open_records = records.where(F.col("withheld").isNull())
    frame = open_records.select("record_id", "received_day", "text", "position", follows).toPandas()
    frame = frame.sort_values(["position", "record_id"], ignore_index=True)
    days = day_numbers(frame["received_day"])
    latest = int(days[frame["follows"].to_numpy(np.bool_)].max(initial=LONG_AGO))
    return Arrivals(id_bytes(frame["record_id"]), days, normalised(frame["text"]), latest)


def clustering_frame(spark: SparkSession, assignment: Assignment) -> DataFrame:
    """Give what the index answered as rows: the record's number, its cluster, and why."""
    members, links = assignment.members, assignment.links
    others, joined = id_strings(links.other_ids), id_strings(links.cluster_ids)
    reasons = [
        (other, round(similarity, 6), cluster if number >= 0 else None, number if number >= 0 else None)
        for other, similarity, cluster, number in zip(
            others, links.similarity.tolist(), joined, links.clusters.tolist(), strict=True
        )
    ]
    bounds = np.searchsorted(links.row, np.arange(len(members) + 1))
    rows = zip(
        id_strings(members.record_ids),
        members.numbers.tolist(),
        id_strings(assignment.cluster_ids),
        members.clusters.tolist(),
        (reasons[start:end] for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)),
        assignment.capped.tolist(),
        strict=True,
    )
    # The rows are made right above: checking each field of each would take longer than making them.
    return spark.createDataFrame(list(rows), uncommented(CLUSTERING), verifySchema=False)


def id_bytes(ids: "pd.Series[str]") -> Bytes:
    """Read ids: 64 hex digits each."""
    return np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(-1, ID_BYTES)


def id_strings(ids: Bytes) -> list[str]:
    """Write ids as 64 hex digits."""
    digits = ids.tobytes().hex()
    return [digits[start : start + 2 * ID_BYTES] for start in range(0, len(digits), 2 * ID_BYTES)]


def day_numbers(days: "pd.Series[date]") -> Days:
    """Count days from 1970."""
    return np.array([(day - EPOCH).days for day in days], dtype=np.int32)


def normalised(texts: "pd.Series[str]") -> Texts:
    """Lay texts into one buffer, normalised; a missing one is empty."""
    return normalise_texts(*encode([text if isinstance(text, str) else "" for text in texts]))
