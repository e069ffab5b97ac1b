"""Each day's labels against those of all days before it, over real tables."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, TableStore, append_once
from pipelines.contracts import DECISIONS, TICKETS_SILVER
from pipelines.jobs.label_drift import read_label_drift
from pipelines.kernels.drift import measure_drift
from tests.builders import decision, frame, record

MONDAY = date(2026, 1, 5)
DAYS = [{"refund": 20, "login": 20}, {"refund": 20, "login": 20}, {"refund": 40}, {"refund": 40, "card": 10}]


def test_a_day_is_held_against_all_days_before_it(spark: SparkSession, empty_tables: Path, tmp_path: Path) -> None:
    store = TableStore("", str(shutil.copytree(empty_tables, tmp_path / "tables")), "")
    assert read_label_drift(spark, store) == []
    labels = [
        (f"{day}-{label}-{number}", MONDAY + timedelta(days=day), label)
        for day, mix in enumerate(DAYS)
        for label, records in mix.items()
        for number in range(records)
    ]
    tickets = frame(spark, TICKETS_SILVER, *(record(name, received_day=day) for name, day, _ in labels))
    decisions = frame(spark, DECISIONS, *(decision(name, label=label) for name, _, label in labels))
    append_once(tickets, store, TICKETS_SILVER, BatchWrite("silver", 1, 0))
    append_once(decisions, store, DECISIONS, BatchWrite("gate", 1, 0))
    same, moved, last = read_label_drift(spark, store)
    assert (same.day, same.records, same.psi, same.drifted) == (MONDAY + timedelta(days=1), 40, 0.0, False)
    # Login, refund: 40 and 40 before, none and 40 now.
    assert moved.psi == pytest.approx(measure_drift([40, 40], [0, 40]).psi)
    assert moved.drifted
    assert (last.day, last.records) == (MONDAY + timedelta(days=3), 50)
    # Card, login, refund: a label that is new is a bin of its own.
    assert last.psi == pytest.approx(measure_drift([0, 40, 80], [10, 0, 40]).psi)
