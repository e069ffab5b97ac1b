"""The index of texts: what it looks up is what reading the whole tables finds, however far it lies behind."""

import random

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters import text_index
from pipelines.adapters.delta import BatchWrite
from pipelines.adapters.text_index import BY_TEXT, Read, TextIndex
from pipelines.contracts import DECISIONS, LABELS, TICKETS_SILVER
from pipelines.declaration import Table
from tests.builders import Values, decision, frame, record, vote

TEXTS = [f"text {number}" for number in range(30)]


class Stored:
    """Rows of a few tables, as micro-batches of several queries append them."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark, self.looks = spark, 0
        self.rows: dict[Table, list[Values]] = {table: [] for table in BY_TEXT}

    def read(self, table: Table) -> DataFrame:
        self.looks += 1
        return frame(self.spark, table, *self.rows[table])

    def append(self, table: Table, query_epoch: str, batch_id: int, texts: list[str]) -> None:
        kinds = {TICKETS_SILVER: record, DECISIONS: decision, LABELS: lambda name, **told: vote("card", 0.9, **told)}
        trace = {"query_epoch": query_epoch, "batch_id": batch_id}
        self.rows[table] += [{**kinds[table](f"{query_epoch}, {batch_id}: {one}", text=one), **trace} for one in texts]

    def touched(self, texts: list[str]) -> DataFrame:
        # Twice, as a text is that two things came about.
        return self.spark.createDataFrame([(f"key of {one}",) for one in texts * 2], "text_key string")

    def look_up(self, index: TextIndex, texts: list[str]) -> dict[str, list[str]]:
        rows = index.look_up(self.read, self.touched(texts))
        return {
            table.full_name: sorted(map(str, rows(table).collect())) for table in (TICKETS_SILVER, LABELS, DECISIONS)
        }


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_is_looked_up_is_what_whole_tables_hold(spark: SparkSession, seed: int) -> None:
    stored, index, dice = Stored(spark), TextIndex(), random.Random(seed)
    for batch in range(4):
        for table, query_epoch in [
            (TICKETS_SILVER, "silver/1"), (LABELS, "labels/1"), (LABELS, "labels_again/1"), (DECISIONS, "gate/1"),
        ]:  # fmt: skip
            # Queries run at their own pace; one begins a new life.
            if dice.random() < 0.8:
                epoch = query_epoch.replace("/1", "/2") if batch == 3 else query_epoch
                stored.append(table, epoch, batch % 3, dice.sample(TEXTS, 6))
        asked = dice.sample(TEXTS, 8)
        found = stored.look_up(index, asked)
        assert found == stored.look_up(TextIndex(), asked)
        if batch != 1:
            index.catch_up(stored.read)
    assert len(index.keys) > len(asked)


def test_known_texts_are_asked_for_by_name_and_new_ones_in_newer_batches_alone(spark: SparkSession) -> None:
    stored, index = Stored(spark), TextIndex()
    stored.append(TICKETS_SILVER, "silver/1", 0, ["old", "other"])
    index.catch_up(stored.read)
    # No stream appends to a batch that is committed: where rows are looked for shows by it.
    stored.append(TICKETS_SILVER, "silver/1", 0, ["new"])
    stored.append(TICKETS_SILVER, "silver/1", 1, ["old", "new"])
    rows = index.look_up(stored.read, stored.touched(["old", "new"]))
    assert sorted(row["record_id"] for row in rows(TICKETS_SILVER).collect()) == [
        "silver/1, 0: old", "silver/1, 1: new", "silver/1, 1: old",
    ]  # fmt: skip


def test_very_many_texts_are_read_whole(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, index = Stored(spark), TextIndex()
    stored.append(TICKETS_SILVER, "silver/1", 0, ["old"])
    index.catch_up(stored.read)
    stored.append(TICKETS_SILVER, "silver/1", 0, ["new"])
    monkeypatch.setattr(text_index, "MOST_TEXTS", 1)
    rows = index.look_up(stored.read, stored.touched(["old", "new"]))
    assert rows(TICKETS_SILVER).count() == 2


class Noted(TextIndex):
    """Notes where it would catch up."""

    def __init__(self) -> None:
        super().__init__()
        self.batch, self.batches = 0, list[int]()

    def catch_up(self, read: Read) -> None:
        self.batches.append(self.batch)


@pytest.mark.parametrize(
    ("epoch", "batches", "caught_up"),
    [
        (1, range(50), []),
        (1, range(75), [50, 70]),
        (1, range(200, 204), []),
        (1, range(200, 225), [204, 224]),
        (2, range(6), [4]),
    ],
    ids=["a short log", "one that grows long", "a short run", "a long run", "a new life over an old log"],
)
def test_it_catches_up_where_log_and_run_are_long(
    spark: SparkSession, epoch: int, batches: range, caught_up: list[int]
) -> None:
    index = Noted()
    for index.batch in batches:
        index.keep_up(Stored(spark).read, BatchWrite("gate", epoch, index.batch))
    assert index.batches == caught_up


def test_it_needs_eight_bytes_a_text(spark: SparkSession) -> None:
    stored, index = Stored(spark), TextIndex()
    stored.append(TICKETS_SILVER, "silver/1", 0, TEXTS)
    stored.append(LABELS, "labels/1", 0, TEXTS)
    index.catch_up(stored.read)
    assert (index.keys.dtype, index.keys.nbytes) == (np.int64, 8 * len(TEXTS))
