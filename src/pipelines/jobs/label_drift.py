"""Whether the mix of labels is still what it was: each day against all days before it."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, read_table
from pipelines.contracts import DECISIONS, TICKETS_SILVER
from pipelines.kernels.drift import measure_drift
from pipelines.transforms.quality import label_mix


@dataclass(frozen=True)
class DayDrift:
    """How one day's labels differ from those of all days before it; see `kernels.drift.Drift`."""

    day: date
    records: int
    psi: float
    p_value: float
    drifted: bool


def read_label_drift(spark: SparkSession, store: TableStore) -> list[DayDrift]:
    """Measure each day's drift, in the order of days; the first one has nothing to be held against."""
    tickets, decisions = (read_table(spark, store, table) for table in (TICKETS_SILVER, DECISIONS))
    mixes: dict[date, Counter[str]] = {}
    for row in tickets.transform(label_mix, decisions).collect():
        mixes.setdefault(row["day"], Counter())[row["label"]] = int(row["records"])
    days, before = sorted(mixes), Counter[str]()
    found = []
    for day in days:
        names = sorted({*before, *mixes[day]})
        if before:
            drift = measure_drift([before[name] for name in names], [mixes[day][name] for name in names])
            found.append(DayDrift(day, mixes[day].total(), drift.psi, drift.p_value, drift.drifted))
        before += mixes[day]
    return found
