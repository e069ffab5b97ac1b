import pytest

from pipelines.kernels.statistics import clopper_pearson


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        # binom.test(8, 10) in R; the edges by hand: 1 - 0.025 ** (1 / 100).
        (8, 10, (0.4439, 0.9748)),
        (0, 100, (0.0, 0.0362)),
        (100, 100, (0.9638, 1.0)),
    ],
)
def test_bounds_equal_published_ones(successes: int, trials: int, expected: tuple[float, float]) -> None:
    assert clopper_pearson(successes, trials) == pytest.approx(expected, abs=5e-5)


def test_nothing_tried_bounds_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
