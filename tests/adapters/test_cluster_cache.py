"""The index is a cache of silver.tickets: it says the same from its files, from the table, and after a crash."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.cluster_cache import MANIFEST, ClusterCache
from pipelines.adapters.cluster_rows import clustering_frame, read_arrivals
from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_batch, read_table
from pipelines.adapters.table_creation import ensure_tables
from pipelines.contracts import CLUSTER_MERGES, TICKETS_SILVER
from pipelines.kernels.cluster_index import Assignment
from pipelines.settings import ClusterSettings
from pipelines.transforms.clusters import add_clusters, merge_clusters
from tests.builders import Values, frame, record

SETTINGS = ClusterSettings(similarity_threshold=0.7)
FIRST = [("a", "abcdefghijklmnopqrstuvwxyz0123"), ("b", "ghijklmnopqrstuvwxyz0123456789"), ("w", None)]
BRIDGE = [("c", "defghijklmnopqrstuvwxyz0123456")]
LATER = [("d", "abcdefghijklmnopqrstuvwxyz012"), ("e", "hijklmnopqrstuvwxyz0123456789"), ("f", "nothing of the kind")]
MONDAY = date(2026, 1, 5)


def name(short: str) -> str:
    return hashlib.sha256(short.encode()).hexdigest()


class Silver:
    """The part of the silver job that clusters: tables, and a cache that can be lost."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root
        self.store = TableStore("", str(root / "tables"), "")
        ensure_tables(spark, self.store, (TICKETS_SILVER, CLUSTER_MERGES))
        self.batches = 0

    def open(self, settings: ClusterSettings = SETTINGS, table_id: str = "t") -> ClusterCache:
        cache = ClusterCache(self.root / "cache", settings)
        history = read_table(self.spark, self.store, TICKETS_SILVER)
        cache.catch_up(history, read_table(self.spark, self.store, CLUSTER_MERGES), table_id)
        return cache

    def ask(self, cache: ClusterCache, rows: Sequence[tuple[str, str | None]], day: date = MONDAY) -> Assignment:
        return cache.index.assign(read_arrivals(frame(self.spark, TICKETS_SILVER, *self.values(rows, day))))

    def values(self, rows: Sequence[tuple[str, str | None]], day: date) -> list[Values]:
        # Positions and names run in opposite directions, so that no order by name can pass for the order of arrival.
        return [
            record(name(short), text=text, withheld=None if text else "over_daily_limit", received_day=day,
                   position=f"{self.batches:012d}/{place:06d}")
            for place, (short, text) in enumerate(rows)
        ]  # fmt: skip

    def commit(
        self, cache: ClusterCache, rows: Sequence[tuple[str, str | None]], crash: bool = False, day: date = MONDAY
    ) -> None:
        write = BatchWrite("silver", 1, self.batches)
        redacted = frame(self.spark, TICKETS_SILVER, *self.values(rows, day)).drop(
            "arrival_no", "cluster_id", "cluster_no", "links", "links_capped"
        )
        assignment = self.ask(cache, rows, day)
        log = read_table(self.spark, self.store, CLUSTER_MERGES)
        clustered = redacted.transform(add_clusters, clustering_frame(self.spark, assignment))
        append_once(clustered, self.store, TICKETS_SILVER, write)
        self.batches += 1
        if not crash:
            cache.learn(assignment, write)
        stored = read_batch(self.spark, self.store, TICKETS_SILVER, write)
        append_once(stored.transform(merge_clusters, log), self.store, CLUSTER_MERGES, write)

    def clusters(self) -> dict[str, str]:
        short = {name(letter): letter for letter in "abcdefghijw"}
        rows = read_table(self.spark, self.store, TICKETS_SILVER).select("record_id", "cluster_id").collect()
        return {short[row[0]]: row[1] and short[row[1]] for row in rows}


def answer(assignment: Assignment) -> list[object]:
    return [assignment.members.numbers.tolist(), assignment.members.clusters.tolist(), assignment.cluster_ids.tolist()]


