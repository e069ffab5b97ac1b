"""Whether the mix of labels is still what it was: each day against all days before it."""

from collections import Counter

import pandas as pd

from pipelines.kernels.drift import measure_drift

DRIFT = ["day", "records", "psi", "p_value", "drifted"]


def label_drift(mix: pd.DataFrame) -> pd.DataFrame:
    """Measure each day's drift (see `kernels.drift.Drift`); the first day has nothing to be held against.

    Args:
        mix: day, label, records; each day and label once.

    Returns:
        DRIFT's columns, one row a day but the first, in the order of days; records are those of the day.
    """
    before = Counter[str]()
    found = []
    for day, rows in mix.groupby("day", sort=True):
        today = Counter(dict(zip(rows["label"], rows["records"], strict=True)))
        names = sorted({*before, *today})
        if before:
            drift = measure_drift([before[name] for name in names], [today[name] for name in names])
            found.append((day, today.total(), drift.psi, drift.p_value, drift.drifted))
        before += today
    return pd.DataFrame(found, columns=DRIFT)
