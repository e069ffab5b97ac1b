"""Statistics of agreement, and exact bounds of a proportion: no approximation by a normal curve.

Agreement is computed from counts that add up over micro-batches: two annotators' confusions (Cohen), or the
coincidences of any number of annotators (Fleiss, Randolph, Krippendorff). A unit whose votes grow changes the
coincidences by what it adds now less what it added before. A statistic is not a number where it is undefined: no
pairs, or chance alone would always agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri

Floats = npt.NDArray[np.float64]
Weighting = Literal["none", "linear", "quadratic"]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]

UNDEFINED = float("nan")


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance, with an interval by its asymptotic standard error.

    Attributes:
        value: 1 is perfect, 0 is chance.
        standard_error: of Fleiss, Cohen and Everitt (1969).
        low: lower end of the interval.
        high: upper end.
        observed: share of agreement, weighted.
        expected: share that chance would give.
    """

    value: float
    standard_error: float
    low: float
    high: float
    observed: float
    expected: float


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bound a proportion from both sides (Clopper and Pearson, 1934).

    Args:
        successes: how often it was right.
        trials: how often it was tried.
        confidence: probability that the true proportion is inside, at least.

    Returns:
        Lower and upper bound; 0 and 1 without a trial.
    """
    one_sided = 1 - (1 - confidence) / 2
    return lower_bound(successes, trials, one_sided), upper_bound(successes, trials, one_sided)


def lower_bound(successes: int, trials: int, confidence: float = 0.95) -> float:
    """Bound a proportion from below alone, exactly (Clopper and Pearson, 1934); 0 without a success."""
    return 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, 1 - confidence))


def upper_bound(successes: int, trials: int, confidence: float = 0.95) -> float:
    """Bound a proportion from above alone, exactly (Clopper and Pearson, 1934); 1 when every trial was one.

    `upper_bound(errors, trials, c) <= target` just when the binomial test rejects "the rate is above target" at 1 - c.
    """
    return 1.0 if successes >= trials else float(betaincinv(successes + 1, trials - successes, confidence))


def confusion_counts(first: npt.ArrayLike, second: npt.ArrayLike, labels: int) -> Floats:
    """Count how often one annotator said each label while the other said each; adds up over batches.

    Args:
        first: labels by number, one a unit; a negative one is missing, and its unit is left out.
        second: the other annotator's labels of the same units.
        labels: how many labels there are.

    Returns:
        Shape (labels, labels), rows by the first annotator.
    """
    one, other = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    both = (one >= 0) & (other >= 0)
    pairs = np.bincount(one[both] * labels + other[both], minlength=labels * labels)
    return np.asarray(pairs.reshape(labels, labels), dtype=np.float64)


def one_against_rest(confusion: npt.ArrayLike, label: int) -> Floats:
    """Fold a confusion into "this label or another", for the agreement on one label; shape (2, 2)."""
    counts = np.asarray(confusion, dtype=np.float64)
    both, row, column = counts[label, label], counts[label].sum(), counts[:, label].sum()
    return np.array([[both, row - both], [column - both, counts.sum() - row - column + both]])


def cohen_kappa(confusion: npt.ArrayLike, weighting: Weighting = "none", confidence: float = 0.95) -> Kappa:
    """Measure how far two annotators agree beyond chance (Cohen, 1960; weighted: Cohen, 1968).

    Args:
        confusion: of `confusion_counts`, or sums of such.
        weighting: how much a near miss counts; linear and quadratic need labels in their order.
        confidence: of the interval.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    total = counts.sum()
    if total == 0:
        return Kappa(UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    shares, weights = counts / total, agreement_weights(len(counts), weighting)
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = float((weights * shares).sum()), float(rows @ weights @ columns)
    if np.isclose(expected, 1.0, rtol=0, atol=1e-12):
        return Kappa(UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, observed, expected)
    kappa = (observed - expected) / (1 - expected)
    usual = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    spread = (shares * (weights - usual * (1 - kappa)) ** 2).sum() - (kappa - expected * (1 - kappa)) ** 2
    error = float(np.sqrt(max(spread, 0.0) / total) / (1 - expected))
    reach = float(ndtri(1 - (1 - confidence) / 2)) * error
    return Kappa(kappa, error, kappa - reach, kappa + reach, observed, expected)


def agreement_weights(labels: int, weighting: Weighting) -> Floats:
    """How much agreement each pair of labels counts as, 1 on the diagonal, shape (labels, labels)."""
    places = np.arange(labels)
    apart = np.abs(places[:, None] - places) / max(labels - 1, 1)
    if weighting == "none":
        return np.eye(labels)
    return np.asarray(1 - apart if weighting == "linear" else 1 - apart**2)


def rating_counts(units: npt.ArrayLike, labels: npt.ArrayLike, shape: tuple[int, int]) -> Floats:
    """Count the votes of each unit for each label.

    Args:
        units: unit of each vote, by number.
        labels: label of each vote, by number; a negative one is missing.
        shape: how many units and labels there are.
    """
    rows, columns = np.asarray(units, dtype=np.int64), np.asarray(labels, dtype=np.int64)
    given = columns >= 0
    votes = np.bincount(rows[given] * shape[1] + columns[given], minlength=shape[0] * shape[1])
    return np.asarray(votes.reshape(shape), dtype=np.float64)


def coincidence_counts(counts: npt.ArrayLike) -> Floats:
    """Count the ordered pairs of votes within units, each unit weighing as many as it has votes (Krippendorff, 1970).

    Args:
        counts: of `rating_counts`, whole units each; one with fewer than two votes adds nothing.

    Returns:
        Symmetric, shape (labels, labels); adds up over units, so over batches.
    """
    votes = np.asarray(counts, dtype=np.float64)
    paired = votes[votes.sum(axis=1) >= 2]
    scaled = paired / (paired.sum(axis=1, keepdims=True) - 1)
    return np.asarray(paired.T @ scaled - np.diag(scaled.sum(axis=0)))


def fleiss_kappa(coincidences: npt.ArrayLike) -> float:
    """Measure how far any number of annotators agree beyond chance (Fleiss, 1971).

    Fleiss asks for as many votes on each unit; with unequal numbers a unit weighs as many as it has votes.

    Args:
        coincidences: of `coincidence_counts`, or sums of such.
    """
    pairs = np.asarray(coincidences, dtype=np.float64)
    shares = pairs.sum(axis=0) / pairs.sum() if pairs.sum() else pairs.sum(axis=0)
    return _beyond_chance(pairs, float((shares**2).sum()))


def randolph_kappa(coincidences: npt.ArrayLike) -> float:
    """Free-marginal kappa (Randolph, 2005): chance is an equal share for each label, used or not."""
    pairs = np.asarray(coincidences, dtype=np.float64)
    return _beyond_chance(pairs, 1.0 / len(pairs))


def _beyond_chance(pairs: Floats, expected: float) -> float:
    total = pairs.sum()
    if total == 0 or np.isclose(expected, 1.0, rtol=0, atol=1e-12):
        return UNDEFINED
    return float((np.trace(pairs) / total - expected) / (1 - expected))


def krippendorff_alpha(
    coincidences: npt.ArrayLike, scale: Scale = "nominal", values: Sequence[float] | None = None
) -> float:
    """Measure reliability with any number of annotators and missing votes (Krippendorff, Content Analysis, ch. 11).

    Args:
        coincidences: of `coincidence_counts`, or sums of such; labels in their order unless nominal.
        scale: how far two labels are apart.
        values: what the labels measure, for interval and ratio; 0, 1, 2, ... when left out.
    """
    pairs = np.asarray(coincidences, dtype=np.float64)
    totals = pairs.sum(axis=0)
    amounts = np.arange(len(pairs), dtype=np.float64) if values is None else np.asarray(values, dtype=np.float64)
    apart = _DISTANCES[scale](totals, amounts)
    expected = (np.outer(totals, totals) * apart).sum()
    if expected == 0:
        return UNDEFINED
    return float(1 - (totals.sum() - 1) * (pairs * apart).sum() / expected)


def _nominal(totals: Floats, values: Floats) -> Floats:
    return 1.0 - np.eye(len(totals))


def _ordinal(totals: Floats, values: Floats) -> Floats:
    # Ranks passed on the way from one label to the other, half of both ends.
    middles = np.cumsum(totals) - totals / 2
    return np.asarray((middles[:, None] - middles) ** 2)


def _interval(totals: Floats, values: Floats) -> Floats:
    return np.asarray((values[:, None] - values) ** 2)


def _ratio(totals: Floats, values: Floats) -> Floats:
    sums = values[:, None] + values
    return np.asarray(((values[:, None] - values) / np.where(sums == 0, 1.0, sums)) ** 2)


_DISTANCES: dict[Scale, Callable[[Floats, Floats], Floats]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
    "ratio": _ratio,
}