@pytest.fixture(scope="module")
def past(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Silver:
    silver = Silver(spark, tmp_path_factory.mktemp("silver"))
    cache = silver.open()
    for rows in (FIRST, BRIDGE):
        silver.commit(cache, rows)
    return silver


@pytest.fixture
def files(past: Silver) -> Iterator[Path]:
    folder = past.root / "cache" / "clusters"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    yield folder
    for path in folder.iterdir():
        path.unlink()
    for file, content in kept.items():
        (folder / file).write_bytes(content)


def test_a_cluster_grows_from_batch_to_batch_and_the_older_one_takes_the_other_in(past: Silver) -> None:
    assert past.clusters() == {"a": "a", "b": "b", "w": None, "c": "a"}
    log = read_table(past.spark, past.store, CLUSTER_MERGES).collect()
    assert [(row.absorbed_id, row.cluster_id, row.record_id) for row in log] == [(name("b"), name("a"), name("c"))]
    assert past.ask(past.open(), LATER).members.clusters.tolist() == [1, 1, 6]


@pytest.mark.parametrize("harm", ["none", "lost", "torn", "a byte", "no manifest", "nonsense", "one file"])
def test_files_and_table_give_the_same_index(past: Silver, files: Path, harm: str) -> None:
    expected = answer(past.ask(past.open(), LATER))
    segments = sorted(files.glob("*.segment"))
    before = segments[0].read_bytes()
    if harm == "lost":
        for path in files.iterdir():
            path.unlink()
    elif harm == "torn":
        segments[0].write_bytes(before[: len(before) // 2])
    elif harm == "a byte":
        segments[0].write_bytes(before[:300] + bytes([before[300] ^ 1]) + before[301:])
    elif harm == "no manifest":
        (files / MANIFEST).unlink()
    elif harm == "nonsense":
        (files / MANIFEST).write_text("{}")
    elif harm == "one file":
        segments[-1].unlink()
    assert answer(past.ask(past.open(), LATER)) == expected


def test_sound_files_are_used_and_not_made_again(past: Silver, files: Path) -> None:
    past.open()
    before = {path.name: path.stat().st_ino for path in files.glob("*.segment")}
    past.open()
    assert {path.name: path.stat().st_ino for path in files.glob("*.segment")} == before


@pytest.mark.parametrize("change", [{"table_id": "another"}, {"settings": replace(SETTINGS, seed=2)}])
def test_files_of_another_table_or_of_other_settings_are_not_used(past: Silver, files: Path, change: dict) -> None:
    made = json.loads((files / MANIFEST).read_text())["made_from"]
    assert past.ask(past.open(**change), LATER).members.clusters.tolist() == [1, 1, 6]
    assert json.loads((files / MANIFEST).read_text())["made_from"] != made


def test_a_batch_that_was_committed_and_not_learnt_is_read_from_the_table(spark: SparkSession, tmp_path: Path) -> None:
    silver = Silver(spark, tmp_path)
    silver.commit(silver.open(), FIRST, crash=True)
    reopened = silver.open()
    silver.commit(reopened, BRIDGE)
    assert silver.clusters() == {"a": "a", "b": "b", "w": None, "c": "a"}
    assert silver.ask(silver.open(), LATER).members.clusters.tolist() == [1, 1, 6]


def test_days_outside_the_window_leave_the_index_and_many_small_segments_become_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    silver = Silver(spark, tmp_path)
    cache = ClusterCache(tmp_path / "cache", replace(SETTINGS, window_days=5))
    empty = read_table(spark, silver.store, TICKETS_SILVER), read_table(spark, silver.store, CLUSTER_MERGES)
    cache.catch_up(*empty, "t")
    for number in range(12):
        day = MONDAY + timedelta(days=number)
        assignment = silver.ask(
            cache, [(f"{number}", f"a text of its own with the words number {'xyz' * number}")], day
        )
        cache.learn(assignment, BatchWrite("silver", 1, number))
    # Days 6 to 11 are inside the window of the newest.
    assert sum(map(len, cache.index.segments)) == 6
    assert len(list((tmp_path / "cache" / "clusters").glob("*.segment"))) == len(cache.index.segments)
    for number in range(12, 20):
        assignment = silver.ask(cache, [(f"{number}", f"{number} other words {'klm' * number}")], day)
        cache.learn(assignment, BatchWrite("silver", 1, number))
    assert len(cache.index.segments) < 8
    assert sum(map(len, cache.index.segments)) == 14
