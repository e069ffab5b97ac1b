"""Delta tables: where they stand, and the three ways they are written.

Appends carry a transaction id (`txnAppId`, `txnVersion`), so that a repeated micro-batch writes nothing twice; moves
are a MERGE that only deletes. No commit mixes inserts and deletes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.contracts import PLACES
from pipelines.declaration import Table
from pipelines.transforms.agreement import current
from pipelines.vocabulary import Place

MOST_BATCHES = 100
"""With more of them, asking each file whether it holds one costs more than opening it."""


@dataclass(frozen=True)
class TableStore:
    """Where tables stand: a catalog, or a folder URI with one folder per schema."""

    catalog: str
    root_uri: str
    schema_prefix: str

    def name(self, table: Table) -> str:
        """Name of the table in SQL."""
        schema = f"{self.schema_prefix}{table.schema}"
        return f"{self.catalog}.{schema}.{table.name}" if self.catalog else f"delta.`{self.path(table)}`"

    def path(self, table: Table) -> str:
        """Folder of a table that stands by path."""
        return f"{self.root_uri}/{self.schema_prefix}{table.schema}/{table.name}"


@dataclass(frozen=True)
class BatchWrite:
    """One micro-batch of one query: what makes its writes idempotent and traceable."""

    query: str
    epoch: int
    batch_id: int

    @property
    def query_epoch(self) -> str:
        """What stands in the column query_epoch."""
        return f"{self.query}/{self.epoch}"


def read_table(spark: SparkSession, store: TableStore, table: Table, version: int | None = None) -> DataFrame:
    """Read a table's declared columns, as they are now or as they were at a version; null where it had one not yet."""
    reader = spark.read if version is None else spark.read.option("versionAsOf", version)
    # A version by its path where there is one: by name, the columns of today would be looked for in the files of then.
    by_path = version is not None and not store.catalog
    stored = reader.format("delta").load(store.path(table)) if by_path else reader.table(store.name(table))
    later = [field for field in table.columns if field.name not in stored.columns]
    return stored.withColumns({field.name: F.lit(None).cast(field.dataType) for field in later}).select(
        *table.column_names
    )


def read_batch(spark: SparkSession, store: TableStore, table: Table, write: BatchWrite) -> DataFrame:
    """Read back what one micro-batch has committed: the only thing later writes may depend on."""
    return read_table(spark, store, table).where(written_by(write))


def read_batches(stored: DataFrame, batches: DataFrame) -> DataFrame:
    """Read only what some micro-batches wrote, where they are few: their numbers tell which files need be opened.

    Args:
        stored: a table.
        batches: query_epoch, batch_id.
    """
    named = batches.limit(MOST_BATCHES + 1).collect()
    if len(named) > MOST_BATCHES:
        return stored
    conditions = [
        (F.col("query_epoch") == row["query_epoch"]) & (F.col("batch_id") == row["batch_id"]) for row in named
    ]
    return stored.where(reduce(or_, conditions, F.lit(False)))


def written_by(write: BatchWrite) -> Column:
    """Tell the rows that a micro-batch has written."""
    return (F.col("query_epoch") == write.query_epoch) & (F.col("batch_id") == write.batch_id)


def count_since(spark: SparkSession, store: TableStore, table: Table, query: str, batch_id: int) -> int:
    """Count the rows of a query's newest epoch from one micro-batch on."""
    ours = F.col("query_epoch").startswith(f"{query}/") & (F.col("batch_id") >= batch_id)
    newest = read_table(spark, store, table).where(ours).groupBy("query_epoch").count().collect()
    return max((int(row["count"]) for row in newest), default=0)


def append_once(
    frame: DataFrame, store: TableStore, table: Table, write: BatchWrite, rows_per_file: int | None = None
) -> None:
    """Append the rows of a micro-batch in one transaction; a repetition of the batch changes nothing.

    After `--new-epoch` batch numbers start again, so rows are also compared by key with what stands already.
    `rows_per_file` bounds the files that are written, and so what a stream reads at a time; None: no bound.
    """
    rows = frame.select(*table.payload_names)
    if write.epoch > 1:
        written = read_table(frame.sparkSession, store, table).where(~written_by(write))
        rows = rows.join(written.select(*table.key), on=list(table.key), how="left_anti").select(*table.payload_names)
    traced = rows.withColumns({"query_epoch": F.lit(write.query_epoch), "batch_id": F.lit(write.batch_id).cast("long")})
    writer = (
        traced.write.format("delta")
        .mode("append")
        .option("txnAppId", f"{write.query_epoch}/{table.full_name}")
        .option("txnVersion", write.batch_id)
        .option("maxRecordsPerFile", rows_per_file or 0)
    )
    if store.catalog:
        writer.saveAsTable(store.name(table))
    else:
        writer.save(store.path(table))


