"""Spark's own event log, written for the length of a block by the listener that `spark.eventLog.enabled` would add."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession


@contextmanager
def event_log(spark: SparkSession, folder: Path) -> Iterator[None]:
    """Log the events of a running session: the setting itself is read only when a session starts."""
    folder.mkdir(parents=True)
    context = spark.sparkContext._jsc.sc()
    jvm = spark._jvm
    listener = jvm.org.apache.spark.scheduler.EventLoggingListener(
        context.applicationId(),
        jvm.scala.Option.apply(None),
        jvm.java.net.URI(folder.as_uri()),
        context.getConf(),
        context.hadoopConfiguration(),
    )
    listener.start()
    context.addSparkListener(listener)
    try:
        yield
    finally:
        # Events come by a queue of their own: what the block did must have arrived.
        context.listenerBus().waitUntilEmpty()
        context.removeSparkListener(listener)
        listener.stop()
