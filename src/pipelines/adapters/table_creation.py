"""Making the tables that are missing, each as its contract says."""

from concurrent.futures import ThreadPoolExecutor

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

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
    """Tell whether a table stands, and refuse one whose columns are not the declared ones.

    Raises:
        WorkspaceError: when the stored table was made by another version of the contract.
    """
    try:
        stored = spark.read.table(store.name(table)).columns
    except AnalysisException:
        return False
    if stored != table.column_names:
        raise WorkspaceError(
            f"Table {table.full_name} has not the columns of contract version {table.version}: it was made by another "
            "version of the product. Install that version, or start a new workspace and ingest again."
        )
    return True


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
