"""Numbers from votes: by hand, and that silence neither helps nor hurts."""

import numpy as np
import pytest

from pipelines.kernels.calibration import apply_calibration, logit
from pipelines.kernels.vote_features import ANCHOR, FEATURES, VOTERS, Votes, default, vote_features

SILENT = np.nan


NOWHERE = [np.nan] * 3


def votes(
    given: list[float], rival: list[float], unknown: float = 0.1, cluster: float = 0.0, nearest: list[float] = NOWHERE
) -> Votes:
    told = (given, rival, [unknown], [cluster], nearest)
    return Votes(*(np.array([each]) if len(each) > 1 else np.array(each) for each in told))


def test_the_features_of_one_record_by_hand() -> None:
    (row,) = vote_features(votes([0.8, 0.6, 0.1], [0.1, 0.3, 0.7], unknown=0.05, cluster=0.25, nearest=[0.8, 0.5, 0.1]))
    named = dict(zip(FEATURES, row, strict=True))
    assert named == pytest.approx(
        {
            "pooled": 0.0,
            "memory": np.log(4),
            "student": np.log(1.5),
            "slm": np.log(1 / 9),
            "margin": (0.7 + 0.3 - 0.6) / 3,
            "known": np.log(19),
            "cluster": 0.25,
            "lead": 0.3,
            "apart": 0.7,
        }
    )


def test_a_voter_that_is_silent_says_what_the_others_say() -> None:
    (row,) = vote_features(votes([0.8, 0.6, SILENT], [0.1, 0.3, SILENT]))
    named = dict(zip(FEATURES, row, strict=True))
    assert named["slm"] == named["pooled"] == pytest.approx(logit(0.7))
    assert named["margin"] == pytest.approx(0.5)


def test_a_memory_that_is_silent_knows_nothing_of_the_unknown() -> None:
    (row,) = vote_features(votes([SILENT, 0.7, SILENT], [SILENT, 0.2, SILENT], unknown=SILENT))
    assert row[FEATURES.index("known")] == row[ANCHOR] == pytest.approx(logit(0.7))


def test_where_nobody_knows_an_example_no_gap_is_told() -> None:
    (row,) = vote_features(votes([0.8, 0.6, SILENT], [0.1, 0.3, SILENT], nearest=[0.8, 0.5, np.nan]))
    assert dict(zip(FEATURES, row, strict=True))["lead"] == pytest.approx(0.3)
    assert dict(zip(FEATURES, row, strict=True))["apart"] == 0.0


def test_before_there_are_labels_the_mean_of_the_voters_counts() -> None:
    features = vote_features(votes([0.9, 0.6, SILENT], [0.05, 0.2, SILENT]))
    assert apply_calibration(features, default())[0] == pytest.approx(0.75)


def test_certain_voters_stay_finite() -> None:
    assert np.isfinite(vote_features(votes([1.0, 0.0, 1.0], [0.0, 1.0, 0.0], unknown=1.0))).all()


def test_the_voters_are_those_of_the_label_stage() -> None:
    assert VOTERS == ("memory", "student", "slm")
