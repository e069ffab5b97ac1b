import math
from dataclasses import replace

import numpy as np
import pytest
from pyspark.sql import Row, SparkSession

from pipelines.contracts import DECISIONS, LABELS, TICKETS_SILVER
from pipelines.gate_rules import GateRules, PinnedCalibration
from pipelines.gate_settings import GateSettings
from pipelines.intents import LabelSet
from pipelines.kernels.calibration import Calibration
from pipelines.kernels.vote_features import FEATURES, Votes, vote_features
from pipelines.transforms.agreement import judge
from pipelines.transforms.opinions import calibrated, pool_opinions, with_features
from tests.builders import NOON, Values, frame, record, vote

LABEL_SET = LabelSet(("billing", "card", "refund"))
AT_ITS_WORD = Calibration(("pooled",), (0.0,), (1.0,), (1.0,), 0.5)
"""The voters' mean probability, and a little more."""
RULES = GateRules(GateSettings(), PinnedCalibration("intent-calibration", "3", AT_ITS_WORD))


def memory(**shares: float) -> Values:
    return model_vote("memory", **shares)


def near_to(similarities: list[tuple[str, float]], **shares: float) -> Values:
    return memory(**shares) | {"similarities": similarities}


def slm(**shares: float) -> Values:
    return model_vote("slm", **shares)


def model_vote(voter: str, text: str = "where is my card?", **shares: float) -> Values:
    best = max(shares, key=lambda label: shares[label])
    return vote(best, shares[best], voter, alternatives=list(shares.items()), text=text)


def pooled(spark: SparkSession, *votes: Values) -> Row:
    (row,) = frame(spark, LABELS, *votes).transform(pool_opinions).transform(with_features).collect()
    return row


def test_models_pool_their_probabilities_and_what_one_excludes_the_other_cannot_save(spark: SparkSession) -> None:
    row = pooled(spark, memory(card=0.5, refund=0.4, unknown=0.1), slm(refund=0.6, card=0.4))
    # refund: sqrt(.4 * .6) = .490, card: sqrt(.5 * .4) = .447, unknown: sqrt(.1 * 1e-6) = .0003
    assert row["label"] == "refund"
    assert row["share"] == pytest.approx(0.5226, abs=1e-4)
    assert row["second_share"] == pytest.approx(0.4771, abs=1e-4)
    assert [tuple(part) for part in row["parts"]] == [("memory", 0.4), ("slm", 0.6)]
    assert row["versions"] == ["memory=ticket-encoder@1", "slm=intent-slm@1/intent-prompt@1"]
    told = {name: row[name] for name in FEATURES}
    assert told == pytest.approx(
        {
            "pooled": 0.0,
            "memory": math.log(0.4 / 0.6),
            "student": 0.0,
            "slm": math.log(0.6 / 0.4),
            "margin": ((0.4 - 0.5) + (0.6 - 0.4)) / 2,
            "known": math.log(0.9 / 0.1),
            "cluster": 0.0,
            "lead": 0.0,
            "apart": 0.0,
        }
    )


def test_features_equal_those_of_the_kernel(spark: SparkSession) -> None:
    near = [("card", 0.7), ("refund", 0.6), ("billing", 0.9), ("unknown", 0.2)]
    row = pooled(spark, near_to(near, card=0.5, refund=0.4, unknown=0.1), slm(refund=0.6, card=0.4))
    told = Votes(
        np.array([[0.4, np.nan, 0.6]]), np.array([[0.5, np.nan, 0.4]]), np.array([0.1]), np.array([0.0]),
        np.array([[0.6, 0.9, 0.2]]),
    )  # fmt: skip
    assert [row[name] for name in FEATURES] == pytest.approx(vote_features(told)[0].tolist())


@pytest.mark.parametrize(
    ("near", "gaps"),
    [
        (None, (0.0, 0.0)),
        ([("card", 0.7)], (0.0, 0.0)),
        ([("refund", 0.7), ("unknown", 0.1)], (0.0, 0.0)),
        ([("card", 0.7), ("refund", 0.8)], (-0.1, 0.0)),
        ([("card", 0.7), ("unknown", 0.2)], (0.0, 0.5)),
    ],
)
def test_a_gap_is_told_where_both_ends_are_known(
    near: list[tuple[str, float]], gaps: tuple[float, float], spark: SparkSession
) -> None:
    row = pooled(spark, near_to(near, card=0.6, refund=0.4), slm(card=0.6, refund=0.4))
    assert (row["lead"], row["apart"]) == pytest.approx(gaps)


