"""What the tables say to whoever watches the streams: new verdicts, and what the newest certificate promises."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_table
from pipelines.adapters.metrics import StreamMetrics
from pipelines.jobs.certification import CERTIFIED
from pipelines.transforms.assurance import newest_certificate
from pipelines.transforms.quality import verdicts_after


@dataclass
class Observer:
    """Looks into the tables now and then, from the thread that watches the streams.

    Attributes:
        every: seconds between two looks.
        since: decisions made later have not been counted.
        due: when to look next, on the clock of `clock`.
    """

    spark: SparkSession
    store: TableStore
    metrics: StreamMetrics
    every: float
    since: datetime
    due: float = 0.0
    clock: Callable[[], float] = time.monotonic

    def look_if_due(self) -> None:
        """Look when it is time."""
        if self.clock() >= self.due:
            self.look()
            self.due = self.clock() + self.every

    def look(self) -> None:
        """Count the verdicts since the last look, and read the newest certificate."""
        new = read_table(self.spark, self.store, tables.DECISIONS).transform(verdicts_after, self.since)
        for row in new.collect():
            self.metrics.decided(row["verdict"], row["reason"], row["rows"])
            self.since = max(self.since, row["last"].astimezone(UTC))
        found = read_table(self.spark, self.store, tables.CERTIFICATES).transform(newest_certificate).first()
        if found:
            certified = found["status"] == CERTIFIED
            bound = found["error_bound"] if certified else None
            self.metrics.promised(certified, bound, found["threshold"], found["coverage"])
