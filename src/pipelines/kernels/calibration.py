"""One calibrated probability that a record's label is right, from what its voters said.

The formula, for a record with features x (`FEATURES` names them and their order):

    score = bias + sum over j of weights[j] * (x[j] - means[j]) / scales[j]
    confidence = 1 / (1 + exp(-score))

Logistic regression on standardised features (Platt, "Probabilistic outputs for support vector machines", 1999, with
more than one feature). Every feature is made so that more of it never makes a label less likely to be right, and no
weight may fall below zero: few labels cannot teach that agreement is a bad sign. The penalty pulls towards the
default, not towards zero: the voters' pooled probability taken at its word. So no labels give just that, and each
label moves it as far as it can prove. How hard it pulls is chosen by cross-validation. Nothing is drawn: the same rows
in the same order give the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST_ROWS = 60
"""With fewer labelled records the default is not touched."""
FOLDS = 5
PENALTIES = (10.0, 3.0, 1.0, 0.3)
"""Against half the squared distance of the weights from the default's; strongest first, which wins ties."""
BIAS_PENALTY = 1.0
"""The same for the bias, always: that voters are all too sure, or not sure enough, is the first thing labels teach."""
MOST_STEPS = 50
TOLERANCE = 1e-7
"""Slope a record at which the fit ends."""
LEAST_PROBABILITY = 1e-4
"""A voter's probability is cut here and as near to 1, so that its logit stays within 9.2."""


@dataclass(frozen=True)
class Calibration:
    """A fitted model, in plain numbers.

    Attributes:
        features: names, in the order of the arrays below.
        means: of the features.
        scales: their standard deviations; 1 where a feature never varies.
        weights: of the standardised features, none below zero.
        bias: score of a record with mean features.
        penalty: that was chosen; infinite for the default.
        rows: labelled records it was fitted on.
        loss: mean held-out log loss, in nats; not a number for the default.
        default_loss: log loss of the default on the same rows.
    """

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    penalty: float = float("inf")
    rows: int = 0
    loss: float = field(default=float("nan"), compare=False)
    default_loss: float = field(default=float("nan"), compare=False)


def logit(probabilities: npt.ArrayLike) -> Floats:
    """Log odds, cut at `LEAST_PROBABILITY`."""
    cut = np.clip(np.asarray(probabilities, dtype=np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(cut) - np.log1p(-cut))


def default_calibration(features: Sequence[str], anchor: int) -> Calibration:
    """Take one feature, itself a logit, at its word, and look at no other."""
    many = len(features)
    weights = tuple(float(place == anchor) for place in range(many))
    return Calibration(tuple(features), (0.0,) * many, (1.0,) * many, weights, 0.0)


def apply_calibration(features: npt.ArrayLike, model: Calibration) -> Floats:
    """Give each record its probability of being right.

    Args:
        features: shape (records, features), in the order of `model.features`.
        model: fitted, or the default.
    """
    values = np.asarray(features, dtype=np.float64)
    standard = (values - np.array(model.means)) / np.array(model.scales)
    return np.asarray(expit(model.bias + _product(standard, np.array(model.weights))))


def fit_calibration(
    features: npt.ArrayLike,
    right: npt.ArrayLike,
    names: Sequence[str],
    anchor: int,
    penalties: Sequence[float] = PENALTIES,
) -> Calibration:
    """Learn from labelled records how far to trust what the voters said.

    Args:
        features: shape (records, features).
        right: whether the label of each was right.
        names: of the features.
        anchor: place of the feature that the default takes at its word.
        penalties: to choose from, strongest first.

    Returns:
        The default with fewer than `LEAST_ROWS` records, without a wrong or without a right one.
    """
    values, truth = np.asarray(features, dtype=np.float64), np.asarray(right, dtype=np.float64)
    default = default_calibration(names, anchor)
    if len(values) < LEAST_ROWS or not 0 < truth.sum() < len(truth):
        return default
    means, spreads = values.mean(axis=0), values.std(axis=0)
    scales = np.where(spreads > 1e-9, spreads, 1.0)
    standard = (values - means) / scales
    prior = np.zeros(values.shape[1])
    prior[anchor] = scales[anchor]
    middle = float(means[anchor])
    # Dealt by rank of the anchor: each fold sees the whole range.
    folds = np.argsort(np.argsort(values[:, anchor], kind="stable"), kind="stable") % FOLDS
    losses = np.array([_held_out_losses(standard, truth, folds, prior, middle, penalty) for penalty in penalties])
    best = int(losses.mean(axis=1).argmin())
    weights, bias = _fit(standard, truth, prior, middle, penalties[best])
    by_default = _log_losses(truth, values[:, anchor])
    return Calibration(
        tuple(names), tuple(means.tolist()), tuple(scales.tolist()), tuple(weights.tolist()), bias,
        penalties[best], len(values), float(losses[best].mean()), float(by_default.mean()),
    )  # fmt: skip


def _fit(standard: Floats, truth: Floats, prior: Floats, middle: float, penalty: float) -> tuple[Floats, float]:
    """Minimise log loss and penalty with weights of at least zero, by projected Newton steps (Bertsekas, 1982).

    Returns:
        Weights and bias.
    """
    rows = np.column_stack([standard, np.ones(len(standard))])
    start, floor = np.append(prior, middle), np.append(np.zeros(len(prior)), -np.inf)
    pull = np.append(np.full(len(prior), penalty), BIAS_PENALTY)

    def loss(flat: Floats) -> float:
        return float(_log_losses(truth, _product(rows, flat)).sum() + (pull * (flat - start) ** 2).sum() / 2)

    flat = start
    for _ in range(MOST_STEPS):
        shares = expit(_product(rows, flat))
        slope = _product(rows.T, shares - truth) + pull * (flat - start)
        free = (flat > floor) | (slope < 0)
        if np.abs(slope[free]).max(initial=0.0) <= TOLERANCE * len(truth):
            break
        bends = np.einsum("ij,i,ik->jk", rows, shares * (1 - shares), rows) + np.diag(pull)
        step = np.zeros(len(flat))
        step[free] = np.linalg.solve(bends[np.ix_(free, free)], slope[free])
        moves, before = (np.maximum(flat - step / 2**halvings, floor) for halvings in range(30)), loss(flat)
        better = next((move for move in moves if loss(move) < before), None)
        if better is None:
            break
        flat = better
    return flat[:-1], float(flat[-1])


def _held_out_losses(
    standard: Floats, truth: Floats, folds: Integers, prior: Floats, middle: float, penalty: float
) -> Floats:
    scores = np.empty(len(truth))
    for fold in range(FOLDS):
        held = folds == fold
        weights, bias = _fit(standard[~held], truth[~held], prior, middle, penalty)
        scores[held] = _product(standard[held], weights) + bias
    return _log_losses(truth, scores)


def _log_losses(truth: Floats, scores: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, scores) - truth * scores)


def _product(matrix: Floats, vector: Floats) -> Floats:
    # Not by BLAS: with so few columns its threads cost more than they bring, and their number changes the sums.
    return np.asarray(np.einsum("ij,j->i", matrix, vector))
