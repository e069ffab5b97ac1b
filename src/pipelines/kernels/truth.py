"""Truth from several people's votes: majority, and Dawid and Skene's model of who errs how.

Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm" (1979). Each annotator
has a confusion: how often it says each label when each is true. With few votes of an annotator its confusion is held
near the simplest one that fits it: right at one rate whatever is true, wrong evenly (the one-coin model). So it works
with many labels and few votes, and is the plain model where votes abound. Deterministic: it starts at the shares of
the votes, and nothing is drawn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PRIOR_VOTES = 3.0
"""Made-up votes, for each true label of each annotator, that say what the one-coin model says."""
MOST_ROUNDS = 500
TOLERANCE = 1e-5
"""EM ends when no probability of a unit moves by more."""


@dataclass(frozen=True)
class Majority:
    """What most votes say.

    Attributes:
        labels: most voted label of each unit; -1 without a vote; equal ones: the lowest number, shape (units,).
        shares: its share of the unit's votes, shape (units,).
        tied: whether another label has as many votes, shape (units,).
    """

    labels: Integers
    shares: Floats
    tied: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DawidSkene:
    """A fitted model.

    Attributes:
        probabilities: of each label being the truth, shape (units, labels); the priors for a unit without a vote.
        priors: how common each label is, shape (labels,).
        confusions: how often each annotator says a label (last axis) when another is true, shape (annotators, labels,
            labels).
        quality: how often each annotator is right on labels as common as these, shape (annotators,).
        votes: how many votes of each annotator this rests on, shape (annotators,).
        rounds: of EM; `MOST_ROUNDS` when it had not settled.
    """

    probabilities: Floats
    priors: Floats
    confusions: Floats
    quality: Floats
    votes: Integers
    rounds: int


def majority_vote(counts: npt.ArrayLike) -> Majority:
    """Take each unit's most voted label.

    Args:
        counts: votes of each unit for each label, shape (units, labels); adds up over batches.
    """
    votes = np.asarray(counts, dtype=np.float64)
    totals, most = votes.sum(axis=1), votes.max(axis=1)
    labels = np.where(totals > 0, votes.argmax(axis=1), -1)
    tied = (totals > 0) & ((votes == most[:, None]).sum(axis=1) > 1)
    return Majority(labels.astype(np.int64), most / np.maximum(totals, 1.0), tied)


def dawid_skene(
    units: npt.ArrayLike, annotators: npt.ArrayLike, labels: npt.ArrayLike, shape: tuple[int, int, int]
) -> DawidSkene:
    """Estimate the truth of each unit and the errors of each annotator from votes alone.

    Args:
        units: unit of each vote, by number.
        annotators: who gave it, by number.
        labels: what it says, by number.
        shape: how many units, annotators and labels there are.
    """
    unit, annotator, said = (np.asarray(column, dtype=np.int64) for column in (units, annotators, labels))
    truth, moved, rounds = _vote_shares(unit, said, shape), np.inf, 0
    while moved > TOLERANCE and rounds < MOST_ROUNDS:
        priors = _smoothed_priors(truth[np.unique(unit)])
        confusions = _confusions(truth, unit, annotator, said, shape)
        new = _truth(priors, np.log(confusions), unit, annotator, said, shape)
        moved, truth, rounds = float(np.abs(new - truth).max(initial=0.0)), new, rounds + 1
    quality = np.einsum("akk,k->a", confusions, priors)
    votes = np.bincount(annotator, minlength=shape[1])
    return DawidSkene(truth, priors, confusions, quality, votes, rounds)


def seen_confusions(
    truth: Floats, units: npt.ArrayLike, annotators: npt.ArrayLike, labels: npt.ArrayLike, shape: tuple[int, int, int]
) -> Floats:
    """Count how often each annotator said a label (last axis) when another was true, as far as the truth is known.

    Args:
        truth: probabilities of each unit's label, shape (units, labels).
        units: unit of each vote, by number.
        annotators: who gave it, by number.
        labels: what it says, by number.
        shape: how many units, annotators and labels there are.

    Returns:
        Shape (annotators, labels, labels); an annotator's sum is how many votes it gave.
    """
    unit, annotator, said = (np.asarray(column, dtype=np.int64) for column in (units, annotators, labels))
    seen = np.zeros((shape[1] * shape[2], shape[2]))
    np.add.at(seen, annotator * shape[2] + said, truth[unit])
    return seen.reshape(shape[1], shape[2], shape[2]).transpose(0, 2, 1)


def _vote_shares(unit: Integers, said: Integers, shape: tuple[int, int, int]) -> Floats:
    units, _, labels = shape
    counts = np.bincount(unit * labels + said, minlength=units * labels).reshape(units, labels)
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), 1.0 / labels)


def _smoothed_priors(truth: Floats) -> Floats:
    shares = truth.sum(axis=0) + 1.0 / truth.shape[1]
    return np.asarray(shares / shares.sum())


def _confusions(
    truth: Floats, unit: Integers, annotator: Integers, said: Integers, shape: tuple[int, int, int]
) -> Floats:
    """Expected confusions, each row held near the annotator's one-coin row; (annotators, true label, said)."""
    labels = shape[2]
    counts = seen_confusions(truth, unit, annotator, said, shape)
    right, votes = np.einsum("akk->a", counts), counts.sum(axis=(1, 2))
    coin = (right + 1.0) / (votes + 1.0 + 1.0 / max(labels - 1, 1))
    prior = np.repeat(((1 - coin) / max(labels - 1, 1))[:, None], labels, axis=1)
    rows = np.where(np.eye(labels, dtype=bool), coin[:, None, None], prior[:, :, None])
    return np.asarray((counts + PRIOR_VOTES * rows) / (counts.sum(axis=2, keepdims=True) + PRIOR_VOTES))


def _truth(
    priors: Floats, logs: Floats, unit: Integers, annotator: Integers, said: Integers, shape: tuple[int, int, int]
) -> Floats:
    scores = np.tile(np.log(priors), (shape[0], 1))
    np.add.at(scores, unit, logs[annotator, :, said])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
