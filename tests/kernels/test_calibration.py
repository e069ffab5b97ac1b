"""A probability of being right: formula, default, guards, and what it learns."""

import numpy as np
import pytest
from scipy.special import expit

from pipelines.kernels.calibration import apply_calibration, default_calibration, fit_calibration, logit
from pipelines.kernels.reliability import measure_reliability

NAMES = ("pooled", "agreement")


def stream(rows: int, sharper: float = 2.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Voters that are `sharper` times surer than they are right; the second feature is noise."""
    draw = np.random.default_rng(seed)
    score = draw.normal(1.5, 1.5, rows)
    return np.column_stack([sharper * score, draw.integers(0, 2, rows)]), draw.random(rows) < expit(score)


def test_the_default_takes_the_anchor_at_its_word() -> None:
    found = apply_calibration([[logit(0.8), 7.0], [logit(0.3), -7.0]], default_calibration(NAMES, 0))
    assert found == pytest.approx([0.8, 0.3])


def test_the_formula_is_the_documented_one() -> None:
    features, right = stream(300)
    model = fit_calibration(features, right, NAMES, 0)
    row = features[5]
    score = model.bias + sum(
        weight * (value - mean) / scale
        for weight, value, mean, scale in zip(model.weights, row, model.means, model.scales, strict=True)
    )
    assert apply_calibration(features[5:6], model)[0] == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-15)


def test_voters_that_are_too_sure_are_believed_less() -> None:
    features, right = stream(400)
    model = fit_calibration(features, right, NAMES, 0)
    unseen, truth = stream(20_000, seed=2)
    before = measure_reliability(expit(unseen[:, 0]), truth).ece
    after = measure_reliability(apply_calibration(unseen, model), truth).ece
    assert before > 0.06
    assert after < 0.03
    assert model.weights[0] / model.scales[0] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("rows", [0, 1, 59])
def test_few_labels_leave_the_default(rows: int) -> None:
    features, right = stream(rows)
    assert fit_calibration(features, right, NAMES, 0) == default_calibration(NAMES, 0)


def test_labels_that_are_all_right_leave_the_default() -> None:
    features, _ = stream(200)
    assert fit_calibration(features, np.ones(200), NAMES, 0) == default_calibration(NAMES, 0)


def test_good_voters_are_not_spoilt_by_a_hundred_labels() -> None:
    losses = []
    unseen, truth = stream(5000, sharper=1.0, seed=99)
    for seed in range(10):
        features, right = stream(100, sharper=1.0, seed=seed)
        losses.append(measure_reliability(apply_calibration(unseen, fit_calibration(features, right, NAMES, 0)), truth))
    assert np.mean([loss.ece for loss in losses]) < 0.05
    assert np.mean([loss.brier for loss in losses]) < measure_reliability(expit(unseen[:, 0]), truth).brier + 0.004


def test_no_feature_can_count_against_a_label() -> None:
    features, right = stream(300)
    features[:, 1] = ~right
    model = fit_calibration(features, right, NAMES, 0)
    assert min(model.weights) >= 0.0
    assert model.weights[1] == 0.0


def test_a_feature_that_never_varies_does_no_harm() -> None:
    features, right = stream(300)
    features[:, 1] = 3.0
    found = apply_calibration(features, fit_calibration(features, right, NAMES, 0))
    assert np.isfinite(found).all()


def test_the_same_rows_give_the_same_numbers() -> None:
    features, right = stream(300)
    assert fit_calibration(features, right, NAMES, 0) == fit_calibration(features.copy(), right.copy(), NAMES, 0)
