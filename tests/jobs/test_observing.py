"""When the tables are looked into; what is counted then is tested with the streams."""

from datetime import UTC, datetime
from typing import cast

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.adapters.metrics import StreamMetrics
from pipelines.jobs.observing import Observer


def test_tables_are_looked_into_at_once_and_then_after_each_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    times = [0.0, 0.1, 59.0, 60.2, 60.3, 119.0, 121.0]
    now = [0.0]
    spark, store = cast(SparkSession, None), TableStore("", "", "")
    observer = Observer(spark, store, StreamMetrics(), 60, datetime.now(UTC), clock=lambda: now[0])
    monkeypatch.setattr(Observer, "look", lambda self: looks.append(now[0]))
    for moment in times:
        now[0] = moment
        observer.look_if_due()
    assert looks == [0.0, 60.2, 121.0]
