import numpy as np
import pytest

from pipelines.kernels.label_distributions import (
    average_orders,
    calibrate,
    label_orders,
    margins,
    normalised_entropies,
    place_bias,
    to_probabilities,
    top_labels,
)
from pipelines.kernels.label_trees import Floats


def logs_of(*rows: list[float]) -> Floats:
    return np.log(np.array(rows))


def test_a_prior_is_taken_off_in_logarithms() -> None:
    calibrated = np.exp(calibrate(logs_of([0.5, 0.3, 0.2], [0.8, 0.1, 0.1]), np.log([0.8, 0.1, 0.1])))
    assert calibrated[0] == pytest.approx(np.array([0.625, 3.0, 2.0]) / 5.625)
    assert calibrated[1] == pytest.approx(np.full(3, 1 / 3))


def test_a_higher_temperature_makes_the_answer_less_sure() -> None:
    assert to_probabilities(np.array([0.0, np.log(3.0)]), 1.0) == pytest.approx([0.25, 0.75])
    both = to_probabilities(np.array([[0.0, np.log(9.0)], [-2000.0, -1000.0]]), 2.0)
    assert both == pytest.approx(np.array([[0.25, 0.75], [0.0, 1.0]]))


def test_orders_start_with_the_given_one_and_spread_each_label_over_the_list() -> None:
    assert label_orders(4, 1).tolist() == [[0, 1, 2, 3]]
    assert label_orders(4, 2).tolist() == [[0, 1, 2, 3], [2, 3, 0, 1]]
    for place in label_orders(5, 5).T:
        assert sorted(place) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="1 to 3"):
        label_orders(3, 4)


def biased(true: Floats, bias: Floats, count: int) -> tuple[Floats, Floats]:
    """What a model says that adds something to each place, in several orders."""
    orders = label_orders(true.shape[1], count)
    shown = np.array([true + bias[np.argsort(order)] for order in orders])
    return shown - np.logaddexp.reduce(shown, axis=-1, keepdims=True), orders


def test_averaging_over_all_orders_takes_away_what_a_place_adds() -> None:
    random = np.random.default_rng(1)
    true, bias = random.normal(size=(50, 6)), np.array([3.0, 1.0, 0.0, 0.0, -2.0, -2.0])
    logs, orders = biased(true, bias, 6)
    expected = true - np.logaddexp.reduce(true, axis=-1, keepdims=True)
    assert average_orders(logs) == pytest.approx(expected)
    assert logs[0] != pytest.approx(expected)
    assert place_bias(logs, orders) == pytest.approx(bias)


def test_margin_and_entropy_say_how_sure_a_distribution_is() -> None:
    shares = np.array([[1.0, 0.0, 0.0], [0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    assert margins(shares) == pytest.approx([1, 0.2, 0])
    entropies = normalised_entropies(shares)
    assert entropies[[0, 2]] == pytest.approx([0, 1])
    assert entropies[1] == pytest.approx(-sum(p * np.log(p) for p in (0.5, 0.3, 0.2)) / np.log(3))


def test_of_a_single_label_everything_is_certain() -> None:
    assert margins(np.ones((2, 1))).tolist() == [1, 1]
    assert normalised_entropies(np.ones((2, 1))).tolist() == [0, 0]


def test_the_most_probable_labels_are_kept_with_the_rest_of_the_probability() -> None:
    places, kept, rest = top_labels(np.array([[0.1, 0.4, 0.4, 0.1], [0.0, 0.0, 0.0, 1.0]]), 2)
    assert places.tolist() == [[1, 2], [3, 0]]
    assert kept.tolist() == [[0.4, 0.4], [1.0, 0.0]]
    assert rest == pytest.approx([0.2, 0])
    assert top_labels(np.array([[0.3, 0.7]]), 9)[0].tolist() == [[1, 0]]
