"""Figures of a confidence, by hand."""

import numpy as np
import pytest

from pipelines.kernels.reliability import aurc, auroc, measure_reliability


def test_the_figures_of_four_records_by_hand() -> None:
    found = measure_reliability([0.95, 0.85, 0.85, 0.25], [True, True, False, False])
    curve = [(each.low, each.records, each.right) for each in found.curve]
    assert curve == [(0.2, 1, 0.0), (0.8, 2, 0.5), (0.9, 1, 1.0)]
    # (|.25 - 0| + 2 * |.85 - .5| + |.95 - 1|) / 4
    assert found.ece == pytest.approx((0.25 + 0.7 + 0.05) / 4)
    assert found.brier == pytest.approx((0.05**2 + 0.15**2 + 0.85**2 + 0.25**2) / 4)
    # Pairs right against wrong: 1, 1, a half, 1.
    assert found.auroc == pytest.approx(3.5 / 4)
    # Errors of the surest 1, 2, 3, 4, the two equal ones with half an error each: 0, .5, 1, 2.
    assert found.aurc == pytest.approx((0 + 0.5 / 2 + 1 / 3 + 2 / 4) / 4)


def test_a_share_has_its_exact_interval() -> None:
    (only,) = measure_reliability([0.85] * 10, [True] * 8 + [False] * 2).curve
    assert (only.right_low, only.right_high) == pytest.approx((0.4439, 0.9748), abs=5e-5)


def test_certain_ones_fall_in_the_last_bin() -> None:
    assert measure_reliability([1.0, 1.0], [True, True]).curve[0].low == 0.9


def test_order_does_not_matter_where_confidences_are_equal() -> None:
    assert aurc([0.5, 0.5, 0.9], [True, False, True]) == pytest.approx(aurc([0.5, 0.9, 0.5], [False, True, True]))
    assert auroc([0.5, 0.5], [True, False]) == 0.5


def test_one_kind_alone_has_no_auroc() -> None:
    assert np.isnan(measure_reliability([0.9, 0.8], [True, True]).auroc)
