"""Streams: reading Kafka, Delta tables and a clock; starting a query behind the checkpoint guard."""

from collections.abc import Callable
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.adapters.checkpoints import StreamPlan, checkpoint, open_epoch
from pipelines.adapters.delta import BatchWrite, TableStore
from pipelines.adapters.failures import explain_failure
from pipelines.declaration import Table

WriteBatch = Callable[[DataFrame, BatchWrite], None]


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
    frame: DataFrame, write_batch: WriteBatch, plan: StreamPlan, store: TableStore, *sinks: Table
) -> StreamingQuery:
    """Start a query after comparing its checkpoint with the tables it writes.

    Args:
        frame: the stream.
        write_batch: called with each micro-batch.
        plan: how it runs.
        store: where the tables stand.
        sinks: every table that it writes, the first one first.

    Raises:
        CheckpointMismatchError: when checkpoint and tables do not belong together, or another run uses the checkpoint.
        PipelineError: a leaf that says why the query cannot be started.
    """
    epoch = open_epoch(frame.sparkSession, plan, store, sinks)
    # A run that goes on is not ended by a second one: the second is refused.
    frame.sparkSession.conf.set("spark.sql.streaming.stopActiveRunOnRestart", "false")
    writer = frame.writeStream.foreachBatch(
        lambda batch, batch_id: write_batch(batch, BatchWrite(plan.name, epoch, batch_id))
    )
    if plan.continuous:
        writer = writer.trigger(processingTime=f"{plan.trigger_seconds} seconds")
    else:
        writer = writer.trigger(availableNow=True)
    try:
        return writer.option("checkpointLocation", checkpoint(plan, epoch)).queryName(plan.name).start()
    except (Py4JJavaError, PySparkException) as failure:
        raise explain_failure(plan.name, failure) from failure
