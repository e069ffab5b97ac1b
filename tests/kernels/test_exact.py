import numpy as np
import pytest

from pipelines.kernels.exact import as_unit, exact_cosines, linear_scores, round_units, softmax

DRAW = np.random.default_rng(1)
TEXTS, OTHERS = DRAW.normal(size=(40, 384)), DRAW.normal(size=(70, 384))


def test_cosines_are_right_to_the_third_digit() -> None:
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (TEXTS, OTHERS)]
    assert exact_cosines(round_units(TEXTS), round_units(OTHERS)) == pytest.approx(unit[0] @ unit[1].T, abs=5e-4)
    assert as_unit(round_units(TEXTS)) == pytest.approx(unit[0], abs=2e-4)


@pytest.mark.parametrize("dimensions", [2, 384, 4096])
def test_whatever_the_order_of_summing_no_digit_changes(dimensions: int) -> None:
    one, other = (round_units(rows) for rows in DRAW.normal(size=(2, 1, dimensions)))
    # The worst case: a vector with itself, whose partial sums only grow.
    for left, right in ((one, other), (one, one)):
        products = (left * right)[0].astype(np.float64)
        assert np.abs(products).sum() <= 2**24
        whole = float(exact_cosines(left, right)[0, 0])
        for _ in range(20):
            order = DRAW.permutation(dimensions)
            assert float(exact_cosines(left[:, order], right[:, order])[0, 0]) == whole


def test_scores_are_exact_to_twelve_digits_and_the_same_in_any_company() -> None:
    weights = OTHERS * DRAW.uniform(0.1, 50, size=(70, 1))
    rounded = round_units(TEXTS)
    together = linear_scores(rounded, weights)
    assert together == pytest.approx(as_unit(rounded) @ weights.T, rel=1e-9, abs=1e-9)
    assert np.array_equal(np.concatenate([linear_scores(row[None], weights) for row in rounded]), together)


def test_a_vector_without_length_is_near_nothing() -> None:
    assert exact_cosines(round_units(np.zeros((1, 3))), round_units(np.ones((1, 3)))).tolist() == [[0.0]]
    assert linear_scores(round_units(np.ones((1, 3))), np.zeros((2, 3))).tolist() == [[0.0, 0.0]]


def test_probabilities_add_up_however_large_the_scores_are() -> None:
    assert softmax(np.array([[1000.0, 0.0], [0.0, 0.0]])).tolist() == [[1.0, 0.0], [0.5, 0.5]]
