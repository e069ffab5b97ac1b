"""Streams: reading Kafka, Delta tables and a clock; starting a query behind the checkpoint guard."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.adapters.delta import BatchWrite, TableStore, read_table
from pipelines.adapters.failures import explain_failure
from pipelines.adapters.storage import hadoop_files
from pipelines.declaration import Table
from pipelines.errors import CheckpointMismatchError

WriteBatch = Callable[[DataFrame, BatchWrite], None]


@dataclass(frozen=True)
class StreamPlan:
    """How a query runs: its name, its checkpoint folder, when it triggers, and whether its epoch starts anew."""

    name: str
    checkpoints_uri: str
    continuous: bool = False
    trigger_seconds: int = 5
    new_epoch: bool = False


def read_kafka(spark: SparkSession, options: dict[str, str]) -> DataFrame:
    """Stream the tickets topic."""
    return spark.readStream.format("kafka").options(**options).load()


def read_ticks(spark: SparkSession) -> DataFrame:
    """Stream the ticking of a clock: a micro-batch at each trigger, one in a drain. What it counts is of no use."""
    return spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1).load()


def read_appends(spark: SparkSession, store: TableStore, tables: list[Table], files_per_batch: int) -> DataFrame:
    """Stream the appended rows of several tables as one; `rows_of` takes them apart again.

    Moves and erasures delete rows: those commits are skipped, they never hold inserts.
    """
    streams = []
    for table in tables:
        reader = spark.readStream.format("delta").option("skipChangeCommits", "true")
        reader = reader.option("maxFilesPerTrigger", files_per_batch)
        rows = reader.table(store.name(table)) if store.catalog else reader.load(store.path(table))
        streams.append(rows.select(*table.column_names, F.lit(table.full_name).alias("origin")))
    return reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), streams)


def rows_of(batch: DataFrame, table: Table) -> DataFrame:
    """Take one table's rows out of a batch of `read_appends`."""
    return batch.where(F.col("origin") == table.full_name).select(*table.column_names)


def start(
    frame: DataFrame, write_batch: WriteBatch, plan: StreamPlan, store: TableStore, sink: Table
) -> StreamingQuery:
    """Start a query after comparing its checkpoint with the table it writes first.

    Raises:
        CheckpointMismatchError: when the table holds batches the checkpoint does not know of.
        PipelineError: a leaf that says why the query cannot be started.
    """
    epoch = open_epoch(frame.sparkSession, plan, store, sink)
    writer = frame.writeStream.foreachBatch(
        lambda batch, batch_id: write_batch(batch, BatchWrite(plan.name, epoch, batch_id))
    )
    if plan.continuous:
        writer = writer.trigger(processingTime=f"{plan.trigger_seconds} seconds")
    else:
        writer = writer.trigger(availableNow=True)
    try:
        return writer.option("checkpointLocation", checkpoint(plan, epoch)).queryName(plan.name).start()
    except Py4JJavaError as failure:
        raise explain_failure(plan.name, failure) from failure


def checkpoint(plan: StreamPlan, epoch: int) -> str:
    """Folder of one epoch's checkpoint."""
    return f"{plan.checkpoints_uri}/{plan.name}/epoch-{epoch}"


def open_epoch(spark: SparkSession, plan: StreamPlan, store: TableStore, sink: Table) -> int:
    """Choose the epoch to run, and refuse a checkpoint that is lost or older than the table.

    Delta ignores a batch number it has seen, so a checkpoint that starts again at 0 would lose rows silently.
    """
    written = written_batches(spark, plan, store, sink)
    newest = max([1, *written, *known_epochs(spark, plan)])
    if plan.new_epoch:
        return newest + 1
    # Spark notes a batch's offsets before it runs: a table can never be ahead of them, not even after a crash.
    offsets = [int(name) for name in list_names(spark, f"{checkpoint(plan, newest)}/offsets") if name.isdigit()]
    planned = max(offsets, default=-1)
    if written.get(newest, -1) > planned:
        raise CheckpointMismatchError(
            f"Query {plan.name}: table {sink.full_name} holds batch {written[newest]} of epoch {newest}, but its "
            f"checkpoint knows {planned + 1} batches (deleted, or an older copy?). Put the checkpoint back, or run "
            "again with --new-epoch: everything is read anew, and rows that stand already are not written twice."
        )
    return newest


def known_epochs(spark: SparkSession, plan: StreamPlan) -> list[int]:
    """Epochs of a query that have a checkpoint."""
    names = list_names(spark, f"{plan.checkpoints_uri}/{plan.name}")
    return [int(name.removeprefix("epoch-")) for name in names if name.startswith("epoch-")]


def written_batches(spark: SparkSession, plan: StreamPlan, store: TableStore, sink: Table) -> dict[int, int]:
    """Newest batch number of this query in a table, by epoch."""
    ours = read_table(spark, store, sink).where(F.col("query_epoch").startswith(f"{plan.name}/"))
    rows = ours.groupBy("query_epoch").agg(F.max("batch_id").alias("batch_id")).collect()
    return {int(row["query_epoch"].rpartition("/")[2]): int(row["batch_id"]) for row in rows}


def list_names(spark: SparkSession, uri: str) -> list[str]:
    """Names in a folder on any file system Spark reaches; none when there is no such folder."""
    files, path = hadoop_files(spark, uri)
    return [status.getPath().getName() for status in files.listStatus(path)] if files.exists(path) else []
