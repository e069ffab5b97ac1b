"""Matrix products whose result is the same whatever the block, the order, the threads and the machine.

Coordinates are rounded to whole numbers so small that every partial sum of a product is a whole number that the
floating type holds exactly: |a_S . b_S| <= |a| |b| for any part S of the coordinates (Cauchy and Schwarz). No rounding
is left that an order of summing could change, so BLAS may sum as it likes.
"""

import math

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

SINGLE_BITS = 12
"""Two vectors of at most 2^12 long: their product stays within the 24 bits of a float32."""
DOUBLE_BITS = 52 - SINGLE_BITS
"""What a float64 leaves for the other side when one side has 12 bits."""


def scale(dimensions: int, bits: int) -> float:
    """How long a unit vector may become so that, rounded, it is still no longer than 2^bits."""
    return 2.0**bits - math.ceil(math.sqrt(dimensions) / 2)


def round_units(vectors: npt.ArrayLike) -> Vectors:
    """Scale vectors to one length and round them to whole numbers: the cosine changes by about 1e-4.

    Args:
        vectors: shape (..., dimensions); one without length stays so.

    Returns:
        Whole numbers as float32, as fast to multiply as any others, shape (..., dimensions).
    """
    values = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    whole = np.rint(values / np.where(lengths > 0, lengths, 1.0) * scale(values.shape[-1], SINGLE_BITS))
    return np.asarray(whole, dtype=np.float32)


def as_unit(rounded: Vectors) -> Floats:
    """Scale what `round_units` gave back to unit length (nearly)."""
    return rounded.astype(np.float64) / scale(rounded.shape[-1], SINGLE_BITS)


def linear_scores(rounded: Vectors, weights: Floats) -> Floats:
    """Multiply unit vectors with weights, exact to twelve digits and the same in any company.

    Args:
        rounded: of `round_units`, shape (texts, dimensions).
        weights: shape (labels, dimensions).

    Returns:
        Shape (texts, labels).
    """
    dimensions = weights.shape[1]
    lengths = np.maximum(np.linalg.norm(weights, axis=1), np.finfo(np.float64).tiny)
    long = scale(dimensions, DOUBLE_BITS)
    whole = np.rint(weights / lengths[:, None] * long)
    unit = lengths / long / scale(dimensions, SINGLE_BITS)
    return np.asarray((rounded.astype(np.float64) @ whole.T) * unit)


def softmax(scores: Floats) -> Floats:
    """Turn each row of scores into probabilities, row by row alike."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def exact_cosines(texts: Vectors, others: Vectors) -> Vectors:
    """Multiply two sets of `round_units`, exactly; shape (texts, others)."""
    return np.asarray((texts @ others.T) * np.float32(scale(texts.shape[1], SINGLE_BITS) ** -2))
