"""Who is right, from votes alone: made-up annotators, and real crowds where their answers are there."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipelines.kernels.statistics import rating_counts
from pipelines.kernels.truth import dawid_skene, majority_vote, seen_confusions

CROWDS = Path(__file__).parents[3] / "shared" / "data" / "crowd"
POINT = 0.005
"""Half a point of accuracy."""


def test_the_most_voted_label_wins_and_a_tie_is_told() -> None:
    found = majority_vote([[3, 1, 0], [0, 2, 2], [0, 0, 0], [0, 0, 1]])
    assert found.labels.tolist() == [0, 1, -1, 2]
    assert found.shares.tolist() == [0.75, 0.5, 0.0, 1.0]
    assert found.tied.tolist() == [False, True, False, False]


def crowd_with_an_adversary(units: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two good annotators (90 %), three that guess among four labels: units, annotators, labels, truth."""
    draw = np.random.default_rng(11)
    truth = draw.integers(0, 4, units)
    right = np.array([0.9, 0.9, 0.25, 0.25, 0.25])
    wrong = (truth[:, None] + draw.integers(1, 4, (units, 5))) % 4
    said = np.where(draw.random((units, 5)) < right, truth[:, None], wrong)
    return np.repeat(np.arange(units), 5), np.tile(np.arange(5), units), said.ravel(), truth


def test_annotators_that_guess_are_found_out_and_outvoted() -> None:
    units, annotators, labels, truth = crowd_with_an_adversary()
    found = dawid_skene(units, annotators, labels, (200, 5, 4))
    assert (found.quality[:2] > 0.85).all()
    assert (found.quality[2:] < 0.4).all()
    by_majority = majority_vote(rating_counts(units, labels, (200, 4))).labels
    assert (found.probabilities.argmax(axis=1) == truth).mean() > (by_majority == truth).mean() + 0.05


def test_the_same_votes_in_another_order_give_the_same_truth() -> None:
    units, annotators, labels, _ = crowd_with_an_adversary()
    order = np.random.default_rng(3).permutation(len(units))
    one = dawid_skene(units, annotators, labels, (200, 5, 4))
    other = dawid_skene(units[order], annotators[order], labels[order], (200, 5, 4))
    assert np.array_equal(one.probabilities, dawid_skene(units, annotators, labels, (200, 5, 4)).probabilities)
    assert other.probabilities == pytest.approx(one.probabilities, abs=1e-9)


def test_a_constant_confusion_of_an_annotator_is_seen_and_used() -> None:
    # The third says 1 whenever 0 is true, and 0 whenever 1 is: worth as much as if always right.
    truth = np.tile([0, 1, 0, 1, 1, 0], 20)
    said = np.stack([truth, truth, truth, 1 - truth], axis=1)
    said[::10, 0] = 1 - said[::10, 0]
    found = dawid_skene(np.repeat(np.arange(120), 4), np.tile(np.arange(4), 120), said.ravel(), (120, 4, 2))
    assert found.confusions[3, 0, 1] > 0.95
    assert found.quality[3] < 0.05
    assert (found.probabilities.argmax(axis=1) == truth).all()


def test_one_vote_a_unit_is_believed_and_a_unit_without_votes_has_the_priors() -> None:
    found = dawid_skene([0, 1, 2], [0, 0, 1], [5, 5, 70], (4, 3, 77))
    assert found.probabilities.argmax(axis=1)[:3].tolist() == [5, 5, 70]
    assert found.probabilities[3] == pytest.approx(found.priors)
    assert found.votes.tolist() == [2, 1, 0]
    assert np.isfinite(found.confusions).all()
    assert found.confusions.sum(axis=2) == pytest.approx(np.ones((3, 77)))


def test_confusions_are_counted_as_far_as_the_truth_is_known() -> None:
    truth = np.array([[1.0, 0.0], [0.25, 0.75]])
    seen = seen_confusions(truth, [0, 1, 1], [0, 0, 1], [0, 1, 0], (2, 2, 2))
    assert seen.tolist() == [[[1.0, 0.25], [0.0, 0.75]], [[0.25, 0.0], [0.75, 0.0]]]


@pytest.mark.skipif(not CROWDS.exists(), reason="shared/data/crowd is not here")
@pytest.mark.parametrize(
    ("crowd", "majority", "estimated"),
    [
        # Accuracy of crowd-kit 1.4.2 on these files: MajorityVote, and DawidSkene of 100 rounds.
        ("music_genre", 0.7071, 0.7686),
        ("product_match", 0.9040, 0.9378),
        ("sentiment_polarity", 0.8822, 0.9152),
        ("sentiment_polarity_amt", 0.9440, 0.9440),
        ("weather_amt", 0.8467, 0.8400),
        ("weather_cf", 0.8800, 0.8300),
    ],
)
def test_real_crowds_are_understood_as_well_as_by_the_known_library(
    crowd: str, majority: float, estimated: float
) -> None:
    units, annotators, labels, shape, gold = read_crowd(CROWDS / crowd)
    by_majority = majority_vote(rating_counts(units, labels, (shape[0], shape[2]))).labels
    by_model = dawid_skene(units, annotators, labels, shape).probabilities.argmax(axis=1)
    assert (by_majority == gold).mean() >= majority - POINT
    assert (by_model == gold).mean() >= estimated - POINT


def read_crowd(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int], np.ndarray]:
    """Numbered units, annotators and labels of the votes, how many there are, and the gold label of each unit."""
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    with (folder / "gold.csv").open(encoding="utf-8", newline="") as file:
        gold = {row["task"]: row["gold"] for row in csv.DictReader(file)}
    names = [sorted({row[column] for row in answers}) for column in ("task", "worker")]
    names.append(sorted({row["label"] for row in answers} | set(gold.values())))
    places = [{name: place for place, name in enumerate(each)} for each in names]
    columns = [
        np.array([place[row[column]] for row in answers])
        for place, column in zip(places, ("task", "worker", "label"), strict=True)
    ]
    truth = np.array([places[2][gold[task]] for task in names[0]])
    return *columns, (len(names[0]), len(names[1]), len(names[2])), truth
