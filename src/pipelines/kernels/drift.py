"""Whether a stream is still what it was: counts over the same bins, before and now.

Two measures, and both must speak: how much moved (population stability index, as in credit scoring; Siddiqi, 2006) and
whether that can be chance (Pearson's chi-square test of homogeneity). With many records anything is significant; with
few, everything moves. Counts add up over micro-batches, so nothing is read again.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

Floats = npt.NDArray[np.float64]

PSI_ALARM = 0.25
"""By convention below 0.1 is no change, above 0.25 a big one."""
SIGNIFICANCE = 0.001
LEAST_EXPECTED = 5.0
"""Bins where fewer are expected are taken together, as the test asks for (Cochran, 1954)."""


@dataclass(frozen=True)
class Drift:
    """How two samples differ.

    Attributes:
        psi: population stability index, in nats; 0 when the shares are equal.
        statistic: Pearson's chi-square.
        freedom: its degrees of freedom: bins that were compared, less one.
        p_value: chance of as much difference between two samples of one stream.
        drifted: both big and no chance.
    """

    psi: float
    statistic: float
    freedom: int
    p_value: float
    drifted: bool


def measure_drift(
    before: npt.ArrayLike, now: npt.ArrayLike, alarm: float = PSI_ALARM, significance: float = SIGNIFICANCE
) -> Drift:
    """Compare counts over the same bins: labels, tenths of confidence, or known and unknown.

    Args:
        before: counts of the reference, shape (bins,).
        now: counts of late, shape (bins,).
        alarm: population stability index that is too much.
        significance: p-value that is no chance any more.
    """
    pair = _pool_rare(np.array([before, now], dtype=np.float64))
    totals = pair.sum(axis=1, keepdims=True)
    if pair.shape[1] < 2 or not totals.all():
        return Drift(0.0, 0.0, 0, 1.0, drifted=False)
    expected = totals * pair.sum(axis=0) / totals.sum()
    statistic, freedom = float(((pair - expected) ** 2 / expected).sum()), pair.shape[1] - 1
    # Half a count more in each bin: an empty one would make the index infinite.
    old, new = (pair + 0.5) / (totals + 0.5 * pair.shape[1])
    psi, p_value = float(((new - old) * np.log(new / old)).sum()), float(chdtrc(freedom, statistic))
    return Drift(psi, statistic, freedom, p_value, drifted=psi > alarm and p_value < significance)


def _pool_rare(pair: Floats) -> Floats:
    """Take the bins together whose expected count is small in either sample; shape (2, bins left)."""
    together = pair.sum(axis=0)
    expected = together * pair.sum(axis=1).min() / max(together.sum(), 1.0)
    rare = (expected < LEAST_EXPECTED) & (together > 0)
    kept = pair[:, ~rare & (together > 0)]
    return np.column_stack([kept, pair[:, rare].sum(axis=1)]) if rare.any() else kept
