import numpy as np
import pytest

from pipelines.kernels.neighbours import build_memory, compare, known_probability, most_similar


def at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


# Two labels: the first has examples at 0 and 10 degrees and its name at 5, the second one example and its name at 90.
MEMORY = build_memory(at(0, 10, 90), np.array([0, 0, 1]), at(5, 90))


def test_a_label_is_as_near_as_its_nearest_examples_and_its_centre_half_each() -> None:
    opinion = compare(at(10)[0], MEMORY, neighbours=2, temperature=0.1)
    first = 0.5 * (1 + np.cos(np.radians(10))) / 2 + 0.5 * np.cos(np.radians(5))
    second = np.cos(np.radians(80))
    expected = 1 / (1 + np.exp((second - first) / 0.1))
    assert opinion.shares == pytest.approx([expected, 1 - expected])
    assert opinion.top_similarity == pytest.approx(1)


def test_a_label_with_fewer_examples_than_neighbours_is_not_punished_for_it() -> None:
    opinion = compare(at(90)[0], MEMORY, neighbours=5, temperature=0.1)
    assert opinion.shares[1] > 0.99


def test_the_name_counts_in_the_centre_like_one_more_example() -> None:
    assert MEMORY.centres == pytest.approx(at(5, 90))
    assert build_memory(at(0), np.array([0]), at(90)).centres == pytest.approx(at(45))


def test_a_text_is_as_likely_known_as_unknown_at_the_threshold() -> None:
    assert known_probability(0.42, 0.42, 0.04) == 0.5
    assert known_probability(0.46, 0.42, 0.04) == pytest.approx(0.731, abs=0.001)
    assert known_probability(-1.0, 0.42, 0.04) < 1e-9


def test_examples_to_show_come_nearest_first_and_only_from_the_labels_asked_for() -> None:
    opinion = compare(at(8)[0], MEMORY, neighbours=1, temperature=0.1)
    assert most_similar(opinion, MEMORY, np.array([0, 1]), 2).tolist() == [1, 0]
    assert most_similar(opinion, MEMORY, np.array([1]), 2).tolist() == [2]
