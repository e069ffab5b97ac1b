"""Dropped files: each read once, through crashes, new epochs and archives; named nowhere but in bronze."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from pipelines.contracts import LABEL_FILES, LANDED_FILES
from pipelines.errors import CheckpointMismatchError, PipelineError
from pipelines.jobs.runner import run_continuously
from pipelines.jobs.streaming import SINKS, STREAMS, bronze_label_files, bronze_landed_files
from tests.crashes import failing_at
from tests.jobs.conftest import Lake
from tests.leaks import find_leaks

MakeLake = Callable[..., Lake]
HEADER = "text,annotator_id,label,confidence_score\n"
PARTS = {
    "listing": {bronze_landed_files: LANDED_FILES},
    "bronze": {bronze_landed_files: LANDED_FILES, bronze_label_files: LABEL_FILES},
}
PERSON = "Wilhelmina Featherstonehaugh"


@pytest.fixture
def lake(make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    # The tickets' own stream has no part in this.
    for stage, tables in PARTS.items():
        monkeypatch.setitem(STREAMS, stage, tuple(tables))
        monkeypatch.setitem(SINKS, stage, tuple(tables.values()))
    return make_lake()


def drop(lake: Lake, *names: str) -> list[Path]:
    return [lake.drop(f"2026/01/05/{name}", f'{HEADER}"refund of {name}",ann,refund,0.9\n') for name in names]


def read(lake: Lake) -> list[tuple[object, ...]]:
    return lake.rows("bronze.label_files", "path", "row_number", "error_code")


def rows_of(*names: str) -> list[tuple[object, ...]]:
    return [(f"2026/01/05/{name}", 1, None) for name in sorted(names)]


def files_per_batch(lake: Lake) -> list[int]:
    batches = [batch for (batch,) in lake.rows("bronze.label_files", "batch_id")]
    return [batches.count(batch) for batch in sorted(set(batches))]


def test_a_files_name_stands_in_bronze_and_nowhere_else(lake: Lake, scratch: Path) -> None:
    drop(lake, f"{PERSON}.csv", f"{PERSON.replace(' ', '%20')} 2.csv")
    lake.run("bronze")
    assert len(read(lake)) == len(lake.rows("bronze.landed_files", "file_key")) == 2
    bronze = ("landing", "tables/bronze/label_files/part-", "tables/bronze/landed_files/part-")
    assert find_leaks(lake.root, [PERSON], skip=bronze) == []
    assert find_leaks(scratch / "logs", [PERSON]) == []


def test_each_file_is_read_once_and_no_more_than_asked_for_at_a_time(lake: Lake) -> None:
    lake.settings = replace(lake.settings, intake=replace(lake.settings.intake, files_per_batch=2))
    first = drop(lake, "a.csv", "b.csv", "c [1].csv", "d.csv", "e.csv")
    lake.run("bronze")
    assert read(lake) == rows_of("a.csv", "b.csv", "c [1].csv", "d.csv", "e.csv")
    assert files_per_batch(lake) == [2, 2, 1]
    # A file that was written again is not read again; one that says it is old is read when it comes.
    first[0].write_text(f"{HEADER}again,ann,refund,1\n", encoding="utf-8")
    (late,) = drop(lake, "late.csv")
    os.utime(late, (1_000_000_000, 1_000_000_000))
    lake.run("bronze")
    assert files_per_batch(lake) == [2, 2, 1, 1]


@pytest.mark.parametrize("point", [pytest.param("after_landed_files", marks=pytest.mark.slow), "after_label_files"])
def test_a_crash_after_a_write_loses_and_doubles_no_file(lake: Lake, point: str) -> None:
    drop(lake, "a.csv", "b.csv")
    with failing_at(point), pytest.raises(PipelineError, match="InjectedFaultError"):
        lake.run("bronze")
    # What comes in between may not take the place of what the broken batch has written already.
    drop(lake, "c.csv")
    lake.run("bronze")
    assert read(lake) == rows_of("a.csv", "b.csv", "c.csv")
    assert len(lake.rows("bronze.landed_files", "file_key")) == 3


@pytest.mark.slow
def test_continuous_streams_read_what_is_dropped_later(lake: Lake) -> None:
    deadline, turns = time.monotonic() + 120, count()

    def go_on(name: str, batches: int) -> None:
        if next(turns) in (4, 40):
            drop(lake, f"{time.monotonic_ns()}.csv")

    flow = lake.flow()
    flow = replace(flow, plan=replace(flow.plan, trigger_seconds=1))
    run_continuously(flow, ["bronze"], go_on, lambda: len(read(lake)) < 2 and time.monotonic() < deadline)
    assert [row[1:] for row in read(lake)] == [(1, None)] * 2
    lake.run("bronze")
    assert len(read(lake)) == 2


def test_a_file_taken_away_before_it_was_read_leaves_a_row_that_says_so(lake: Lake) -> None:
    paths = drop(lake, "a.csv", "b.csv")
    lake.run("listing")
    waiting = lake.count()
    assert waiting.ledger["files_waiting"] == 2
    with pytest.raises(PipelineError, match="files_waiting=2"):
        waiting.check(drained=True)
    paths[0].unlink()
    lake.run("bronze")
    assert read(lake) == [("2026/01/05/a.csv", 0, "file_missing"), *rows_of("b.csv")]
    books = lake.count().ledger
    assert (books["files_waiting"], books["label_rows"], books["label_invalid"]) == (0, 2, 1)


def test_a_new_epoch_reads_no_file_twice_and_misses_none_that_was_archived(lake: Lake) -> None:
    archived, _ = drop(lake, "a.csv", "b.csv")
    lake.run("bronze")
    before = lake.rows("bronze.label_files", "path", "query_epoch", "batch_id")
    shutil.rmtree(lake.root / "checkpoints")
    with pytest.raises(CheckpointMismatchError, match=r"Query bronze_landed_files: .*--new-epoch"):
        lake.run("bronze")
    archived.unlink()
    drop(lake, "c.csv")
    lake.new_epoch = True
    lake.run("bronze")
    assert read(lake) == rows_of("a.csv", "b.csv", "c.csv")
    assert set(before) < set(lake.rows("bronze.label_files", "path", "query_epoch", "batch_id"))


@pytest.mark.slow
def test_a_checkpoint_that_tells_names_is_refused_and_a_new_epoch_writes_no_row_twice(lake: Lake) -> None:
    drop(lake, "a.csv")
    lake.run("bronze")
    # As the stream of an earlier version left it: rows in bronze, names in the checkpoint, none in a table.
    noted = lake.root / "checkpoints" / "bronze_label_files" / "epoch-1" / "sources" / "0" / "0"
    noted.parent.mkdir(parents=True)
    noted.write_text('v1\n{"path":"file:///landing/2026/01/05/a.csv"}\n', encoding="utf-8")
    shutil.rmtree(lake.root / "checkpoints" / "bronze_landed_files")
    lake.spark.sql(f"DELETE FROM delta.`{lake.root / 'tables' / 'bronze' / 'landed_files'}`")
    with pytest.raises(CheckpointMismatchError, match=r"tells the names of dropped files.*--new-epoch.*epoch-1"):
        lake.run("bronze")
    lake.new_epoch = True
    lake.run("bronze")
    lake.new_epoch = False
    drop(lake, "b.csv")
    lake.run("bronze")
    assert read(lake) == rows_of("a.csv", "b.csv")
