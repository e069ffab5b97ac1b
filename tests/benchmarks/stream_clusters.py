"""The stream's clusters in Spark: a million tickets, what the index costs a ticket, and what a small batch costs then.

    python -m tests.benchmarks.stream_clusters --tickets 1000000 --batch 20000 --rounds 9 --json result.json

Runs the silver job's own `cluster` step (read the batch, assign, commit to Delta with links and merges, teach the
index) on made-up tickets of 45 words that stand as if redacted: 30 % exact and 30 % near duplicates. Then micro-batches
of 1,000 are sent in turn against an index of 10,000 tickets and against the big one; ratios are taken within a round.
The partition of the small index, filled in micro-batches, is checked against brute force.
"""

import argparse
import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import perf_counter

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import contracts as tables
from pipelines.adapters.cluster_cache import ClusterCache
from pipelines.adapters.delta import BatchWrite, read_table
from pipelines.columns import CLUSTERING
from pipelines.declaration import uncommented
from pipelines.jobs.silver import cluster
from pipelines.kernels.texts import encode, normalise_texts
from pipelines.settings import Settings
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.redaction import leave_texts
from tests.benchmarks.flows import lasting_session, make_flow
from tests.benchmarks.made_up_tickets import brute_force, make_tickets
from tests.benchmarks.report import make_parser, ratios, say, write_json
from tests.kernels.near_duplicate_truth import components

SMALL = 10_000
MICRO_BATCH = 1_000
DAY = date(2026, 1, 5)


class Silver:
    """One workspace's silver tables, filled by the cluster step alone."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        settings = Settings()
        self.spark, self.batches = spark, 0
        self.flow = make_flow(spark, root, settings, redactor=leave_texts)
        self.cache = ClusterCache(self.flow.cache_folder, settings.clusters)

    def send(self, texts: Sequence[str], first: int) -> float:
        """Cluster and commit one micro-batch; gives the seconds it took."""
        rows = redacted_rows(self.spark, texts, first)
        begin = perf_counter()
        cluster(rows, self.cache, self.flow, BatchWrite("silver", 1, self.batches))
        self.batches += 1
        return perf_counter() - begin

    def fill(self, texts: Sequence[str], batch: int) -> float:
        """Send many, in batches."""
        seconds = 0.0
        for start in range(0, len(texts), batch):
            seconds += self.send(texts[start : start + batch], start)
            say(f"{min(start + batch, len(texts)):,} of {len(texts):,} in {seconds:.0f} s")
        return seconds

    def index_bytes(self) -> int:
        """Bytes of the index on disk."""
        return sum(path.stat().st_size for path in (self.flow.cache_folder).rglob("*") if path.is_file())

    def partition(self, first: int) -> list[str]:
        """Give the cluster, as it is today, of each of the first records."""
        stored, merges = (
            read_table(self.spark, self.flow.store, table) for table in (tables.TICKETS_SILVER, tables.CLUSTER_MERGES)
        )
        early = stored.where(F.col("arrival_no") <= first).transform(current_clusters, merges)
        return [row.cluster_id for row in early.select("arrival_no", "cluster_id").orderBy("arrival_no").collect()]


def redacted_rows(spark: SparkSession, texts: Sequence[str], first: int) -> DataFrame:
    """Make rows as redaction leaves them, and let Spark have them before the clock starts."""
    added = {field.name for field in CLUSTERING[1:]} | {"query_epoch", "batch_id"}
    kind = uncommented([field for field in tables.TICKETS_SILVER.columns if field.name not in added])
    numbers = range(first, first + len(texts))
    values = {
        "record_id": [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers],
        "text_key": [hashlib.sha256(text.encode()).hexdigest() for text in texts],
        "source": "email",
        "text": list(texts),
        "received_day": DAY,
        "position": [f"{number:015d}" for number in numbers],
        "redaction_version": "benchmark",
    }
    frame = pd.DataFrame({name: values.get(name) for name in kind.fieldNames()}, index=range(len(texts)))
    return spark.createDataFrame(frame.astype(object).where(frame.notna(), None), kind).localCheckpoint()


def same_partition(found: Sequence[object], texts: Sequence[str], threshold: float) -> tuple[float, float]:
    """Compare which couples are in one cluster with single-link over brute force: recall and precision."""
    normalised, first = normalise_all(texts), {}
    copies = [(first.setdefault(text, place), place) for place, text in enumerate(normalised)]
    single_link = components(len(texts), [*copies, *brute_force(normalised, threshold)])
    true, ours = couples(single_link), couples(found)
    return len(true & ours) / len(true), len(true & ours) / len(ours)


def normalise_all(texts: Sequence[str]) -> list[str]:
    """Normalise as the index does."""
    laid = normalise_texts(*encode(list(texts)))
    return [laid.text(place) for place in range(len(laid))]


def couples(clusters: Sequence[object]) -> set[tuple[int, int]]:
    """Name neighbours within each cluster: as many couples as a cluster has members, less one, and its first."""
    members: dict[object, int] = {}
    return {(members.setdefault(name, place), place) for place, name in enumerate(clusters)}


def measure(spark: SparkSession, root: Path, options: argparse.Namespace) -> dict[str, object]:
    """Fill the big index, then send micro-batches to both in turn."""
    extra = options.rounds * MICRO_BATCH
    texts = make_tickets(options.tickets + extra, options.seed)
    big, small = Silver(spark, root / "big"), Silver(spark, root / "small")
    seconds = big.fill(texts[: options.tickets], options.batch)
    small.fill(texts[:SMALL], MICRO_BATCH)
    recall, precision = same_partition(small.partition(SMALL), texts[:SMALL], 0.8)
    bytes_a_ticket = big.index_bytes() / options.tickets
    rounds: dict[str, list[float]] = {"small": [], "big": []}
    for number in range(options.rounds):
        start = options.tickets + number * MICRO_BATCH
        batch = texts[start : start + MICRO_BATCH]
        for name, silver in (("small", small), ("big", big)) if number % 2 else (("big", big), ("small", small)):
            rounds[name].append(silver.send(batch, start))
    return {
        "tickets": options.tickets,
        "batch": options.batch,
        "seconds": seconds,
        "index_bytes_a_ticket": bytes_a_ticket,
        "segments": len(big.cache.index.segments),
        "indexed": sum(map(len, big.cache.index.segments)),
        "micro_batch_seconds": rounds,
        "big_over_small": ratios(rounds["big"], rounds["small"]),
        "recall": recall,
        "precision": precision,
    }


def show(result: dict[str, object]) -> None:
    """Print the table."""
    print(f"{result['tickets']:,} tickets in batches of {result['batch']:,}: {result['seconds']:.0f} s")
    print(
        f"index: {result['index_bytes_a_ticket']:.0f} bytes a ticket, {result['indexed']:,} different texts in ", end=""
    )
    print(f"{result['segments']} segments")
    ratio = result["big_over_small"]
    print(
        f"a micro-batch of {MICRO_BATCH:,} against it costs {ratio['median']:.2f} times ({ratio['least']:.2f} to "
        f"{ratio['greatest']:.2f}) one against {SMALL:,}"
    )
    print(f"partition of {SMALL:,}, batch by batch: recall {result['recall']:.4f}, precision {result['precision']:.4f}")


def main() -> None:
    """Read the options, measure, print."""
    options = make_parser(__doc__, tickets=1_000_000, batch=20_000, rounds=9, seed=1).parse_args()
    with lasting_session(Settings()) as (spark, root):
        result = measure(spark, root, options)
    write_json(result, options.json)
    show(result)


if __name__ == "__main__":
    main()
