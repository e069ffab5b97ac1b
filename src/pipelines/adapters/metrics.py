"""What Prometheus scrapes from running streams: batches, how long they take, how far behind they are, and figures.

Names follow Prometheus' conventions (base units, `_total` for counters). Labels hold names of streams, verdicts and
reasons: a few dozen series, and nothing of a ticket.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from typing_extensions import override

from pipelines.errors import MissingDependencyError, ServiceUnavailableError

BATCH_SECONDS = (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 900)
"""Edges of the histogram of batch times."""
BEHIND = {"maxOffsetsBehindLatest": "offsets", "numFilesOutstanding": "files", "numBytesOutstanding": "bytes"}
"""How Spark's sources name what they have not read yet: Kafka's farthest partition, and Delta's files and bytes."""


class StreamMetrics(StreamingQueryListener):
    """Counts what Spark tells of its queries; `decided` and `promised` are told by whoever reads the tables."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        told, stream = self.registry, ("stream",)
        gauge, counter = partial(Gauge, registry=told), partial(Counter, registry=told)
        self.up = gauge("lakehouse_stream_up", "1 while the stream runs.", stream)
        self.batches = counter("lakehouse_batches", "Micro-batches.", stream)
        self.seconds = Histogram(
            "lakehouse_batch_seconds", "From trigger to commit.", stream, buckets=BATCH_SECONDS, registry=told
        )
        self.last = gauge("lakehouse_last_batch_timestamp_seconds", "When the newest batch began.", stream)
        self.behind = gauge(
            "lakehouse_behind", "What a stream's sources hold that it has not read.", ("stream", "unit")
        )
        self.decisions = counter("lakehouse_decisions", "Verdicts of the gate.", ("verdict", "reason"))
        self.certified = gauge("lakehouse_certified", "1 while a certificate vouches for gold.")
        self.error_bound = gauge("lakehouse_certified_error_bound", "At most this share of gold's labels is wrong.")
        self.threshold = gauge("lakehouse_gate_threshold", "Confidence that the certificate in force asks for.")
        self.coverage = gauge("lakehouse_certified_coverage", "Share of judged tickets that reach the threshold.")
        self.names: dict[str, str] = {}
        # A gauge that nobody has set reads 0, and "at most 0 % wrong" is the one thing that must not be said.
        self.promised(False, None, None, None)

    @override
    def onQueryStarted(self, event: QueryStartedEvent) -> None:
        """Note that a stream runs."""
        self.names[str(event.runId)] = event.name or ""
        self.up.labels(event.name or "").set(1)

    @override
    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        """Count a trigger; one that found nothing only says how far behind the stream is."""
        progress = event.progress
        name = progress.name or ""
        for unit, waiting in unread(source.metrics or {} for source in progress.sources).items():
            self.behind.labels(name, unit).set(waiting)
        # Spark's count of rows stays 0 where a batch was read from what is held: whether it ran one is what counts.
        if "addBatch" in progress.durationMs:
            self.batches.labels(name).inc()
            self.seconds.labels(name).observe(progress.durationMs.get("triggerExecution", 0) / 1_000)
            self.last.labels(name).set(datetime.fromisoformat(progress.timestamp.replace("Z", "+00:00")).timestamp())

    @override
    def onQueryIdle(self, event: QueryIdleEvent) -> None:
        """Nothing came: nothing is counted."""

    @override
    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        """Note that a stream has ended."""
        self.up.labels(self.names.pop(str(event.runId), "")).set(0)

    def decided(self, verdict: str, reason: str, count: int) -> None:
        """Add verdicts that were given since the last look."""
        self.decisions.labels(verdict, reason).inc(count)

    def promised(
        self, certified: bool, error_bound: float | None, threshold: float | None, coverage: float | None
    ) -> None:
        """Say what the newest certificate promises; what it does not say is not a number."""
        self.certified.set(certified)
        told = ((self.error_bound, error_bound), (self.threshold, threshold), (self.coverage, coverage))
        for gauge, value in told:
            gauge.set(float("nan") if value is None else value)


def unread(sources: Iterator[Mapping[str, str]]) -> dict[str, float]:
    """Add up, by unit, what the sources of one stream say they have not read yet."""
    waiting: dict[str, float] = {}
    for told in sources:
        for name, unit in BEHIND.items():
            if name in told:
                waiting[unit] = waiting.get(unit, 0.0) + float(told[name])
    return waiting


@contextmanager
def serve_metrics(spark: SparkSession, address: str, port: int) -> Iterator[StreamMetrics]:
    """Listen to a session's streams and answer `GET /metrics` for as long as the block runs.

    Args:
        spark: whose streams are told of.
        address: to bind to; 127.0.0.1 is this machine alone.
        port: to answer at.

    Raises:
        MissingDependencyError: when prometheus-client is not installed.
        ServiceUnavailableError: when the port is taken.
    """
    try:
        from prometheus_client import start_http_server
    except ImportError as error:
        raise MissingDependencyError(
            "Setting metrics.port asks for metrics, and prometheus-client is not installed. "
            "Type: pip install 'intent-lakehouse[metrics]', or set metrics.port to 0"
        ) from error
    metrics = StreamMetrics()
    try:
        server, thread = start_http_server(port, address, metrics.registry)
    except OSError as error:
        raise ServiceUnavailableError(
            f"Metrics cannot be served at {address}:{port} ({error.strerror}). Set metrics.port to a free port."
        ) from error
    spark.streams.addListener(metrics)
    try:
        yield metrics
    finally:
        spark.streams.removeListener(metrics)
        server.shutdown()
        thread.join()
        server.server_close()
