import math

import pytest
from pyspark.sql import Row, SparkSession

from pipelines.contracts import DECISIONS, LABELS, TICKETS_SILVER
from pipelines.gate_rules import GateRules, PinnedCalibration
from pipelines.intents import LabelSet
from pipelines.kernels.calibration import Calibration
from pipelines.settings import GateSettings
from pipelines.transforms.agreement import judge
from pipelines.transforms.opinions import calibrated, pool_opinions, with_features
from tests.builders import NOON, Values, frame, record, vote

LABEL_SET = LabelSet(("billing", "card", "refund"))
MARGIN_ONLY = Calibration(("margin",), (0.0,), (1.0,), (1.0,), 0.0)
"""The calibrated probability is the pooled share of the label against the next one."""
RULES = GateRules(GateSettings(), PinnedCalibration("intent-calibration", "3", MARGIN_ONLY))


def memory(**shares: float) -> Values:
    return model_vote("memory", **shares)


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
    assert row["pooled"] == pytest.approx(0.5226, abs=1e-4)
    assert row["second"] == pytest.approx(0.4771, abs=1e-4)
    assert [tuple(part) for part in row["parts"]] == [("memory", 0.4), ("slm", 0.6)]
    assert row["versions"] == ["memory=ticket-encoder@1", "slm=intent-slm@1/intent-prompt@1"]
    assert row["memory_logit"] == pytest.approx(math.log(0.4 / 0.6))
    assert (row["student_logit"], row["agreement"]) == (0.0, 0.5)
    assert row["known_logit"] == pytest.approx(math.log(0.9 / 0.1))


def test_people_and_votes_without_a_label_are_no_opinion(spark: SparkSession) -> None:
    row = pooled(spark, vote("billing", 0.99), memory(card=0.7, refund=0.3), vote(None, None, "slm", alternatives=[]))
    assert (row["label"], row["agreement"], row["slm_logit"]) == ("card", 1.0, 0.0)


def test_a_calibration_is_applied_as_its_formula_says(spark: SparkSession) -> None:
    told = Calibration(("memory_logit", "agreement"), (1.0, 0.5), (2.0, 0.1), (0.5, 2.0), 0.25)
    votes = frame(spark, LABELS, memory(card=0.8, refund=0.2))
    (row,) = votes.transform(pool_opinions).transform(calibrated, told).collect()
    score = 0.25 + 0.5 * (math.log(4) - 1.0) / 2.0 + 2.0 * (1.0 - 0.5) / 0.1
    assert row["confidence"] == pytest.approx(1 / (1 + math.exp(-score)), abs=1e-9)


def verdict(spark: SparkSession, *votes: Values, rules: GateRules = RULES) -> Row:
    stored = frame(spark, LABELS, *votes), frame(spark, DECISIONS)
    (row,) = judge(frame(spark, TICKETS_SILVER, record()), *stored, LABEL_SET, rules, NOON).collect()
    return row


def test_calibrated_models_speak_with_one_voice_and_each_part_is_told(spark: SparkSession) -> None:
    # Neither reaches .8 alone; together they are as sure as the calibration says.
    row = verdict(spark, memory(card=0.78, refund=0.12), slm(card=0.75, refund=0.15))
    assert (row["verdict"], row["label"], row["labels"]) == ("accepted", "card", ["card"])
    assert row["confidence"] == pytest.approx(0.8508, abs=1e-4)
    assert [(part["label"], round(part["probability"], 4)) for part in row["parts"]] == [
        ("models", 0.8508),
        ("memory", 0.78),
        ("slm", 0.75),
    ]
    assert row["versions"] == [
        "memory=ticket-encoder@1",
        "models=intent-calibration@3",
        "slm=intent-slm@1/intent-prompt@1",
    ]


def test_a_certified_threshold_holds_for_models_and_not_for_people(spark: SparkSession) -> None:
    strict = GateRules(GateSettings(), RULES.calibrated, threshold=0.9, certificate_id="c")
    votes = memory(card=0.78, refund=0.12), slm(card=0.75, refund=0.15)
    by_models = verdict(spark, *votes, rules=strict)
    assert (by_models["verdict"], by_models["reason"]) == ("low_confidence", "confidence_below_threshold")
    by_person = verdict(spark, *votes, vote("card", 0.85), rules=strict)
    assert (by_person["verdict"], by_person["confidence"]) == ("accepted", 0.85)


def test_a_suspended_label_needs_a_person(spark: SparkSession) -> None:
    rules = GateRules(GateSettings(), RULES.calibrated, suspended_labels=frozenset({"card"}))
    votes = memory(card=0.95, refund=0.01), slm(card=0.95, refund=0.01)
    by_models = verdict(spark, *votes, rules=rules)
    assert (by_models["verdict"], by_models["reason"]) == ("low_confidence", "label_suspended")
    assert verdict(spark, *votes, vote("card", 0.9), rules=rules)["verdict"] == "accepted"


def test_a_person_who_contradicts_sure_models_is_a_disagreement(spark: SparkSession) -> None:
    row = verdict(spark, memory(card=0.95, refund=0.01), slm(card=0.95, refund=0.01), vote("refund", 0.9))
    assert (row["verdict"], row["labels"]) == ("disagreement", ["card", "refund"])


def test_a_text_that_no_model_could_read_has_no_confidence(spark: SparkSession) -> None:
    row = verdict(spark, vote(None, None, "memory", alternatives=[]))
    assert (row["verdict"], row["reason"]) == ("low_confidence", "confidence_missing")
