"""What audit votes tell: whether a label is wrong, how often one is, and an alarm when that became too often.

The alarm is a test martingale (Ville, 1939; Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", 2024): a gambler who wins only if errors are more frequent than the target. Whatever one does between looks,
the chance of ever multiplying the stake by 1 / (1 - confidence) is at most 1 - confidence while they are not. The stake
is spread over alternatives (how bad it became) and over starts (when), so that a good past does not hide a bad present.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pipelines.kernels.audit_planning import CONFIDENCE, TARGET, labels_needed
from pipelines.kernels.statistics import upper_bound

Integers = npt.NDArray[np.int64]

MISSING = -1
"""A vote that was not given (yet)."""
MOST_VOTES = 5
"""On one audited record. With three, every twentieth vote wrong, half a percent of right labels would look wrong."""
TIMES_WORSE = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Alternatives of the alarm: error rates as multiples of the target."""
MOST_STAKE = 1e100
"""The alarm has long been given; more would not fit a number for ever."""


class Outcome(IntEnum):
    """What the votes say of an audited label."""

    OPEN = 0
    """A vote is still needed."""
    RIGHT = 1
    WRONG = 2
    UNDECIDED = 3
    """No two votes are equal, and no more are asked for: counts as an error of the label."""


@dataclass(frozen=True)
class Audit:
    """Decided audit records.

    Attributes:
        outcomes: of `Outcome`, shape (records,).
        truth: the label that two votes, or the one that confirmed, say; -1 where there is none, shape (records,).
        spent: votes that were used, shape (records,); later ones are not looked at.
    """

    outcomes: Integers
    truth: Integers
    spent: Integers

    @property
    def errors(self) -> npt.NDArray[np.bool_]:
        """Which labels count as wrong: shape (records,)."""
        return np.isin(self.outcomes, (Outcome.WRONG, Outcome.UNDECIDED))


def decide_audit(labels: npt.ArrayLike, votes: npt.ArrayLike) -> Audit:
    """Decide which audited labels are wrong, from the votes of different people.

    One vote for the label confirms it. One against it is no proof, since people err as well: more are asked, one at a
    time, until two are equal; these decide. Where no two are, the record stays undecided.

    Args:
        labels: label of each audited record, by number.
        votes: in the order they were asked for, `MISSING` where none was given (yet), shape (records, most votes).
    """
    mine, said = np.asarray(labels, dtype=np.int64), np.asarray(votes, dtype=np.int64)
    truth = np.where(said[:, 0] == mine, mine, MISSING)
    spent = (said[:, 0] != MISSING).astype(np.int64)
    for place in range(1, said.shape[1]):
        vote = said[:, place]
        asked = (truth == MISSING) & (vote != MISSING)
        agreed = asked & (said[:, :place] == vote[:, None]).any(axis=1)
        truth, spent = np.where(agreed, vote, truth), spent + asked
    outcomes = np.select(
        [truth == MISSING, truth == mine],
        [np.where(spent == said.shape[1], Outcome.UNDECIDED, Outcome.OPEN), Outcome.RIGHT],
        Outcome.WRONG,
    )
    return Audit(outcomes.astype(np.int64), truth, spent)


@dataclass(frozen=True)
class LabelBound:
    """What audits say of one label, or of the rare ones together.

    Attributes:
        labels: which, by number, ascending.
        audited: audited records with them.
        errors: wrong ones of these.
        bound: upper bound of their error rate (one-sided, Clopper and Pearson), each at the full confidence.
        more_if_right: audit labels still needed to show it below the target if all are right; None when out of reach.
    """

    labels: tuple[int, ...]
    audited: int
    errors: int
    bound: float
    more_if_right: int | None


def label_bounds(
    audited: npt.ArrayLike,
    errors: npt.ArrayLike,
    least: int = 20,
    target: float = TARGET,
    confidence: float = CONFIDENCE,
) -> list[LabelBound]:
    """Bound the error rate label by label; those with few audited records are taken together, last.

    Args:
        audited: audited records of each label, shape (labels,).
        errors: wrong ones of these.
        least: audited records that a label needs to stand alone.
        target: error rate that is allowed.
        confidence: of each bound on its own, not of all together.
    """
    many, wrong = np.asarray(audited, dtype=np.int64), np.asarray(errors, dtype=np.int64)
    rare = tuple(np.flatnonzero(many < least).tolist())
    groups = [(label,) for label in np.flatnonzero(many >= least).tolist()] + ([rare] if rare else [])
    bounds = []
    for group in groups:
        trials, faults = int(many[list(group)].sum()), int(wrong[list(group)].sum())
        more = labels_needed(faults, trials, 0.0, target, confidence)
        bounds.append(LabelBound(group, trials, faults, upper_bound(faults, trials, confidence), more))
    return bounds


@dataclass(frozen=True)
class Watch:
    """State of the alarm after some audits: plain numbers, stored between micro-batches.

    Attributes:
        seen: audits so far.
        stakes: what is left of the stake on each alternative, over all starts so far, shape (alternatives,).
        evidence: value of the test martingale now; 1 at the start.
        peak: its highest value so far; this one is compared with 1 / (1 - confidence).
    """

    seen: int = 0
    stakes: tuple[float, ...] = (0.0,) * len(TIMES_WORSE)
    evidence: float = 1.0
    peak: float = 1.0

    def alarmed(self, confidence: float = CONFIDENCE) -> bool:
        """Whether more than the target are wrong, with that confidence whenever one looks."""
        return self.peak >= 1 / (1 - confidence)


def watch_errors(wrong: Sequence[bool] | npt.NDArray[np.bool_], before: Watch, target: float = TARGET) -> Watch:
    """Go on watching: the same audits in one call or in many give the same state.

    Args:
        wrong: outcomes of audits in the order they were drawn, not in the order they were decided: a label that is
            contradicted waits for votes longer than one that is confirmed. Stop before the first open one.
        before: `Watch()` at the start.
        target: error rate that is allowed.
    """
    rates = np.minimum(target * np.array(TIMES_WORSE), (1 + target) / 2)
    bets = (rates - target) / (target * (1 - target))
    errors = np.asarray(wrong, dtype=np.float64)
    if not len(errors):
        return before
    kept = _unspent(before.seen + np.arange(len(errors) + 1))
    factors, started = 1 + bets * (errors[:, None] - target), kept[:-1] - kept[1:]
    stakes, history = np.array(before.stakes), np.empty((len(errors), len(bets)))
    for place in range(len(errors)):
        stakes = np.minimum((stakes + started[place]) * factors[place], MOST_STAKE)
        history[place] = stakes
    evidence = history.mean(axis=1) + kept[1:]
    peak = max(before.peak, float(evidence.max()))
    return Watch(before.seen + len(errors), tuple(stakes.tolist()), float(evidence[-1]), peak)


def _unspent(seen: Integers) -> npt.NDArray[np.float64]:
    """Share of the stake that is kept for later starts."""
    return np.asarray(1 / (1 + np.log1p(seen)))
