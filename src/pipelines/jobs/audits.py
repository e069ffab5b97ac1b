"""Audits on the driver: people's votes on accepted records, decided, and what they say of each label and of late."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import Row

from pipelines.gate_settings import GateSettings
from pipelines.intents import Intent
from pipelines.kernels.audits import (
    MISSING,
    MOST_VOTES,
    LabelBound,
    Outcome,
    Watch,
    decide_audit,
    label_bounds,
    watch_errors,
)
from pipelines.kernels.drift import SIGNIFICANCE, measure_drift
from pipelines.kernels.statistics import lower_bound

LEAST_AUDITS = 20
"""With fewer a label is counted among the other labels."""
OTHER_LABELS = "other labels"
ENOUGH_VOTES = 3
"""After so many, no two alike, the watch takes an audit for an error: in a small team a fifth never comes."""


@dataclass(frozen=True)
class Audits:
    """Audited records, in the order they arrived.

    Attributes:
        labels: what the models said, shape (records,).
        confidences: their confidence in it.
        outcomes: of `kernels.audits.Outcome`; one that waits for a further vote is open, and counts as wrong.
        decided: when each record was first decided.
        spent: votes of people that each took.
    """

    labels: npt.NDArray[np.str_]
    confidences: npt.NDArray[np.float64]
    outcomes: npt.NDArray[np.int64]
    decided: npt.NDArray[np.object_]
    spent: npt.NDArray[np.int64]

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Which count as errors."""
        return np.not_equal(self.outcomes, Outcome.RIGHT)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.labels)

    @property
    def votes_spent(self) -> int:
        """Votes of people that they took."""
        return int(self.spent.sum())

    def since(self, moment: datetime | None) -> "Audits":
        """Those of records that were first decided after a moment; all without one."""
        if moment is None:
            return self
        return self.where(np.array([when is not None and when > moment for when in self.decided], dtype=np.bool_))

    def from_confidence(self, threshold: float) -> "Audits":
        """Those that reach a threshold."""
        return self.where(self.confidences >= threshold)

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Audits":
        """Those that are chosen."""
        return Audits(
            self.labels[chosen], self.confidences[chosen], self.outcomes[chosen], self.decided[chosen],
            self.spent[chosen],
        )  # fmt: skip


def read_audits(rows: Sequence[Row]) -> Audits:
    """Decide audits from rows of `assurance.verified`, in the order of their positions."""
    names = sorted({row["label"] for row in rows} | {said for row in rows for said in row["said"]})
    numbers = {name: number for number, name in enumerate(names)}
    votes = np.full((len(rows), MOST_VOTES), MISSING, dtype=np.int64)
    for place, row in enumerate(rows):
        votes[place, : len(row["said"])] = [numbers[said] for said in row["said"]]
    decided = decide_audit([numbers[row["label"]] for row in rows], votes)
    moments = np.empty(len(rows), dtype=object)
    moments[:] = [row["decided_at"] for row in rows]
    return Audits(
        np.array([row["label"] for row in rows], dtype=str),
        np.array([row["confidence"] for row in rows], dtype=np.float64),
        decided.outcomes,
        moments,
        decided.spent,
    )


def label_standing(
    audits: Audits, intents: Sequence[Intent], settings: GateSettings, threshold: float
) -> list[dict[str, Any]]:
    """Say how often each label was right of late, and whether it fell below its floor.

    The newest `standing_audits` of a label count. It is suspended when its precision is below its floor for sure (exact
    one-sided bound), so few audits suspend nothing; audits of its records go on, so it can return.
    """
    accepted = audits.from_confidence(threshold)
    floors = {intent.name: intent.precision_floor for intent in intents}
    counted = {}
    for name in sorted(floors):
        wrong = accepted.wrong[accepted.labels == name][-settings.standing_audits :]
        counted[name] = (len(wrong), int(wrong.sum()))
    names = list(counted)
    bounds = label_bounds(
        [counted[name][0] for name in names], [counted[name][1] for name in names], LEAST_AUDITS,
        settings.target_error, settings.confidence_level,
    )  # fmt: skip
    rows = [standing_row(names[bound.labels[0]], bound, floors, settings) for bound in bounds if len(bound.labels) == 1]
    grouped = [bound for bound in bounds if len(bound.labels) > 1]
    return rows + [standing_row(OTHER_LABELS, bound, {}, settings) for bound in grouped]


def standing_row(
    name: str, bound: LabelBound, floors: dict[str, float | None], settings: GateSettings
) -> dict[str, Any]:
    """Lay out what is known of one label."""
    floor = floors.get(name)
    least_errors = lower_bound(bound.errors, bound.audited, settings.confidence_level)
    return {
        "label": name, "audited": bound.audited, "errors": bound.errors, "error_bound": bound.bound,
        "precision_floor": floor, "suspended": floor is not None and least_errors > 1 - floor,
    }  # fmt: skip


def find_alarm(accepted: Audits, shape: Sequence[Row], settings: GateSettings) -> str | None:
    """Say why a certificate does not hold any more; None while nothing speaks against it.

    Args:
        accepted: audits of records that it let through, in the order they arrived.
        shape: rows of `assurance.stream_shape`.
        settings: what was promised, and how much drift is too much.
    """
    opened = np.flatnonzero((accepted.outcomes == Outcome.OPEN) & (accepted.spent < ENOUGH_VOTES))
    settled = accepted.wrong[: opened[0] if len(opened) else accepted.size]
    watched = watch_errors(settled, Watch(), settings.target_error)
    if watched.alarmed(settings.confidence_level):
        return f"errors: {int(settled.sum())} of {len(settled)} audits since then were wrong"
    for what in ("known", "label", "confidence"):
        psi = drift_of([row for row in shape if row["what"] == what], settings)
        if psi is not None:
            return f"drift: {what} moved by {psi:.2f} (population stability index, at most {settings.drift_threshold})"
    return None


def drift_of(rows: Sequence[Row], settings: GateSettings) -> float | None:
    """Give the population stability index of counts before and since; None while that is no drift."""
    counts = {is_new: Counter[str]() for is_new in (False, True)}
    for row in rows:
        counts[row["is_new"]][row["bin"]] += row["records"]
    bins = sorted(set(counts[False]) | set(counts[True]))
    before, now = ([counts[is_new][name] for name in bins] for is_new in (False, True))
    moved = measure_drift(before, now, settings.drift_threshold, SIGNIFICANCE)
    return moved.psi if moved.drifted else None
