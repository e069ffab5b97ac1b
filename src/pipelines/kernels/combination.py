"""Several voters' probabilities made one, before any calibration: a logarithmic pool.

Genest and Zidek, "Combining probability distributions" (1986): the product of the distributions, each raised to its
weight. A label that one voter excludes cannot be saved by another's certainty, so no probability counts as zero.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.kernels.exact import Floats, softmax

Integers = npt.NDArray[np.int64]

LEAST_PROBABILITY = 1e-6
"""What a voter's "never" counts as."""


def pool(distributions: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Multiply distributions over the same labels, each raised to its weight; shape (texts, labels).

    Args:
        distributions: one a voter, shape (texts, labels).
        weights: how far each voter counts; those that add up to 1 make voters that agree as sure as each of them.
    """
    logs = [
        weight * np.log(np.maximum(part, LEAST_PROBABILITY))
        for part, weight in zip(distributions, weights, strict=True)
    ]
    return softmax(np.sum(logs, axis=0))


def widen(known: Floats, labels: Integers, others: Floats) -> Floats:
    """Give a voter that knows some labels only the rest from another one, which also says how much the rest gets.

    Args:
        known: the voter's probabilities of the labels it knows, shape (texts, known).
        labels: which these are, shape (known,).
        others: another voter's probabilities of all labels, shape (texts, labels).
    """
    whole = others.copy()
    whole[:, labels] = known * others[:, labels].sum(axis=1, keepdims=True)
    return whole
