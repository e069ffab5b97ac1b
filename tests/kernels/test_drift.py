"""Whether a stream moved: much, and not by chance."""

import numpy as np
import pytest

from pipelines.kernels.drift import measure_drift


def test_equal_shares_are_no_drift() -> None:
    found = measure_drift([100, 200, 300], [10, 20, 30])
    assert (found.statistic, found.p_value, found.drifted) == (0.0, 1.0, False)
    assert found.psi == pytest.approx(0.0, abs=1e-3)


def test_two_bins_by_hand() -> None:
    found = measure_drift([500, 100], [300, 300])
    assert found.statistic == pytest.approx(150.0)
    # (5/6 - 1/2) * ln(5/3) + (1/2 - 1/6) * ln 3, with half a count more in each bin.
    assert found.psi == pytest.approx((5 / 6 - 1 / 2) * np.log(5 / 3) + (1 / 2 - 1 / 6) * np.log(3), abs=0.005)
    assert found.drifted


def test_big_but_few_is_chance() -> None:
    found = measure_drift([10, 10], [16, 4])
    assert found.psi > 0.25
    assert not found.drifted


def test_certain_but_small_is_no_alarm() -> None:
    found = measure_drift([500_000, 500_000], [510_000, 490_000])
    assert found.p_value < 1e-9
    assert not found.drifted


def test_nothing_to_compare_is_no_drift() -> None:
    assert not measure_drift([5, 5], [0, 0]).drifted
    assert not measure_drift([100], [7]).drifted
    assert not measure_drift([0, 0], [0, 0]).drifted


def test_a_new_label_is_seen_though_it_was_never_there() -> None:
    assert measure_drift([400, 600, 0], [200, 300, 500]).drifted


def test_one_stream_cut_in_two_hardly_ever_alarms() -> None:
    draw = np.random.default_rng(1)
    shares = draw.dirichlet(np.ones(77))
    assert not any(
        measure_drift(draw.multinomial(2000, shares), draw.multinomial(500, shares)).drifted for _ in range(300)
    )
