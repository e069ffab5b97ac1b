"""Tidying tables' files: small ones together, sorted where rows are looked up, and those of old versions away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.adapters.delta import TableStore, delta_table
from pipelines.adapters.text_index import BY_TEXT
from pipelines.declaration import Table

HOURS_A_DAY = 24
ROWS_PER_FILE = 1_000_000
PAGE_ROWS = "parquet.page.row.count.limit"
ROWS_PER_PAGE = 200
"""Parquet's default is 20,000: whoever looks up one text would decode so many."""


@dataclass(frozen=True)
class Tidied:
    """What became of a table's files."""

    table: str
    files_before: int
    files_after: int


def tidy_files(spark: SparkSession, store: TableStore, table: Table, keep_days: int) -> Tidied:
    """Put a table's small files together, then delete those that no version of the last days uses.

    Streams see no new rows in it: the commit changes no data. Versions older than `keep_days` cannot be read any more
    where files of theirs were replaced.
    """
    before, opened = count_files(spark, store, table), delta_table(spark, store, table)
    if table in BY_TEXT:
        sort_by_text(spark, store, table, before)
    else:
        opened.optimize().executeCompaction()
    opened.vacuum(keep_days * HOURS_A_DAY)
    return Tidied(table.full_name, before, count_files(spark, store, table))


def sort_by_text(spark: SparkSession, store: TableStore, table: Table, files: int) -> None:
    """Write a table's rows anew in the order of their texts, with pages so small that few are read for one text.

    Each file has rows of one life of one query: whoever looks for newer micro-batches can pass it over. Delta's own
    OPTIMIZE orders files, but not the rows in them. What is appended meanwhile stays: Delta reads, within a
    transaction, the version that it replaces.
    """
    rows = spark.read.table(store.name(table))
    counted = rows.groupBy("query_epoch").count().collect()
    wanted = {str(row["query_epoch"]): 1 + int(row["count"]) // ROWS_PER_FILE for row in counted}
    if files <= sum(wanted.values()):
        return
    parts = [part(rows, query_epoch, count) for query_epoch, count in wanted.items()]
    # Not by saveAsTable: Spark refuses to overwrite a catalog's Delta table so while it is read.
    writer = reduce(DataFrame.union, parts).writeTo(store.name(table)).option("dataChange", "false")
    with page_rows(spark, ROWS_PER_PAGE):
        writer.overwrite(F.lit(True))


def part(rows: DataFrame, query_epoch: str, files: int) -> DataFrame:
    """Give the rows of one life of a query, in so many files of sorted texts."""
    ours = rows.where(F.col("query_epoch") == query_epoch)
    return ours.repartitionByRange(files, "text_key").sortWithinPartitions("text_key")


@contextmanager
def page_rows(spark: SparkSession, most: int) -> Iterator[None]:
    """Bound the rows of a Parquet page that is written in the block."""
    spark.conf.set(PAGE_ROWS, most)
    try:
        yield
    finally:
        spark.conf.unset(PAGE_ROWS)


def count_files(spark: SparkSession, store: TableStore, table: Table) -> int:
    """Count the files of a table's newest version."""
    row = spark.sql(f"DESCRIBE DETAIL {store.name(table)}").first()
    return int(row["numFiles"]) if row else 0
