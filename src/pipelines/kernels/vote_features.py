"""What a calibration looks at: numbers from a record's votes, each of which makes the label likelier the greater it is.

A voter that did not vote says what the others say together, so that it neither helps nor hurts: the language model is
asked about doubtful texts only, and its silence must not count.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.calibration import Calibration, default_calibration, logit

Floats = npt.NDArray[np.float64]

VOTERS = ("memory", "student", "slm")
FEATURES = ("pooled", *VOTERS, "margin", "known", "cluster", "lead", "apart")
"""Their order in every array.

- pooled: logit of the mean, over the voters that voted, of their probability of the agreed label
- memory, student, slm: logit of that voter's probability of it; `pooled` where it did not vote
- margin: mean over the voters that voted of that probability less their greatest one of another label, -1 to 1
- known: logit of 1 less the memory's probability of `unknown`; `pooled` where the memory did not vote
- cluster: share of the agreed label among labelled near-duplicates, with the weight of one source, day or cluster
  capped, less a half; 0 where there are none
- lead: how much nearer the nearest verified example of the agreed label is than that of any other label, as cosines;
  0 where nobody knows
- apart: how much nearer it is than the nearest example of what people call `unknown`; 0 where nobody knows
"""
ANCHOR = FEATURES.index("pooled")
"""What the default takes at its word."""


@dataclass(frozen=True)
class Votes:
    """What voters said about some records; NaN where one did not vote. Voters in the order of `VOTERS`.

    Attributes:
        given: probability of the record's agreed label, shape (records, voters); 0 when the voter lists it not at all.
        rival: greatest probability of any other label, `unknown` too, shape (records, voters).
        unknown: the memory's probability of `unknown`, shape (records,).
        cluster: see `FEATURES`, shape (records,).
        nearest: cosine to the nearest verified example of the agreed label, of any other one, and of `unknown`, NaN
            where there is none, shape (records, 3).
    """

    given: Floats
    rival: Floats
    unknown: Floats
    cluster: Floats
    nearest: Floats


def vote_features(votes: Votes) -> Floats:
    """Compute the features, shape (records, features); a record needs one vote at least."""
    voted = ~np.isnan(votes.given)
    many = voted.sum(axis=1)
    given, rival = np.where(voted, votes.given, 0.0), np.where(voted, votes.rival, 0.0)
    pooled = logit(given.sum(axis=1) / many)
    each = np.where(voted, logit(given), pooled[:, None])
    margin = (given - rival).sum(axis=1) / many
    unknown = np.isnan(votes.unknown)
    known = np.where(unknown, pooled, logit(1 - np.where(unknown, 0.0, votes.unknown)))
    gaps = np.nan_to_num(votes.nearest[:, :1] - votes.nearest[:, 1:])
    return np.column_stack([pooled, each, margin, known, votes.cluster, gaps])


def default() -> Calibration:
    """The calibration before there are labels: the voters' mean probability."""
    return default_calibration(FEATURES, ANCHOR)
