import numpy as np
import pytest
from scipy.special import logsumexp

from pipelines.kernels.student import (
    FOLDS,
    LEAST_EXAMPLES,
    fit,
    fit_student,
    held_out,
    learnable,
    predict,
    stratify,
)

LABELS, DIMENSIONS = 4, 12
DRAW = np.random.default_rng(1)
NAMES = DRAW.normal(size=(LABELS, DIMENSIONS))
OWNERS = np.repeat(np.arange(LABELS), 8)


def texts(owners: np.ndarray, spread: float = 0.8) -> np.ndarray:
    return NAMES[owners] + DRAW.normal(size=(len(owners), DIMENSIONS)) * spread


EXAMPLES = texts(OWNERS)


def test_it_learns_what_its_examples_have_in_common() -> None:
    student = fit_student(EXAMPLES, OWNERS, NAMES)
    assert student is not None
    asked = np.repeat(np.arange(LABELS), 50)
    assert (predict(texts(asked), student).argmax(axis=1) == asked).mean() > 0.9
    assert student.labels.tolist() == [0, 1, 2, 3]
    assert 0.6 < student.accuracy <= 1
    assert (student.weights.shape, student.biases.shape) == ((LABELS, DIMENSIONS), (LABELS,))


def test_there_is_no_student_before_two_labels_have_enough_examples() -> None:
    few = np.flatnonzero(np.arange(len(OWNERS)) % 8 < LEAST_EXAMPLES - 1)
    assert fit_student(EXAMPLES[few], OWNERS[few], NAMES) is None
    one = np.concatenate([few, np.arange(8)])
    assert learnable(OWNERS[np.unique(one)]).tolist() == []
    assert fit_student(np.zeros((0, DIMENSIONS)), np.zeros(0, np.int64), NAMES) is None


def test_a_label_with_too_few_examples_is_left_out() -> None:
    some = np.flatnonzero((OWNERS != 2) | (np.arange(len(OWNERS)) % 8 < LEAST_EXAMPLES - 1))
    student = fit_student(EXAMPLES[some], OWNERS[some], NAMES)
    assert student is not None
    assert student.labels.tolist() == [0, 1, 3]
    assert predict(EXAMPLES[:5], student).shape == (5, 3)


def test_the_same_examples_give_the_same_student() -> None:
    one, again = (fit_student(EXAMPLES, OWNERS, NAMES) for _ in range(2))
    assert one is not None
    assert again is not None
    assert np.array_equal(one.weights, again.weights)
    assert (one.strength, one.loss) == (again.strength, again.loss)


def test_a_prediction_is_the_same_to_the_last_bit_in_any_company() -> None:
    student = fit_student(EXAMPLES, OWNERS, NAMES, (10.0,))
    assert student is not None
    asked = texts(np.repeat(np.arange(LABELS), 20))
    together = predict(asked, student)
    assert np.array_equal(np.concatenate([predict(text[None], student) for text in asked]), together)
    assert together.sum(axis=1) == pytest.approx(1)


def test_a_label_with_more_examples_does_not_weigh_more() -> None:
    # Two labels that cannot be told apart, one with nine times the examples.
    rows = np.tile([[1.0, 0.0]], (40, 1))
    places = np.array([0] * 36 + [1] * 4)
    weights, biases = fit(rows, places, 2, 10.0)
    assert (weights @ rows[0] + biases) @ [1, -1] == pytest.approx(0, abs=1e-4)


def test_the_fit_is_where_the_penalised_loss_is_least() -> None:
    rows = EXAMPLES / np.linalg.norm(EXAMPLES, axis=1, keepdims=True)

    def loss(weights: np.ndarray, biases: np.ndarray) -> float:
        scores = rows @ weights.T + biases
        each = logsumexp(scores, axis=1) - scores[np.arange(len(rows)), OWNERS]
        return float(each.sum() * 10 + (weights**2).sum() / 2)

    weights, biases = fit(rows, OWNERS, LABELS, 10.0)
    least = loss(weights, biases)
    for factor in (0.98, 1.02):
        assert loss(weights * factor, biases) > least
    for _ in range(20):
        nudged = weights + DRAW.normal(size=weights.shape) * 0.05, biases + DRAW.normal(size=LABELS) * 0.05
        assert loss(*nudged) > least


def test_the_strength_is_the_one_with_the_least_held_out_loss() -> None:
    strengths = (0.01, 1.0, 100.0)
    student = fit_student(EXAMPLES, OWNERS, NAMES, strengths)
    alone = [fit_student(EXAMPLES, OWNERS, NAMES, (strength,)) for strength in strengths]
    losses = [one.loss for one in alone if one is not None]
    assert student is not None
    assert (student.strength, student.loss) == (strengths[int(np.argmin(losses))], min(losses))
    assert losses[0] == pytest.approx(np.log(LABELS), rel=0.1)


def test_every_fold_holds_some_of_every_label_whatever_the_order() -> None:
    shuffled = DRAW.permutation(np.repeat(np.arange(3), 2 * FOLDS))
    folds = stratify(shuffled)
    assert {(label, fold): 2 for label in range(3) for fold in range(FOLDS)} == {
        (label, fold): int(((shuffled == label) & (folds == fold)).sum()) for label in range(3) for fold in range(FOLDS)
    }


def test_an_example_held_out_takes_no_part_in_the_fit_that_judges_it() -> None:
    # Labels drawn by lot: a student that had seen the held-out ones would find them.
    rows = DRAW.normal(size=(40, 60))
    lots = np.tile(np.arange(2), 20)
    names = np.zeros((4, 60))
    places = np.concatenate([lots, [0, 1, 0, 1]])
    assert held_out(np.concatenate([rows, names]), places, 2, 100.0)[0] > np.log(2)


def test_likely_texts_are_learnt_from_but_nothing_is_chosen_or_measured_by_them() -> None:
    owners = np.repeat(np.arange(LABELS), 5)
    few, many = texts(owners, 1.5), np.repeat(np.arange(LABELS), 200)
    alone = fit_student(few, owners, NAMES)
    taught = fit_student(few, owners, NAMES, likely=(texts(many, 1.5), many))
    assert alone is not None
    assert taught is not None
    assert (taught.strength, taught.loss, taught.accuracy) == (alone.strength, alone.loss, alone.accuracy)
    asked = texts(many, 1.5)
    right = [float((predict(asked, one).argmax(axis=1) == many).mean()) for one in (alone, taught)]
    assert right[1] > right[0] + 0.02


def test_likely_texts_do_not_make_a_student_surer_than_it_is_right() -> None:
    many = np.repeat(np.arange(LABELS), 200)
    student = fit_student(EXAMPLES, OWNERS, NAMES, (10.0,), likely=(texts(many, 1.5), many))
    assert student is not None
    shares = predict(texts(many, 1.5), student)
    assert shares.max(axis=1).mean() <= (shares.argmax(axis=1) == many).mean()


def test_a_label_that_likely_texts_alone_speak_for_is_not_learnt() -> None:
    some = OWNERS != 2
    student = fit_student(EXAMPLES[some], OWNERS[some], NAMES, likely=(EXAMPLES, OWNERS))
    assert student is not None
    assert student.labels.tolist() == [0, 1, 3]
