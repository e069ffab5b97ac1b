import numpy as np
import pytest

from pipelines.kernels import neighbours
from pipelines.kernels.neighbours import (
    Memory,
    build_memory,
    compare_many,
    known_probability,
    most_similar,
    shortlist,
    shortlist_recall,
    whiten,
)


def at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def crowd(labels: int, per_label: int, seed: int, dimensions: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Made-up examples round made-up names: vectors, owners, names."""
    draw = np.random.default_rng(seed)
    names = draw.normal(size=(labels, dimensions))
    owners = np.repeat(np.arange(labels), per_label)
    return names[owners] + draw.normal(size=(len(owners), dimensions)), owners, names


# Three labels: two examples and a name at 5 degrees, one example and a name at 90, a name alone at 200.
OWNERS = np.array([0, 0, 1])
MEMORY = build_memory(at(0, 10, 90), OWNERS, at(5, 90, 200))


def unwhitened(memory: Memory) -> Memory:
    return Memory(memory.owners, memory.plain, memory.plain, np.zeros(2), np.eye(2))


def test_a_label_is_as_near_as_its_nearest_examples_and_its_centre_half_each() -> None:
    opinions = compare_many(at(10), unwhitened(MEMORY), neighbours=2, temperature=0.1)
    near = np.cos(np.radians([0, 10, 5, 80, 190]))
    scores = np.array([0.5 * (near[0] + near[1]) / 2 + 0.5 * near[2], near[3], near[4]])
    expected = np.exp(scores / 0.1) / np.exp(scores / 0.1).sum()
    assert opinions.shares[0] == pytest.approx(expected, abs=1e-3)
    assert opinions.familiarity == pytest.approx([scores[0]], abs=1e-3)
    assert opinions.nearest[0] == pytest.approx([1.0, near[3], -np.inf], abs=1e-3)


def test_a_label_with_fewer_examples_than_neighbours_is_not_punished_for_it() -> None:
    assert compare_many(at(90), MEMORY, neighbours=5, temperature=0.1).shares[0, 1] > 0.99


def test_a_label_without_examples_is_known_by_its_name() -> None:
    opinions = compare_many(at(200), MEMORY, neighbours=2, temperature=0.1)
    assert opinions.shares[0].argmax() == 2
    assert opinions.places[0, 2].tolist() == [-1, -1]


def test_names_alone_make_a_memory() -> None:
    memory = build_memory(np.zeros((0, 2)), np.zeros(0, np.int64), at(0, 120, 240))
    opinions = compare_many(at(130, 5), memory, neighbours=2, temperature=0.1)
    assert opinions.shares.argmax(axis=1).tolist() == [1, 0]
    assert opinions.familiarity == pytest.approx(np.cos(np.radians([10, 5])), abs=1e-3)
    assert most_similar(opinions, 0, np.array([0, 1, 2]), 2).tolist() == []


def test_a_single_label_takes_everything() -> None:
    memory = build_memory(at(0), np.array([0]), at(0))
    assert compare_many(at(0, 180), memory, neighbours=1, temperature=0.1).shares.tolist() == [[1.0], [1.0]]


def test_the_name_counts_in_the_centre_like_one_more_example() -> None:
    memory = build_memory(at(0), np.array([0]), at(90))
    assert compare_many(at(45), memory, 1, 0.1).familiarity == pytest.approx([0.5 * np.cos(np.pi / 4) + 0.5], abs=1e-3)


def test_an_opinion_is_the_same_to_the_last_bit_in_any_company_and_block(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, owners, names = crowd(labels=9, per_label=7, seed=1)
    texts = np.random.default_rng(2).normal(size=(50, 24))
    memory = build_memory(vectors, owners, names)
    together = compare_many(texts, memory, 2, 0.05)
    alone = [compare_many(text[None], memory, 2, 0.05) for text in texts]
    monkeypatch.setattr(neighbours, "TEXT_BLOCK", 7)
    monkeypatch.setattr(neighbours, "EXAMPLE_BLOCK", 5)
    blocked = compare_many(texts, memory, 2, 0.05)
    for part in ("shares", "places", "cosines", "familiarity"):
        expected = getattr(together, part)
        assert np.array_equal(np.concatenate([getattr(one, part) for one in alone]), expected)
        assert np.array_equal(getattr(blocked, part), expected)


def test_equally_near_examples_come_in_the_order_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = build_memory(at(30, 10, 30, 30), np.array([0, 0, 0, 1]), at(20, 30))
    for block in (1, 2, 100):
        monkeypatch.setattr(neighbours, "EXAMPLE_BLOCK", block)
        opinions = compare_many(at(30), memory, 2, 0.1, keep=3)
        assert opinions.places[0].tolist() == [[0, 2, 1], [3, -1, -1]]
        assert most_similar(opinions, 0, np.array([1, 0]), 4).tolist() == [0, 2, 3, 1]


def test_examples_to_show_come_nearest_first_and_only_from_the_labels_asked_for() -> None:
    opinions = compare_many(at(8), MEMORY, 1, 0.1)
    assert most_similar(opinions, 0, np.array([0, 1]), 2).tolist() == [1, 0]
    assert most_similar(opinions, 0, np.array([1, 2]), 2).tolist() == [2]


def test_the_nearest_examples_are_those_of_brute_force() -> None:
    vectors, owners, names = crowd(labels=5, per_label=20, seed=3)
    texts = np.random.default_rng(4).normal(size=(30, 24))
    opinions = compare_many(texts, build_memory(vectors, owners, names), 2, 0.05, keep=4)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (texts, vectors)]
    cosines = unit[0] @ unit[1].T
    for label in range(5):
        expected = -np.sort(-cosines[:, owners == label], axis=1)[:, :4]
        assert opinions.cosines[:, label] == pytest.approx(expected, abs=2e-3)


def test_directions_in_which_a_labels_texts_differ_are_shortened() -> None:
    draw = np.random.default_rng(5)
    wide = draw.normal(size=(400, 4)) * [10.0, 1.0, 1.0, 1.0]
    shape = whiten(wide, 400)
    assert shape[0, 0] < 0.5 * shape[1, 1]
    few = whiten(wide[:2], 2)
    assert few == pytest.approx(np.eye(4) * few[1, 1], abs=0.3)
    assert whiten(np.zeros((3, 4)), 3).tolist() == np.eye(4).tolist()


def test_whitening_tells_labels_apart_that_a_loud_common_direction_hides() -> None:
    draw = np.random.default_rng(6)
    labels, dimensions = 10, 16
    names = np.zeros((labels, dimensions))
    names[np.arange(labels), np.arange(labels) + 1] = 1.0
    owners = np.repeat(np.arange(labels), 8)

    def texts(of: np.ndarray) -> np.ndarray:
        quiet = names[of] + draw.normal(size=(len(of), dimensions)) * 0.25
        quiet[:, 0] = draw.normal(size=len(of)) * 3
        return quiet

    asked = np.repeat(np.arange(labels), 40)
    memory, seen = build_memory(texts(owners), owners, names), texts(asked)
    flat = Memory(owners, memory.plain, memory.plain, np.zeros(dimensions), np.eye(dimensions))
    right = [(compare_many(seen, one, 2, 0.05).shares.argmax(axis=1) == asked).mean() for one in (memory, flat)]
    assert right[0] > right[1] + 0.1


def test_a_text_is_as_likely_known_as_unknown_at_the_threshold() -> None:
    assert known_probability(0.42, 0.42, 0.04) == 0.5
    assert known_probability(0.46, 0.42, 0.04) == pytest.approx(0.731, abs=0.001)
    assert known_probability(-1.0, 0.42, 0.04) < 1e-9


def test_the_shortlist_holds_the_likeliest_labels_and_its_recall_counts_the_right_ones() -> None:
    shares = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
    assert shortlist(shares, 2).tolist() == [[1, 2], [0, 2]]
    assert shortlist_recall(shares, np.array([2, 1]), 2) == 0.5
    assert shortlist_recall(shares, np.array([2, 1]), 3) == 1.0


def test_what_all_texts_have_in_common_tells_nothing() -> None:
    draw = np.random.default_rng(7)
    names = np.eye(9, 16)
    names[:, 15] = 3.0
    owners = np.repeat(np.arange(9), 5)
    asked, examples = (names[owners] + draw.normal(size=(45, 16)) * 0.1 for _ in range(2))
    shares = compare_many(asked, build_memory(examples, owners, names), 2, 0.05).shares
    assert shares[np.arange(45), owners].min() > 0.9
