"""How many audit labels a promise costs, and where they are worth most; nothing here looks at an outcome still to come.

Tests are exact binomial ones: so many audited records pass when the upper bound of their error rate (Clopper and
Pearson) is at most the target.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from pipelines.kernels.statistics import upper_bound

TARGET = 0.05
CONFIDENCE = 0.95
MOST_LABELS = 1_000_000
"""With so many more audit labels a certificate is out of reach."""
SAFETY = 1.25
"""The sequence starts where so many times the errors that the confidences predict would still pass."""
HOPEFUL = 0.2
"""A threshold is worth auditing for when its test passes at least so likely, by the confidences as they are."""


def first_test(
    audited: npt.ArrayLike, doubt: npt.ArrayLike, target: float = TARGET, confidence: float = CONFIDENCE
) -> int:
    """Choose where the sequence of tests starts: the highest threshold that is about the likeliest to pass.

    With few audited records above it, even a perfect threshold cannot pass; with many doubtful ones, none will. Only
    confidences are looked at, never outcomes, so the choice costs no confidence.

    Args:
        audited: audited records at or above each threshold, descending thresholds.
        doubt: sum of 1 - confidence of these.
        target: error rate that is allowed.
        confidence: of the promise.

    Returns:
        A place among the thresholds.
    """
    many = np.asarray(audited, dtype=np.int64)
    rates = np.minimum(SAFETY * np.asarray(doubt, dtype=np.float64) / np.maximum(many, 1), 1.0)
    powers = np.array([power(*pair, target, confidence) for pair in zip(many.tolist(), rates.tolist(), strict=True)])
    if powers.max() == 0.0:
        return int(np.argmax(many))
    return int(np.argmax(powers >= 0.98 * powers.max()))


def lowest_hopeful(
    stream: npt.ArrayLike,
    budget: int,
    thresholds: Sequence[float],
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> float:
    """Choose from where on records are audited: below it, a label would most likely be spent in vain.

    Args:
        stream: calibrated confidences of all records.
        budget: records that can be audited.
        thresholds: descending.
        target: error rate that is allowed.
        confidence: of the promise.

    Returns:
        The lowest threshold that so many audits behind it still have a fair chance to certify; the highest one when
        there is none.
    """
    sure = np.asarray(stream, dtype=np.float64)
    above = [sure[sure >= threshold] for threshold in thresholds]
    many, doubt = [each.size for each in above], [float((1 - each).sum()) for each in above]
    found = hopeful_from(many, doubt, budget, thresholds, target, confidence)
    return thresholds[0] if found is None else found


def hopeful_from(
    records: Sequence[int],
    doubt: Sequence[float],
    budget: int,
    thresholds: Sequence[float],
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> float | None:
    """Choose as `lowest_hopeful` does, from counts; None when there is no hope.

    Args:
        records: of the stream at or above each threshold.
        doubt: sum of 1 - calibrated confidence of these.
        budget: records that can be audited.
        thresholds: descending.
        target: error rate that is allowed.
        confidence: of the promise.
    """
    worth = [
        threshold
        for threshold, many, errors in zip(thresholds, records, doubt, strict=True)
        if many and power(budget, errors / many, target, confidence) >= HOPEFUL
    ]
    return worth[-1] if worth else None


def power(audited: int, error_rate: float, target: float = TARGET, confidence: float = CONFIDENCE) -> float:
    """How likely the test passes with so many audited records of that error rate."""
    allowed = most_errors(audited, target, confidence)
    return float(bdtr(allowed, audited, error_rate)) if allowed >= 0 else 0.0


def most_errors(audited: int, target: float = TARGET, confidence: float = CONFIDENCE) -> int:
    """The most errors with which so many audited records pass; -1 when even none is too many."""
    low, high = -1, audited
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(middle, audited, confidence) <= target else (low, middle)
    return low


def labels_needed(
    errors: int, audited: int, error_rate: float, target: float = TARGET, confidence: float = CONFIDENCE
) -> int | None:
    """How many more audit labels pass the test if they err at a rate; None when out of reach.

    Args:
        errors: wrong ones so far.
        audited: records so far.
        error_rate: of the labels to come.
        target: error rate that is allowed.
        confidence: of the promise.
    """

    def passes(more: int) -> bool:
        return upper_bound(errors + int(np.ceil(error_rate * more)), audited + more, confidence) <= target

    if passes(0):
        return 0
    high = 1
    while not passes(high):
        high *= 2
        if high > MOST_LABELS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
