"""Eight ways in which a checkpoint and its table come apart: a right resume, or a refusal that says what recovers."""

import contextlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.checkpoints import StreamPlan, checkpoint
from pipelines.adapters.delta import BatchWrite, TableStore, append_once, delta_table, read_table
from pipelines.adapters.streams import read_appends, start
from pipelines.adapters.table_creation import ensure_tables
from pipelines.contracts import LANDED_FILES
from pipelines.errors import CheckpointMismatchError, PipelineError
from pipelines.jobs.runner import wait_for
from tests.builders import frame

FIRST, LATER = ["f1", "f2", "f3"], ["f4"]
"""One row a batch of the source, and so of the query."""


@dataclass
class Copying:
    """A query that copies rows from one table to another, a row a batch."""

    spark: SparkSession
    root: Path
    sink_folder: str = "to"
    new_epoch: bool = False
    files_per_batch: int = 1

    @property
    def source(self) -> TableStore:
        return TableStore("", str(self.root / "from"), "")

    @property
    def sink(self) -> TableStore:
        return TableStore("", str(self.root / self.sink_folder), "")

    @property
    def plan(self) -> StreamPlan:
        return StreamPlan("copy", str(self.root / "checkpoints"), new_epoch=self.new_epoch)

    @property
    def checkpoint(self) -> Path:
        return Path(checkpoint(self.plan, 1))

    def arrive(self, names: list[str]) -> None:
        for name in names:
            rows = frame(self.spark, LANDED_FILES, {"file_key": name, "path": name})
            append_once(rows, self.source, LANDED_FILES, BatchWrite("arrivals", 1, int(name[1:])))

    def run(self, before_write: Callable[[], None] = lambda: None) -> None:
        def write_batch(batch: DataFrame, write: BatchWrite) -> None:
            before_write()
            append_once(batch, self.sink, LANDED_FILES, write)

        rows = read_appends(self.spark, self.source, [LANDED_FILES], self.files_per_batch)
        wait_for(start(rows, write_batch, self.plan, self.sink, LANDED_FILES), lambda: None)

    def copied(self) -> list[str]:
        return sorted(row["file_key"] for row in read_table(self.spark, self.sink, LANDED_FILES).collect())

    def recover(self) -> None:
        replace(self, new_epoch=True, files_per_batch=10).run()


@pytest.fixture(scope="module")
def copied_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Copying:
    query = Copying(spark, tmp_path_factory.mktemp("copying") / "lake")
    for store in (query.source, query.sink):
        ensure_tables(spark, store, (LANDED_FILES,))
    query.arrive(FIRST)
    query.run()
    assert query.copied() == FIRST
    return query


@pytest.fixture
def query(copied_once: Copying, tmp_path: Path) -> Copying:
    """The query after three batches, and one more row that waits; every file with the time it had."""
    return replace(copied_once, root=Path(shutil.copytree(copied_once.root, tmp_path / "lake")))


def delete_folder(query: Copying) -> None:
    shutil.rmtree(query.checkpoint)


def empty_newest_offsets(query: Copying) -> None:
    (query.checkpoint / "offsets" / "2").write_bytes(b"")


def put_older_copy_back(query: Copying) -> None:
    for log in ("offsets", "commits"):
        for path in (query.checkpoint / log).glob("*2*"):
            path.unlink()


def restore_table(query: Copying) -> None:
    delta_table(query.spark, query.sink, LANDED_FILES).restoreToVersion(2)


def change_sink(query: Copying) -> None:
    query.sink_folder = "elsewhere"
    ensure_tables(query.spark, query.sink, (LANDED_FILES,))


def make_sink_anew(query: Copying) -> None:
    shutil.rmtree(query.root / "to")
    ensure_tables(query.spark, query.sink, (LANDED_FILES,))


def lose(path: Path) -> None:
    """Delete a file and the checksum that a local disk keeps beside it; object stores have none."""
    path.unlink()
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def lose_newest_commit(query: Copying) -> None:
    lose(query.checkpoint / "commits" / "2")


def lose_all_commits(query: Copying) -> None:
    shutil.rmtree(query.checkpoint / "commits")


def lose_metadata(query: Copying) -> None:
    lose(query.checkpoint / "metadata")


