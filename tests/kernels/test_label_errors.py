import numpy as np
import pytest

from pipelines.kernels.label_errors import audit_labels, contradict

LABELS, DIMENSIONS, EACH = 4, 12, 25
DRAW = np.random.default_rng(3)
NAMES = DRAW.normal(size=(LABELS, DIMENSIONS))
TRUE = np.repeat(np.arange(LABELS), EACH)
VECTORS = NAMES[TRUE] + DRAW.normal(size=(len(TRUE), DIMENSIONS)) * 0.6
NOBODY = np.zeros(len(TRUE), dtype=bool)


def planted() -> tuple[np.ndarray, np.ndarray]:
    wrong = np.arange(3, len(TRUE), 20)
    given = TRUE.copy()
    given[wrong] = (given[wrong] + 1) % LABELS
    return given, wrong


def test_a_row_counts_as_the_label_whose_average_it_reaches_and_else_as_its_own() -> None:
    probabilities = np.array(
        [
            [0.8, 0.2, 0.0],
            [0.6, 0.4, 0.0],
            [0.9, 0.1, 0.0],  # given 1: as sure of 0 as those given 0 are on average
            [0.1, 0.9, 0.0],
            [0.65, 0.35, 0.0],  # given 1 and more likely 0, but not as likely as 0 is for its own
        ]
    )
    suggested, margins = contradict(probabilities, np.array([0, 0, 1, 1, 1]))
    # Thresholds: 0.7 for label 0, 0.45 for label 1, none for label 2, which nobody was given.
    assert suggested.tolist() == [0, 0, 0, 1, 1]
    assert margins.tolist() == pytest.approx([0, 0, 0.8, 0, 0])


def test_planted_wrong_labels_are_found_with_the_right_one_suggested() -> None:
    given, wrong = planted()
    audit = audit_labels(VECTORS, given, NOBODY, NAMES)
    assert audit.audited.tolist() == list(range(len(TRUE)))
    contradicted = np.flatnonzero(audit.suggested != given)
    assert set(np.argsort(-audit.margins)[: len(wrong)]) == set(wrong), "they lead the list"
    assert len(contradicted) <= len(TRUE) / 10
    assert (audit.suggested[wrong] == TRUE[wrong]).all()
    assert (audit.margins[contradicted] > 0).all()


def test_no_row_is_judged_by_a_fit_that_saw_it() -> None:
    # A label of pure noise: a fit that saw its rows would know them by heart.
    draw = np.random.default_rng(4)
    noise = draw.normal(size=(60, 200))
    given = draw.integers(0, 2, 60)
    audit = audit_labels(noise, given, np.zeros(60, dtype=bool), np.zeros((2, 200)) + 1.0)
    own = audit.probabilities[np.arange(60), given]
    assert own.mean() < 0.62


def test_trusted_rows_teach_and_are_not_audited() -> None:
    given, wrong = planted()
    trusted = NOBODY.copy()
    trusted[:EACH] = True
    audit = audit_labels(VECTORS, given, trusted, NAMES)
    assert audit.audited.tolist() == list(range(EACH, len(TRUE)))
    found = audit.audited[audit.suggested != given[audit.audited]]
    assert set(wrong[wrong >= EACH]) <= set(found)


def test_nothing_is_audited_without_enough_to_learn_from() -> None:
    audit = audit_labels(VECTORS[:8], TRUE[:8], NOBODY[:8], NAMES)
    assert (len(audit.audited), len(audit.suggested)) == (0, 0)
    few = np.r_[0:30, 50:53]
    audit = audit_labels(VECTORS[few], TRUE[few], NOBODY[few], NAMES)
    assert set(TRUE[few][audit.audited]) == {0, 1}
    assert audit.labels.tolist() == [0, 1]
