"""Each day's labels against those of all days before it."""

from datetime import date

import pandas as pd
import pytest

from pipelines.jobs.label_drift import label_drift
from pipelines.kernels.drift import measure_drift

DAYS = [{"refund": 20, "login": 20}, {"refund": 20, "login": 20}, {"refund": 40}, {"refund": 40, "card": 10}]


def test_a_day_is_held_against_all_days_before_it() -> None:
    counts = [
        (date(2026, 1, 5 + place), label, records) for place, mix in enumerate(DAYS) for label, records in mix.items()
    ]
    # The rows come in any order.
    found = label_drift(pd.DataFrame(counts[::-1], columns=["day", "label", "records"]))
    assert found["day"].to_list() == [date(2026, 1, day) for day in (6, 7, 8)]
    assert found["records"].to_list() == [40, 40, 50]
    assert found["drifted"].to_list() == [False, True, True]
    # Login, refund: 40 and 40 before, none and 40 now; then card too, a bin of its own.
    expected = [0.0, measure_drift([40, 40], [0, 40]).psi, measure_drift([0, 40, 80], [10, 0, 40]).psi]
    assert found["psi"].to_list() == pytest.approx(expected)


def test_one_day_or_none_has_no_drift() -> None:
    columns = ["day", "label", "records"]
    assert label_drift(pd.DataFrame(columns=columns)).empty
    assert label_drift(pd.DataFrame([(date(2026, 1, 5), "refund", 9)], columns=columns)).empty