REFUSED = {
    delete_folder: "holds batch 2 of epoch 1, but its checkpoint knows 0 batches",
    empty_newest_offsets: "offsets/2 is empty",
    put_older_copy_back: "holds batch 2 of epoch 1, but its checkpoint knows 2 batches",
    restore_table: "was RESTOREd",
    change_sink: "is not the table that its checkpoint was made for",
    make_sink_anew: "is not the table that its checkpoint was made for",
}
RESUMED = (lose_newest_commit, lose_all_commits, lose_metadata)


@pytest.mark.parametrize("damage", REFUSED, ids=lambda damage: damage.__name__)
def test_a_damage_that_would_lose_rows_is_refused_and_a_new_epoch_recovers(
    query: Copying, damage: Callable[[Copying], None]
) -> None:
    damage(query)
    query.arrive(LATER)
    before = query.copied()
    with pytest.raises(CheckpointMismatchError, match=REFUSED[damage]) as refused:
        query.run()
    assert "--new-epoch" in str(refused.value)
    assert query.copied() == before
    query.recover()
    assert query.copied() == FIRST + LATER
    query.run()
    assert query.copied() == FIRST + LATER, "the new epoch is not refused, and reads nothing twice"


@pytest.mark.parametrize("damage", RESUMED, ids=lambda damage: damage.__name__)
def test_a_damage_that_loses_nothing_is_passed_over(query: Copying, damage: Callable[[Copying], None]) -> None:
    damage(query)
    query.arrive(LATER)
    query.run()
    assert query.copied() == FIRST + LATER


@dataclass
class Beside:
    """A run that stands still before its first write, until the other one has run."""

    query: Copying
    failure: PipelineError | None = None

    def __post_init__(self) -> None:
        self.is_in, self.may_go = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.is_in.set()
        self.may_go.wait(300)

    def run(self) -> None:
        try:
            self.query.run(self.wait)
        except PipelineError as failure:
            self.failure = failure

    def while_it_stands(self, action: Callable[[], None]) -> None:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            assert self.is_in.wait(300)
            action()
        finally:
            self.may_go.set()
            thread.join(300)


def test_a_second_run_of_a_query_that_is_running_is_refused_and_the_first_goes_on(query: Copying) -> None:
    query.arrive(LATER)
    first, second = Beside(query), replace(query, spark=query.spark.newSession())

    def start_second() -> None:
        with pytest.raises(CheckpointMismatchError, match="another run of the same workspace"):
            second.run()

    first.while_it_stands(start_second)
    assert first.failure is None
    assert query.copied() == FIRST + LATER


def test_of_two_processes_on_one_checkpoint_one_is_told_and_no_row_is_lost_or_doubled(query: Copying) -> None:
    query.arrive(LATER)
    first, second = Beside(query), replace(query, spark=query.spark.newSession())

    def run_second() -> None:
        # Without it Spark takes the two for different queries, as it does in two processes.
        lose_metadata(query)
        second.run()

    first.while_it_stands(run_second)
    assert isinstance(first.failure, CheckpointMismatchError)
    assert "another run of the same workspace" in str(first.failure)
    assert query.copied() == FIRST + LATER


def test_a_file_that_spark_misses_is_told_by_name(query: Copying) -> None:
    lose(query.checkpoint / "offsets" / "1")
    lose_newest_commit(query)
    with pytest.raises(CheckpointMismatchError, match="a file of its checkpoint is damaged or missing"):
        query.run()
    query.recover()
    assert query.copied() == FIRST


def test_a_checkpoint_of_an_earlier_version_is_adopted(query: Copying) -> None:
    note = query.checkpoint.with_name("epoch-1.json")
    note.unlink()
    query.arrive(LATER)
    query.run()
    assert query.copied() == FIRST + LATER
    assert note.exists()


def test_a_file_whose_checksum_alone_is_left_on_a_local_disk_stops_nothing_or_is_told_by_name(query: Copying) -> None:
    (query.checkpoint / "commits" / "2").unlink()
    query.arrive(LATER)
    with contextlib.suppress(CheckpointMismatchError):
        query.run()
    query.recover()
    assert query.copied() == FIRST + LATER
