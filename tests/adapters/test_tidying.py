"""Tidying: rows that are looked up lie sorted in small pages, and nothing that is written meanwhile is lost."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters import tidying
from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_table, table_version
from pipelines.adapters.tidying import tidy_files
from pipelines.contracts import DECISIONS
from tests.builders import decision, frame


@pytest.fixture
def table_store(empty_tables: Path, tmp_path: Path) -> TableStore:
    return TableStore("", str(shutil.copytree(empty_tables, tmp_path / "tables")), "")


def decide(spark: SparkSession, store: TableStore, query: str, batch: int, numbers: range) -> None:
    told = [decision(f"{query} {number}", text=f"text {number * 7 % 1_000:03d}") for number in numbers]
    append_once(frame(spark, DECISIONS, *told).coalesce(1), store, DECISIONS, BatchWrite(query, 1, batch))


def decided(spark: SparkSession, store: TableStore) -> list[str]:
    return sorted(row["record_id"] for row in read_table(spark, store, DECISIONS).collect())


def pages(spark: SparkSession, file: Path, column: int) -> int:
    """Count the pages of a column, by Parquet's own reader."""
    java = spark._jvm.org.apache
    path = java.hadoop.fs.Path(str(file))
    conf = spark._jsc.hadoopConfiguration()
    reader = java.parquet.hadoop.ParquetFileReader.open(java.parquet.hadoop.util.HadoopInputFile.fromPath(path, conf))
    try:
        blocks = reader.getFooter().getBlocks()
        return sum(reader.readOffsetIndex(block.getColumns().get(column)).getPageCount() for block in blocks)
    finally:
        reader.close()


def test_rows_that_are_looked_up_are_sorted_in_small_pages_each_query_in_files_of_its_own(
    spark: SparkSession, table_store: TableStore
) -> None:
    for batch in range(3):
        decide(spark, table_store, "gate", batch, range(300 * batch, 300 * batch + 300))
    decide(spark, table_store, "reprocess", 0, range(5))
    before, folder = decided(spark, table_store), Path(table_store.path(DECISIONS))
    tidied = tidy_files(spark, table_store, DECISIONS, keep_days=30)
    assert (tidied.files_before, tidied.files_after) == (4, 2)
    assert decided(spark, table_store) == before
    inside = {
        tuple({row["query_epoch"] for row in spark.read.parquet(file).select("query_epoch").distinct().collect()}): file
        for file in spark.read.format("delta").load(str(folder)).inputFiles()
    }
    assert sorted(inside) == [("gate/1",), ("reprocess/1",)]
    of_gate = spark.read.parquet(inside["gate/1",]).select("text_key").collect()
    assert [row[0] for row in of_gate] == sorted(row[0] for row in of_gate)
    assert pages(spark, Path(inside["gate/1",].removeprefix("file:")), DECISIONS.column_names.index("text_key")) == 5
    # Nothing is left to do, and other writes have pages as before.
    version = table_version(spark, table_store, DECISIONS)
    assert tidy_files(spark, table_store, DECISIONS, keep_days=30).files_after == 2
    operations = spark.sql(f"DESCRIBE HISTORY {table_store.name(DECISIONS)}").where(f"version > {version}").collect()
    assert {row["operation"] for row in operations} == {"VACUUM START", "VACUUM END"}
    assert spark.conf.get(tidying.PAGE_ROWS, None) is None


def test_a_table_of_several_files_is_not_sorted_again_where_nothing_came(
    spark: SparkSession, table_store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "ROWS_PER_FILE", 4)
    for batch in range(4):
        decide(spark, table_store, "gate", batch, range(3 * batch, 3 * batch + 3))
    decide(spark, table_store, "gate", 4, range(12, 13))
    assert tidy_files(spark, table_store, DECISIONS, keep_days=30).files_after == 4
    version = table_version(spark, table_store, DECISIONS)
    tidy_files(spark, table_store, DECISIONS, keep_days=30)
    operations = spark.sql(f"DESCRIBE HISTORY {table_store.name(DECISIONS)}").where(f"version > {version}").collect()
    assert {row["operation"] for row in operations} == {"VACUUM START", "VACUUM END"}


