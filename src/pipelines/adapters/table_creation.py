"""Making the tables that are missing, each as its contract says."""

from concurrent.futures import ThreadPoolExecutor

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.adapters.delta import TableStore
from pipelines.contracts import TABLES
from pipelines.declaration import Table
from pipelines.errors import WorkspaceError


def ensure_tables(spark: SparkSession, store: TableStore, tables: tuple[Table, ...] = TABLES) -> None:
    """Create what is missing; a commit costs most of a second, so several are made at a time."""
    if store.catalog:
        for schema in sorted({f"{store.catalog}.{store.schema_prefix}{table.schema}" for table in tables}):
            spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    missing = [table for table in tables if not table_exists(spark, store, table)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda table: create_table(spark, store, table), missing))


def table_exists(spark: SparkSession, store: TableStore, table: Table) -> bool:
    """Tell whether a table stands; one of an earlier contract gets the columns that came since, null in its rows.

    Raises:
        WorkspaceError: when the stored columns differ in any other way from the declared ones.
    """
    try:
        stored = spark.read.table(store.name(table)).columns
    except AnalysisException:
        return False
    if stored == table.column_names:
        return True
    came = [field for field in table.columns if field.name not in stored]
    if [name for name in table.column_names if name in stored] != stored or not all(field.nullable for field in came):
        raise WorkspaceError(
            f"Table {table.full_name} has not the columns of contract version {table.version}: it was made by another "
            "version of the product. Install that version, or start a new workspace and ingest again."
        )
    add_columns(spark, store, table, came)
    return True


def add_columns(spark: SparkSession, store: TableStore, table: Table, came: list[T.StructField]) -> None:
    """Add columns at their declared places; no row is rewritten, and what streams have read stays read."""
    for field in came:
        before = table.column_names[table.column_names.index(field.name) - 1]
        added = f"{field.name} {ddl(field.dataType)} COMMENT {quoted(field.metadata['comment'])} AFTER {before}"
        spark.sql(f"ALTER TABLE {store.name(table)} ADD COLUMNS ({added})")
    told = ", ".join(f"'{name}' = {quoted(value)}" for name, value in properties(table).items())
    spark.sql(f"ALTER TABLE {store.name(table)} SET TBLPROPERTIES ({told})")


def ddl(kind: T.DataType) -> str:
    """Write a type as SQL does, with the comments of its parts."""
    if isinstance(kind, T.ArrayType):
        return f"ARRAY<{ddl(kind.elementType)}>"
    if isinstance(kind, T.StructType):
        parts = [f"{part.name}: {ddl(part.dataType)} COMMENT {quoted(part.metadata['comment'])}" for part in kind]
        return f"STRUCT<{', '.join(parts)}>"
    return kind.simpleString()


def quoted(text: str) -> str:
    """Write a text as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def create_table(spark: SparkSession, store: TableStore, table: Table) -> None:
    """Create one table with its comments, and with statistics on key columns only: min and max of a text are text."""
    builder = DeltaTable.createIfNotExists(spark).addColumns(table.columns).comment(table.comment)
    located = builder.tableName(store.name(table)) if store.catalog else builder.location(store.path(table))
    for name, value in properties(table).items():
        located = located.property(name, value)
    located.execute()


def properties(table: Table) -> dict[str, str]:
    """Say what a table tells of itself: layer, the one job that writes it, version of its contract."""
    return {
        "delta.dataSkippingStatsColumns": ",".join(statistics_columns(table)),
        "lakehouse.contractVersion": str(table.version),
        "lakehouse.layer": table.schema,
        "lakehouse.owner": table.writer,
    }


def statistics_columns(table: Table) -> list[str]:
    """Columns whose minimum and maximum may stand in `_delta_log`: keys (hashes and numbers) and the write trace."""
    personal = {"path"}
    names = [*table.key, "query_epoch", "batch_id"]
    return [name for name in names if name not in personal]
