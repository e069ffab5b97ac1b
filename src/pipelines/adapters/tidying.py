"""Tidying tables' files: small ones together, and those of old versions away."""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, delta_table
from pipelines.declaration import Table

HOURS_A_DAY = 24


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
    opened.optimize().executeCompaction()
    opened.vacuum(keep_days * HOURS_A_DAY)
    return Tidied(table.full_name, before, count_files(spark, store, table))


def count_files(spark: SparkSession, store: TableStore, table: Table) -> int:
    """Count the files of a table's newest version."""
    row = spark.sql(f"DESCRIBE DETAIL {store.name(table)}").first()
    return int(row["numFiles"]) if row else 0
