import numpy as np
import pytest

from pipelines.kernels.combination import pool, widen

ONE = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
OTHER = np.array([[0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])


def test_voters_that_agree_are_together_as_sure_as_each_of_them() -> None:
    assert pool([ONE, ONE], [0.3, 0.7]) == pytest.approx(ONE)
    assert pool([ONE, OTHER], [0.5, 0.5])[1] == pytest.approx(ONE[1])


def test_probabilities_are_multiplied_each_raised_to_its_weight() -> None:
    products = ONE[0] ** 0.75 * OTHER[0] ** 0.25
    assert pool([ONE, OTHER], [0.75, 0.25])[0] == pytest.approx(products / products.sum())


def test_no_voter_alone_can_make_a_label_impossible() -> None:
    never, sure = np.array([[0.0, 1.0]]), np.array([[1.0 - 1e-9, 1e-9]])
    shares = pool([never, sure], [0.5, 0.5])
    assert np.isfinite(shares).all()
    assert shares[0, 0] > 0.1


def test_a_text_is_pooled_the_same_in_any_company() -> None:
    draw = np.random.default_rng(1)
    parts = [draw.dirichlet(np.ones(77), size=30) for _ in range(3)]
    together = pool(parts, [0.5, 0.3, 0.2])
    alone = [pool([part[[row]] for part in parts], [0.5, 0.3, 0.2]) for row in range(30)]
    assert np.array_equal(np.concatenate(alone), together)


def test_labels_a_voter_does_not_know_keep_what_another_voter_gives_them() -> None:
    whole = widen(np.array([[0.25, 0.75]]), np.array([0, 2]), ONE[:1])
    assert whole[0] == pytest.approx([0.7 * 0.25, 0.3, 0.7 * 0.75])
    assert ONE[0].tolist() == [0.6, 0.3, 0.1]