def test_a_table_of_a_catalog_keeps_what_it_tells_of_itself(spark: SparkSession) -> None:
    store = TableStore("spark_catalog", "", f"tidied_{os.getpid()}_")
    # Delta's own builder takes three names in Unity Catalog only.
    spark.sql(f"CREATE SCHEMA {store.schema_prefix}gold")
    columns = ", ".join(f"{one.name} {one.dataType.simpleString()} COMMENT 'c'" for one in DECISIONS.columns)
    told = "COMMENT 'told' TBLPROPERTIES ('lakehouse.layer' = 'gold')"
    spark.sql(f"CREATE TABLE {store.name(DECISIONS)} ({columns}) USING delta {told}")
    try:
        for batch in range(2):
            decide(spark, store, "gate", batch, range(3 * batch, 3 * batch + 3))
        before, schema = told_of(spark, store), spark.read.table(store.name(DECISIONS)).schema
        tidying.sort_by_text(spark, store, DECISIONS, files=2)
        assert tidying.count_files(spark, store, DECISIONS) == 1
        assert told_of(spark, store) == before
        assert spark.read.table(store.name(DECISIONS)).schema == schema
        assert decided(spark, store) == [f"gate {number}" for number in range(6)]
    finally:
        spark.sql(f"DROP SCHEMA spark_catalog.{store.schema_prefix}gold CASCADE")


def told_of(spark: SparkSession, store: TableStore) -> tuple[object, ...]:
    row = spark.sql(f"DESCRIBE DETAIL {store.name(DECISIONS)}").first()
    assert row is not None
    return row["id"], row["description"], row["properties"]


def test_any_stream_sees_nothing_of_it(spark: SparkSession, table_store: TableStore, tmp_path: Path) -> None:
    decide(spark, table_store, "gate", 0, range(3))
    seen: list[str] = []
    # Not told to skip changes, as ours are: it would stop at one.
    stream = spark.readStream.format("delta").load(table_store.path(DECISIONS)).writeStream.trigger(availableNow=True)

    def look() -> list[str]:
        writer = stream.foreachBatch(lambda rows, _: seen.extend(row["record_id"] for row in rows.collect()))
        writer.option("checkpointLocation", str(tmp_path / "checkpoint")).start().awaitTermination()
        return sorted(seen)

    assert look() == ["gate 0", "gate 1", "gate 2"]
    decide(spark, table_store, "gate", 1, range(3, 4))
    tidy_files(spark, table_store, DECISIONS, keep_days=30)
    assert look() == ["gate 0", "gate 1", "gate 2", "gate 3"]


def test_what_is_appended_while_rows_are_sorted_stays(
    spark: SparkSession, table_store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for batch in range(3):
        decide(spark, table_store, "gate", batch, range(3 * batch, 3 * batch + 3))
    sorted_part = tidying.part

    def meanwhile(rows: DataFrame, query_epoch: str, files: int) -> DataFrame:
        # The rows are named, and not read yet.
        decide(spark, table_store, "gate", 3, range(9, 12))
        return sorted_part(rows, query_epoch, files)

    monkeypatch.setattr(tidying, "part", meanwhile)
    tidy_files(spark, table_store, DECISIONS, keep_days=30)
    assert decided(spark, table_store) == sorted(f"gate {number}" for number in range(12))


def test_streams_that_append_all_the_while_lose_nothing(spark: SparkSession, table_store: TableStore) -> None:
    decide(spark, table_store, "gate", 0, range(3))
    decide(spark, table_store, "gate", 1, range(3, 6))
    with ThreadPoolExecutor(max_workers=1) as other:
        appending = [
            other.submit(decide, spark, table_store, "gate", batch, range(3 * batch, 3 * batch + 3))
            for batch in range(2, 10)
        ]
        while not all(one.done() for one in appending):
            tidy_files(spark, table_store, DECISIONS, keep_days=30)
    assert [one.result() for one in appending] == [None] * 8
    assert decided(spark, table_store) == sorted(f"gate {number}" for number in range(30))