def test_people_and_votes_without_a_label_are_no_opinion(spark: SparkSession) -> None:
    row = pooled(spark, vote("billing", 0.99), memory(card=0.7, refund=0.3), vote(None, None, "slm", alternatives=[]))
    assert (row["label"], row["slm"], len(row["opinions"])) == ("card", row["pooled"], 1)


def test_a_calibration_is_applied_as_its_formula_says(spark: SparkSession) -> None:
    told = Calibration(("memory", "margin"), (1.0, 0.5), (2.0, 0.1), (0.5, 2.0), 0.25)
    votes = frame(spark, LABELS, memory(card=0.8, refund=0.2))
    (row,) = votes.transform(pool_opinions).transform(calibrated, told).collect()
    score = 0.25 + 0.5 * (math.log(4) - 1.0) / 2.0 + 2.0 * (0.6 - 0.5) / 0.1
    assert row["confidence"] == pytest.approx(1 / (1 + math.exp(-score)), abs=1e-9)


STRICT = replace(RULES, threshold=0.9, certificate_id="c", suspended_labels=frozenset({"refund"}))
BOTH_FAIRLY_SURE = {"memory": {"card": 0.78, "refund": 0.12}, "slm": {"card": 0.75, "refund": 0.15}}
BOTH_SURE = {"memory": {"card": 0.95, "refund": 0.01}, "slm": {"card": 0.95, "refund": 0.01}}
BOTH_REFUND = {"memory": {"refund": 0.95, "card": 0.01}, "slm": {"refund": 0.95, "card": 0.01}}
TEXTS: dict[str, tuple[dict[str, dict[str, float]], list[Values]]] = {
    "fairly sure": (BOTH_FAIRLY_SURE, []),
    "fairly sure, and a person": (BOTH_FAIRLY_SURE, [vote("card", 0.85)]),
    "suspended": (BOTH_REFUND, []),
    "suspended, and a person": (BOTH_REFUND, [vote("refund", 0.9)]),
    "sure, against a person": (BOTH_SURE, [vote("refund", 0.9)]),
    "unread": ({}, [vote(None, None, "memory", alternatives=[])]),
}


@pytest.fixture(scope="module", params=[RULES, STRICT], ids=["calibrated", "certified"])
def verdicts(spark: SparkSession, request: pytest.FixtureRequest) -> dict[str, Row]:
    """Each text is judged alone but all in one Spark job."""
    records = frame(spark, TICKETS_SILVER, *[record(text, text=text) for text in TEXTS])
    cast = [
        {**one, "text_key": f"key of {text}"}
        for text, (models, people) in TEXTS.items()
        for one in [*(model_vote(voter, **shares) for voter, shares in models.items()), *people]
    ]
    votes, nothing = frame(spark, LABELS, *cast), frame(spark, DECISIONS)
    judged = judge(records, votes, nothing, LABEL_SET, request.param, NOON).collect()
    return {"rules": request.param} | {row["record_id"]: row for row in judged}


def test_calibrated_models_speak_with_one_voice_and_each_part_is_told(verdicts: dict[str, Row]) -> None:
    # Neither reaches .8 alone; together they are as sure as the calibration says: 1 / (1 + exp(-.5 - logit(.765))).
    row = verdicts["fairly sure"]
    assert (row["label"], row["labels"], round(row["confidence"], 4)) == ("card", ["card"], 0.8429)
    assert [(part["label"], round(part["probability"], 4)) for part in row["parts"]] == [
        ("models", 0.8429),
        ("memory", 0.78),
        ("slm", 0.75),
    ]
    assert row["versions"] == [
        "memory=ticket-encoder@1",
        "models=intent-calibration@3",
        "slm=intent-slm@1/intent-prompt@1",
    ]
    assert row["gate_version"] == verdicts["rules"].fingerprint()


def test_a_certified_threshold_and_a_suspended_label_hold_for_models_and_not_for_people(
    verdicts: dict[str, Row],
) -> None:
    told = {text: (verdicts[text]["verdict"], verdicts[text]["reason"]) for text in TEXTS}
    certified = verdicts["rules"] is STRICT
    assert told == {
        "fairly sure": ("low_confidence", "confidence_below_threshold") if certified else ("accepted", None),
        "fairly sure, and a person": ("accepted", None),
        "suspended": ("low_confidence", "label_suspended") if certified else ("accepted", None),
        "suspended, and a person": ("accepted", None),
        "sure, against a person": ("disagreement", "labels_disagree"),
        "unread": ("low_confidence", "confidence_missing"),
    }
    assert verdicts["fairly sure, and a person"]["confidence"] == 0.85
    assert verdicts["sure, against a person"]["labels"] == ["card", "refund"]
