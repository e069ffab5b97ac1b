"""Metrics as Prometheus sees them: over HTTP, from a real stream."""

import re
import socket
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.broker import find_free_port
from pipelines.adapters.metrics import StreamMetrics, serve_metrics, unread
from pipelines.errors import ServiceUnavailableError


def scrape(port: int) -> dict[str, float]:
    """Read each series and its value; a label's value never holds a space here."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def wait_for(port: int, series: str, value: float) -> dict[str, float]:
    """Events come on a thread of Spark's own: look until they have."""
    deadline = time.monotonic() + 30
    while scrape(port).get(series) != value and time.monotonic() < deadline:
        time.sleep(0.2)
    return scrape(port)


def test_a_stream_is_counted_while_it_runs_and_down_when_it_has_ended(spark: SparkSession, tmp_path: Path) -> None:
    port = find_free_port()
    with serve_metrics(spark, "127.0.0.1", port):
        rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1).load()
        query = (
            rows.writeStream.queryName("ticks").option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True).format("noop").start()
        )  # fmt: skip
        query.awaitTermination()
        seen = wait_for(port, 'lakehouse_stream_up{stream="ticks"}', 0)
        assert seen['lakehouse_batches_total{stream="ticks"}'] == 1
        assert seen['lakehouse_batch_seconds_count{stream="ticks"}'] == 1
        assert seen['lakehouse_batch_seconds_sum{stream="ticks"}'] > 0
        assert abs(seen['lakehouse_last_batch_timestamp_seconds{stream="ticks"}'] - time.time()) < 300
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_a_port_that_is_taken_is_named(spark: SparkSession) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = re.escape(f"127.0.0.1:{port}") + r" \(Address already in use\)\. Set metrics\.port"
        with pytest.raises(ServiceUnavailableError, match=told), serve_metrics(spark, "127.0.0.1", port):
            pass


def test_what_sources_have_not_read_adds_up_by_unit() -> None:
    kafka = {"maxOffsetsBehindLatest": "7", "minOffsetsBehindLatest": "0"}
    delta = {"numFilesOutstanding": "3", "numBytesOutstanding": "4096"}
    assert unread(iter([kafka, delta, delta, {}])) == {"offsets": 7, "files": 6, "bytes": 8192}


def test_a_promise_is_shown_and_a_missing_bound_is_no_number() -> None:
    metrics = StreamMetrics()
    metrics.decided("accepted", "", 3)
    metrics.decided("accepted", "", 2)
    metrics.promised(True, 0.04, 0.9, 0.6)
    read = metrics.registry.get_sample_value
    assert read("lakehouse_decisions_total", {"verdict": "accepted", "reason": ""}) == 5
    assert [read(f"lakehouse_{name}") for name in ("certified", "certified_error_bound")] == [1, 0.04]
    metrics.promised(False, None, 0.95, 0.5)
    assert read("lakehouse_certified") == 0
    assert str(read("lakehouse_certified_error_bound")) == "nan"
    assert read("lakehouse_gate_threshold") == 0.95


def test_without_a_certificate_nothing_is_promised() -> None:
    fresh, refused = StreamMetrics(), StreamMetrics()
    refused.promised(True, 0.04, 0.9, 0.6)
    refused.promised(False, None, None, None)
    for metrics in (fresh, refused):
        told = [
            metrics.registry.get_sample_value(f"lakehouse_{name}")
            for name in ("certified", "certified_error_bound", "gate_threshold", "certified_coverage")
        ]
        assert [str(value) for value in told] == ["0.0", "nan", "nan", "nan"]
