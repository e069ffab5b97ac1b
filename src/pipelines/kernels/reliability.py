"""How far a confidence means what it says: reliability curve, ECE, Brier, AUROC, AURC."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from pipelines.kernels.statistics import clopper_pearson

Floats = npt.NDArray[np.float64]

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Records of about the same confidence.

    Attributes:
        low: confidence it starts at, inclusive.
        high: confidence it ends at, exclusive but for the last bin.
        records: how many fell in it.
        confidence: their mean confidence.
        right: share of right ones.
        right_low: lower end of the share's exact interval (Clopper and Pearson, 95 %).
        right_high: upper end.
    """

    low: float
    high: float
    records: int
    confidence: float
    right: float
    right_low: float
    right_high: float


@dataclass(frozen=True)
class Reliability:
    """Figures of a confidence against the truth.

    Attributes:
        curve: bins of equal width that hold records, ascending.
        ece: expected calibration error over these bins (Naeini, Cooper and Hauskrecht, 2015).
        ece_equal_mass: the same over bins of as many records each, by rank (Nixon et al., 2019).
        brier: mean squared difference from the truth.
        auroc: chance that a right record has the higher confidence of the two; not a number with one kind only.
        aurc: area under the risk-coverage curve (Geifman, Uziel and El-Yaniv, 2019): mean error rate over all gates.
    """

    curve: tuple[Bin, ...]
    ece: float
    ece_equal_mass: float
    brier: float
    auroc: float
    aurc: float


def measure_reliability(confidences: npt.ArrayLike, right: npt.ArrayLike, bins: int = BINS) -> Reliability:
    """Compare confidences with the truth.

    Args:
        confidences: 0 to 1, shape (records,), at least one.
        right: whether each label was right.
        bins: of equal width for the curve and ECE, and as many of equal mass.
    """
    sure, truth = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    places = np.minimum((sure * bins).astype(np.int64), bins - 1)
    ranks = np.argsort(np.argsort(sure, kind="stable"), kind="stable") * bins // len(sure)
    curve = tuple(
        _bin(place, bins, sure[places == place], truth[places == place]) for place in np.unique(places).tolist()
    )
    return Reliability(
        curve,
        _calibration_error(places, sure, truth),
        _calibration_error(ranks, sure, truth),
        float(((sure - truth) ** 2).mean()),
        auroc(sure, truth > 0),
        aurc(sure, truth),
    )


def _bin(place: int, bins: int, sure: Floats, truth: Floats) -> Bin:
    low, high = clopper_pearson(int(truth.sum()), len(truth))
    return Bin(place / bins, (place + 1) / bins, len(sure), float(sure.mean()), float(truth.mean()), low, high)


def _calibration_error(places: npt.NDArray[np.int64], sure: Floats, truth: Floats) -> float:
    gaps = np.abs(np.bincount(places, weights=sure - truth))
    return float(gaps.sum() / len(sure))


def auroc(confidences: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """How often a right one has more confidence than a wrong one (Mann and Whitney, 1947); equal ones count half."""
    positive = np.asarray(right, dtype=bool)
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    ranks = rankdata(np.asarray(confidences))
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def aurc(confidences: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Mean error rate of the surest 1, 2, ... all records; equal confidences share their errors evenly."""
    sure, wrong = np.asarray(confidences, dtype=np.float64), 1.0 - np.asarray(right, dtype=np.float64)
    _, group = np.unique(-sure, return_inverse=True)
    evened = np.bincount(group, weights=wrong) / np.bincount(group)
    ordered = evened[np.sort(group)]
    return float((np.cumsum(ordered) / np.arange(1, len(sure) + 1)).mean())
