"""Streams: reading Kafka, Delta tables and dropped files; starting a query behind the checkpoint guard."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.adapters.delta import BatchWrite, TableStore, read_table
from pipelines.adapters.failures import explain_failure
from pipelines.declaration import Table
from pipelines.errors import CheckpointMismatchError, PipelineError

BINARY_FILE = "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY"

SHORTEST = "4"
"""What Spark allows as the least length of a plan's field."""

MOST_FILES = str(2**31 - 1)

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


def read_dropped_files(spark: SparkSession, landing_uri: str) -> DataFrame:
    """Stream whole files of a folder tree, whatever their names.

    Files are read as bytes and parsed by us, header names included: Spark's CSV reader swaps the columns of a
    reordered header silently. `maxFileAge` is lifted, because the default never reads a file that is more than a
    week older than the newest one, and never says so.
    """
    hide_paths(spark, landing_uri)
    return (
        spark.readStream.format("binaryFile")
        .schema(BINARY_FILE)
        .option("recursiveFileLookup", "true")
        .option("maxFileAge", "36500d")
        .load(landing_uri)
    )


def hide_paths(spark: SparkSession, folder_uri: str) -> None:
    """Keep the names of a folder's files out of plans, and so out of Spark's event log: people name files after people.

    Plans name the files that they read in fields, which are cut at a length, and in descriptions, which are redacted; a
    job that lists many files names one in its own description, so the driver lists them itself.
    """
    folder = folder_uri.partition("://")[2] or folder_uri
    spark.conf.set("spark.sql.redaction.string.regex", rf"\Q{folder.rstrip('/')}/\E[^\n\]]*")
    spark.conf.set("spark.sql.maxMetadataStringLength", SHORTEST)
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", MOST_FILES)


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
    folders = [name for name in list_names(spark, f"{plan.checkpoints_uri}/{plan.name}") if name.startswith("epoch-")]
    written = written_batches(spark, plan, store, sink)
    newest = max([1, *written, *(int(name.removeprefix("epoch-")) for name in folders)])
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


def written_batches(spark: SparkSession, plan: StreamPlan, store: TableStore, sink: Table) -> dict[int, int]:
    """Newest batch number of this query in a table, by epoch."""
    ours = read_table(spark, store, sink).where(F.col("query_epoch").startswith(f"{plan.name}/"))
    rows = ours.groupBy("query_epoch").agg(F.max("batch_id").alias("batch_id")).collect()
    return {int(row["query_epoch"].rpartition("/")[2]): int(row["batch_id"]) for row in rows}


def list_names(spark: SparkSession, uri: str) -> list[str]:
    """Names in a folder on any file system Spark reaches; none when there is no such folder."""
    jvm = spark._jvm
    if jvm is None:
        raise PipelineError("Streams need a session with a JVM of its own; Spark Connect has none. Run this as a job.")
    path = jvm.org.apache.hadoop.fs.Path(uri)
    files = path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    return [status.getPath().getName() for status in files.listStatus(path)] if files.exists(path) else []
