"""What may be promised: the sequence of tests, its start, and what is still needed."""

import numpy as np
import pytest

from pipelines.kernels.certification import GRID, Tally, certify, tally
from pipelines.kernels.statistics import upper_bound

THRESHOLDS = (0.95, 0.9, 0.8, 0.7)


def counts(audited: list[int], errors: list[int], doubt: list[float] | None = None) -> Tally:
    expected = doubt or [0.02 * many for many in audited]
    return Tally(np.array(audited), np.array(errors), np.array(expected), np.array([300, 500, 700, 900]))


def test_the_lowest_threshold_before_the_first_failure_is_certified() -> None:
    # 95 % bounds: 0/100 .0295, 2/200 .0311, 9/300 .0518, 10/400 .0420.
    found = certify(counts([100, 200, 300, 400], [0, 2, 9, 10]), 1000, THRESHOLDS, start=0)
    assert (found.threshold, found.coverage, found.audited, found.errors) == (0.9, 0.5, 200, 2)
    assert found.bound == pytest.approx(0.0311, abs=5e-5)
    # The last would pass on its own. It comes after a failure, and is not looked at.
    assert [row.tested for row in found.table] == [True, True, True, False]
    assert [row.certified for row in found.table] == [True, True, False, False]
    assert found.table[2].precision == pytest.approx(0.97)
    assert (found.more_if_right, found.more_at_rate) == (0, 0)


def test_the_bound_is_the_greatest_on_the_way_down() -> None:
    # 2/135 .0459, 3/240 .0320, 4/350 .0260: a target below .0459 would not have come past the first.
    found = certify(counts([135, 240, 350, 60], [2, 3, 4, 9]), 1000, THRESHOLDS, start=0)
    assert (found.threshold, found.errors) == (0.8, 4)
    assert found.bound == pytest.approx(upper_bound(2, 135))
    assert found.table[2].bound == pytest.approx(upper_bound(4, 350)), "each threshold's own is told as well"
    assert certify(counts([135, 240, 350, 60], [2, 3, 4, 9]), 1000, THRESHOLDS, start=1).bound == pytest.approx(
        upper_bound(3, 240)
    )


def test_nothing_certified_says_how_many_labels_are_missing() -> None:
    found = certify(counts([40, 80, 90, 95], [1, 4, 7, 9]), 1000, THRESHOLDS, start=0)
    assert (found.threshold, found.bound, found.coverage) == (None, None, None)
    # One error: 93 are enough, of which 40 are there.
    assert found.more_if_right == 93 - 40
    assert upper_bound(1, 93) <= 0.05 < upper_bound(1, 92)
    # One of 40 is 2.5 %: at that rate many more are needed.
    assert found.more_at_rate is not None
    assert found.more_at_rate > 200


def test_no_audit_yet_needs_the_fifty_nine_that_auditors_know() -> None:
    found = certify(counts([0, 0, 0, 0], [0, 0, 0, 0]), 1000, THRESHOLDS)
    assert found.threshold is None
    assert found.more_if_right == 59
    assert np.isnan(found.table[0].precision)


def test_tallies_of_batches_add_up() -> None:
    draw = np.random.default_rng(2)
    sure, wrong = draw.random(100), draw.random(100) < 0.1
    whole = tally(sure, wrong, sure)
    first, second = tally(sure[:30], wrong[:30], sure[:30]), tally(sure[30:], wrong[30:], sure[30:])
    for name in ("audited", "errors", "doubt", "records"):
        assert getattr(first, name) + getattr(second, name) == pytest.approx(getattr(whole, name))


def test_a_confidence_equal_to_the_threshold_is_accepted() -> None:
    assert tally([0.8], [True], [0.8, 0.79], (0.8,)).records.tolist() == [1]
    assert 0.8 in GRID


def test_the_promise_is_broken_in_at_most_five_percent_of_streams() -> None:
    broken, certified, streams = 0, 0, 400
    draw = np.random.default_rng(8)
    for _ in range(streams):
        sure = draw.beta(9, 1, 4000)
        wrong = draw.random(4000) < 1 - sure
        audited = draw.choice(4000, 800, replace=False)
        found = certify(tally(sure[audited], wrong[audited], sure), 4000)
        if found.threshold is not None:
            certified += 1
            broken += wrong[sure >= found.threshold].mean() > 0.05
    assert certified > 0.5 * streams
    assert broken <= 0.05 * streams + 3 * np.sqrt(0.05 * 0.95 * streams)
