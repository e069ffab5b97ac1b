"""Which given labels are contradicted by what all other rows teach: confident learning.

After Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021): a row
counts as label j with confidence when its out-of-fold probability of j reaches what rows given j have of it on average.
Rows that so count as another label than the given one stand off the diagonal of the *confident joint*: they are listed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.exact import Floats, as_unit, round_units
from pipelines.kernels.student import NAME_WEIGHT, Integers, learnable, out_of_fold, stratify

STRENGTH = 30.0
"""Of the fits; see `tests/benchmarks/label_errors.md`."""


@dataclass(frozen=True)
class Audit:
    """What the others say of each audited row.

    Attributes:
        audited: places of the rows that were looked at, ascending, shape (audited,).
        labels: the labels that were told apart, ascending, shape (labels,).
        probabilities: out of fold, in the order of `labels`, shape (audited, labels).
        suggested: the label each row counts as with confidence, its given one where there is none, shape (audited,).
        margins: how much likelier the suggested label is than the given one, shape (audited,).
    """

    audited: Integers
    labels: Integers
    probabilities: Floats
    suggested: Integers
    margins: Floats


def audit_labels(
    vectors: npt.ArrayLike, given: Integers, trusted: npt.NDArray[np.bool_], names: npt.ArrayLike
) -> Audit:
    """Ask about each row a student that learnt from the other folds.

    Args:
        vectors: unit vectors of the rows, shape (rows, dimensions).
        given: label of each, shape (rows,).
        trusted: rows that teach every fold and are not audited themselves, shape (rows,).
        names: unit vectors of the labels' names, shape (labels, dimensions); they teach like trusted rows.

    Returns:
        Nothing audited when there are too few examples to learn two labels from.
    """
    labels = learnable(given)
    mine = np.flatnonzero(np.isin(given, labels))
    if not len(labels):
        nothing = np.zeros(0, dtype=np.int64)
        return Audit(nothing, labels, np.zeros((0, 0)), nothing, np.zeros(0))
    places = np.searchsorted(labels, given[mine])
    asked = ~trusted[mine]
    folds = np.full(len(mine) + NAME_WEIGHT * len(labels), -1, dtype=np.int64)
    folds[: len(mine)][asked] = stratify(places[asked])
    named = [as_unit(round_units(np.asarray(names)[labels]))] * NAME_WEIGHT
    rows = np.concatenate([as_unit(round_units(np.asarray(vectors)[mine])), *named])
    taught = np.concatenate([places, *[np.arange(len(labels))] * NAME_WEIGHT])
    shares = out_of_fold(rows, taught, len(labels), STRENGTH, folds)[: len(mine)][asked]
    suggested, margins = contradict(shares, places[asked])
    return Audit(mine[asked], labels, shares, labels[suggested], margins)


def contradict(probabilities: Floats, places: Integers) -> tuple[Integers, Floats]:
    """Find the label each row counts as with confidence.

    Args:
        probabilities: out of fold, shape (rows, labels).
        places: given label of each row, shape (rows,).

    Returns:
        The label, and its lead over the given one; where no likelier label reaches its threshold, the given one and 0.
        Shapes (rows,).
    """
    rows = np.arange(len(places))
    own = probabilities[rows, places]
    counts = np.bincount(places, minlength=probabilities.shape[1])
    sums = np.bincount(places, weights=own, minlength=probabilities.shape[1])
    # A label that nobody was given has no threshold, and nobody counts as it.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = confident.argmax(axis=1)
    margins = probabilities[rows, best] - own
    is_contradicted = (confident[rows, best] >= 0) & (margins > 0)
    return np.where(is_contradicted, best, places), np.where(is_contradicted, margins, 0.0)