def update_rows(
    frame: DataFrame, store: TableStore, table: Table, key: str, names: Sequence[str], but: BatchWrite | None = None
) -> None:
    """Replace some columns of rows that stand, in one transaction; streams that read the table pass it over.

    Args:
        frame: the key and the new values.
        store: where the tables stand.
        table: whose rows.
        key: the column that rows are found by.
        names: the columns to replace.
        but: a batch whose rows stay as they are.
    """
    new: dict[str, str | Column] = {name: f"new.{name}" for name in names}
    target = delta_table(frame.sparkSession, store, table).alias("old")
    rows = f"old.{key} = new.{key}" + (f" AND {not_of(but)}" if but else "")
    target.merge(frame.alias("new"), rows).whenMatchedUpdate(set=new).execute()


def delete_rows(keys: DataFrame, store: TableStore, table: Table, key: str, but: BatchWrite) -> None:
    """Delete the rows with these keys, but those of one batch; streams that read the table pass it over."""
    target = delta_table(keys.sparkSession, store, table).alias("old")
    target.merge(keys.alias("gone"), f"old.{key} = gone.{key} AND {not_of(but)}").whenMatchedDelete().execute()


def not_of(write: BatchWrite) -> str:
    """Leave the rows of a micro-batch out of a merge."""
    return f"NOT (old.query_epoch = '{write.query_epoch}' AND old.batch_id = {write.batch_id})"


def next_batch(spark: SparkSession, store: TableStore, query: str, tables: Sequence[Table]) -> int:
    """Number the next batch of a query that has no checkpoint to count for it."""
    ours = F.col("query_epoch") == f"{query}/1"
    newest = [read_table(spark, store, table).where(ours).agg(F.max("batch_id")).first() for table in tables]
    return 1 + max((int(row[0]) for row in newest if row and row[0] is not None), default=-1)


def vacuum(spark: SparkSession, store: TableStore, table: Table) -> None:
    """Delete the files that the newest version of a table does not use; earlier versions cannot be read any more."""
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    before = spark.conf.get(check, "true")
    spark.conf.set(check, "false")
    try:
        delta_table(spark, store, table).vacuum(0)
    finally:
        spark.conf.set(check, str(before))


def delta_table(spark: SparkSession, store: TableStore, table: Table) -> DeltaTable:
    """Open a table to change its rows."""
    return (
        DeltaTable.forName(spark, store.name(table)) if store.catalog else DeltaTable.forPath(spark, store.path(table))
    )


def with_rows(frames: Mapping[Table, DataFrame]) -> list[Table]:
    """Name the tables that there are rows for; all in one look."""
    named = [rows.limit(1).select(F.lit(table.full_name)) for table, rows in frames.items()]
    found = {row[0] for row in reduce(DataFrame.union, named).collect()}
    return [table for table in frames if table.full_name in found]


def remove_superseded(decided: DataFrame, store: TableStore, table: Table) -> None:
    """Delete the rows of a place whose record has a newer decision: the second half of a move."""
    target = delta_table(decided.sparkSession, store, table)
    newer = "place.record_id = decided.record_id AND place.decision_no < decided.decision_no"
    target.alias("place").merge(decided.alias("decided"), newer).whenMatchedDelete().execute()


def table_version(spark: SparkSession, store: TableStore, table: Table) -> int:
    """Version of the table's newest commit."""
    row = spark.sql(f"DESCRIBE HISTORY {store.name(table)} LIMIT 1").first()
    return int(row["version"]) if row else -1


def table_id(spark: SparkSession, store: TableStore, table: Table) -> str:
    """Id of the table, which one made anew in its place does not have."""
    row = spark.sql(f"DESCRIBE DETAIL {store.name(table)}").first()
    return str(row["id"]) if row else ""


def read_place(spark: SparkSession, store: TableStore, place: Place, version: int | None = None) -> DataFrame:
    """Read a place as users and exports see it: never a record twice, nor one on its way somewhere else.

    At a version of its table, it has the rows of then, without those that have moved since.
    """
    others = [read_table(spark, store, table) for other, table in PLACES.items() if other is not place]
    return current(read_table(spark, store, PLACES[place], version), *others)
