"""The certificate: how low the gate may be so that at most so many labels behind it are wrong, with proof.

Thresholds are tried from a high one downwards, each by the exact binomial test of "more than the target are wrong",
each at the full confidence, until one fails: fixed-sequence testing controls the chance that any accepted threshold is
wrong (Bauer, 1991; Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test", 2021). Where the sequence starts is
chosen from confidences alone, never from outcomes. The audited records must have had no part in fitting the confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.audit_planning import CONFIDENCE, TARGET, first_test, labels_needed
from pipelines.kernels.statistics import upper_bound

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GRID = tuple(round(0.99 - place / 100, 2) for place in range(50))
"""Thresholds that may be certified, descending: 0.99 to 0.50."""


@dataclass(frozen=True)
class Tally:
    """Counts of records with at least each threshold's confidence; shape (thresholds,), they add up over batches.

    Attributes:
        audited: audited ones.
        errors: those of them whose label is wrong, or could not be decided.
        doubt: sum of 1 - confidence of the audited ones, which is how many errors the calibration expects.
        records: all records of the stream, audited or not.
    """

    audited: Integers
    errors: Integers
    doubt: Floats
    records: Integers


@dataclass(frozen=True)
class Row:
    """One threshold of the table.

    Attributes:
        threshold: lowest confidence that is accepted.
        audited: audited records at or above it.
        errors: wrong ones of these.
        precision: share of right ones; not a number without an audited record.
        bound: upper bound of the error rate (one-sided, Clopper and Pearson).
        coverage: share of all records at or above it.
        tested: whether the sequence came so far.
        certified: whether its test, and each one before it, was passed.
    """

    threshold: float
    audited: int
    errors: int
    precision: float
    bound: float
    coverage: float
    tested: bool
    certified: bool


@dataclass(frozen=True)
class Certificate:
    """What may be promised of gold.

    Attributes:
        threshold: lowest certified one; None when nothing is certified, and the next three too.
        bound: greatest upper bound of an error rate on the way there, a cautious estimate: proven is the target.
        coverage: share of all records that it lets through.
        audited: audited records behind it.
        errors: wrong ones of these.
        start: threshold that the sequence started with.
        more_if_right: audit labels still needed at `start` if all are right; 0 when certified, None when out of reach.
        more_at_rate: the same if they err as often as those so far; None when that rate is not below the target.
        table: every threshold, descending.
        target: error rate that is allowed.
        confidence: of the promise.
    """

    threshold: float | None
    bound: float | None
    coverage: float | None
    audited: int | None
    errors: int | None
    start: float
    more_if_right: int | None
    more_at_rate: int | None
    table: tuple[Row, ...]
    target: float
    confidence: float


def tally(
    confidences: npt.ArrayLike, wrong: npt.ArrayLike, stream: npt.ArrayLike, thresholds: Sequence[float] = GRID
) -> Tally:
    """Count at each threshold.

    Args:
        confidences: of the audited records.
        wrong: whether the label of each is wrong or undecided.
        stream: confidences of all records.
        thresholds: descending.
    """
    sure, errors, everyone = np.asarray(confidences), np.asarray(wrong, dtype=bool), np.asarray(stream)
    above = [sure >= threshold for threshold in thresholds]
    return Tally(
        np.array([mine.sum() for mine in above], dtype=np.int64),
        np.array([(errors & mine).sum() for mine in above], dtype=np.int64),
        np.array([(1 - sure[mine]).sum() for mine in above], dtype=np.float64),
        np.array([(everyone >= threshold).sum() for threshold in thresholds], dtype=np.int64),
    )


def certify(
    counts: Tally,
    total: int,
    thresholds: Sequence[float] = GRID,
    target: float = TARGET,
    confidence: float = CONFIDENCE,
    start: int | None = None,
) -> Certificate:
    """Find the lowest threshold behind which at most the target is wrong.

    Args:
        counts: of audited records drawn without regard to their labels.
        total: records of the stream, with or without a confidence.
        thresholds: descending, as in `counts`.
        target: error rate that is allowed.
        confidence: of the promise.
        start: place of the first threshold to test, fixed before outcomes are known; `first_test` when left out.
    """
    first = first_test(counts.audited, counts.doubt, target, confidence) if start is None else start
    bounds = [
        upper_bound(int(errors), int(audited), confidence)
        for errors, audited in zip(counts.errors, counts.audited, strict=True)
    ]
    failed = next((place for place in range(first, len(bounds)) if bounds[place] > target), len(bounds))
    table = tuple(
        _row(counts, place, thresholds[place], bounds[place], total, first <= place <= failed, first <= place < failed)
        for place in range(len(bounds))
    )
    best = table[failed - 1] if failed > first else None
    errors, audited = int(counts.errors[first]), int(counts.audited[first])
    return Certificate(
        threshold=best.threshold if best else None,
        bound=max(bounds[first:failed]) if best else None,
        coverage=best.coverage if best else None,
        audited=best.audited if best else None,
        errors=best.errors if best else None,
        start=thresholds[first],
        more_if_right=labels_needed(errors, audited, 0.0, target, confidence),
        more_at_rate=labels_needed(errors, audited, errors / max(audited, 1), target, confidence),
        table=table,
        target=target,
        confidence=confidence,
    )


def _row(counts: Tally, place: int, threshold: float, bound: float, total: int, tested: bool, certified: bool) -> Row:
    audited, errors = int(counts.audited[place]), int(counts.errors[place])
    precision = 1 - errors / audited if audited else float("nan")
    coverage = int(counts.records[place]) / max(total, 1)
    return Row(threshold, audited, errors, precision, bound, coverage, tested, certified)
