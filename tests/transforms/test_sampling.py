"""What people are asked next: by purpose, in an order that only answers change, and never twice."""

import math
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import DECISIONS, LABELS, TICKETS_SILVER
from pipelines.gate_settings import GateSettings
from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.lots import lot
from pipelines.transforms.sampling import (
    Candidate,
    asked_texts,
    audit_rows,
    calibration_rows,
    contradicted_rows,
    gainful_rows,
    spend,
    with_people,
)
from pipelines.vocabulary import Purpose
from tests.builders import Values, decision, frame, record, vote

HALF = GateSettings(audit_share=0.5)
ALL = GateSettings(audit_share=1.0)
MODELS = [("memory", 0.9)]
Judge = Callable[..., DataFrame]


def judged(spark: SparkSession, decisions: list[Values], votes: list[Values]) -> DataFrame:
    newest = frame(spark, DECISIONS, *decisions).transform(newest_decisions)
    return newest.transform(with_people, frame(spark, LABELS, *votes))


def names(found: DataFrame) -> list[str]:
    return [row["record_id"] for row in found.collect()]


def by_models(name: str, **changes: object) -> Values:
    return decision(name, text=name, parts=MODELS, **changes)


def by_lot(spark: SparkSession, purpose: str, ids: list[str]) -> list[str]:
    rows = spark.createDataFrame([(name,) for name in ids], "record_id string")
    return [row["record_id"] for row in rows.orderBy(lot(purpose)).collect()]


def test_audit_rows_are_what_the_users_gate_accepts_in_the_order_of_their_lots(spark: SparkSession) -> None:
    ids = [f"r{number}" for number in range(40)]
    held = {"verdict": "low_confidence", "place": "quarantine"}
    # Of the forty every second one is held back by a certificate alone.
    above = [by_models(name, confidence=0.85, **(held if number % 2 else {})) for number, name in enumerate(ids)]
    below = [by_models(f"below {number}", confidence=0.79, **held) for number in range(9)]
    decisions = [*above, *below, decision("by people", text="people")]
    answered = by_lot(spark, "audit_sample", ids)[0]
    rows = judged(spark, decisions, [vote("card", 0.9, text=answered)])
    share = [name for name in by_lot(spark, "audit_sample", ids) if name != answered]
    found = names(audit_rows(rows, HALF, 100))
    assert found == share[: len(found)]
    assert 10 <= len(found) <= 30
    assert names(audit_rows(rows, HALF, 3)) == share[:3]


def test_a_contradicted_audit_row_gets_votes_until_two_agree_five_at_most(spark: SparkSession) -> None:
    gone = {"verdict": "disagreement", "reason": "labels_disagree", "place": "quarantine", "decision_no": 2}
    by_people = {"parts": [("human", 1.0), ("memory", 0.2)], "labels": ["billing", "card"]}
    people = {
        "agreed": ["billing"], "once": ["card"], "twice": ["billing", "card"], "settled": ["card"] * 2,
        "thrice": ["card", "refund", "login"], "five times": ["card", "refund", "login", "fee", "limit"],
    }  # fmt: skip
    differing = decision("differ", text="differ", parts=MODELS, **{**gone, "reason": "people_disagree"})
    alike = {"verdict": "unconfirmed", "reason": "look_alikes_unconfirmed", "place": "quarantine"}
    decisions = [
        *[by_models(name) for name in people],
        *[decision(name, text=name, **gone, **by_people) for name in people if name != "agreed"],
        differing,
        by_models("first of look-alikes", **alike, leads=True),
        by_models("another look-alike", **alike),
    ]
    of_one = {"first of look-alikes": ["billing"], "another look-alike": ["billing"]}
    votes = [
        vote(label, 1.0, text=name, annotator_id=f"p{number}")
        for name, labels in {**people, "differ": ["a", "a", "b", "b"], **of_one}.items()
        for number, label in enumerate(labels)
    ]
    rows, log = judged(spark, decisions, votes), frame(spark, DECISIONS, *decisions)
    assert sorted(names(contradicted_rows(rows, log, ALL, 10))) == [
        "differ", "first of look-alikes", "once", "thrice", "twice",
    ]  # fmt: skip


def test_the_calibration_sample_is_of_everything_judged_to_be_known_by_another_lot(spark: SparkSession) -> None:
    ids = [f"r{number}" for number in range(6)]
    held = {"verdict": "low_confidence", "place": "quarantine"}
    decisions = [*[by_models(name) for name in ids[:3]], *[by_models(name, **held) for name in ids[3:]]]
    no_models = decision("file", text="file", parts=[("human", 1.0)])
    shed = by_models("shed", verdict="shed", place="shed")
    strange = by_models("strange", verdict="unknown_intent", place="quarantine", label="unknown")
    rows = judged(spark, [*decisions, no_models, shed, strange], [])
    everything = GateSettings(calibration_share=1.0, audit_share=0.0)
    assert names(calibration_rows(rows, everything, 10)) == by_lot(spark, "calibration", ids)
    assert by_lot(spark, "calibration", ids) != by_lot(spark, "audit_sample", ids)


def test_texts_are_drawn_the_likelier_the_more_doubtful_they_are_one_a_cluster(spark: SparkSession) -> None:
    sure = {f"r{number}": 0.5 if number % 2 else 0.99 for number in range(60)}
    decisions = [by_models(name, confidence=confidence) for name, confidence in sure.items()]
    lots = spark.createDataFrame([(name,) for name in sure], "record_id string").select("record_id", lot("gain"))
    order = {
        row[0]: -math.log((row[1] + 1) / 2**32) / (sure[row[0]] * (1 - sure[row[0]]) + 0.01) for row in lots.collect()
    }
    by_order = sorted(sure, key=lambda name: order[name])
    # The first has an answer, and with it its cluster; the third is a look-alike of the fourth.
    clusters = {name: name for name in sure} | {by_order[1]: by_order[0], by_order[3]: by_order[2]}
    of_today = spark.createDataFrame([*clusters.items()], "record_id string, cluster_id string")
    rows = judged(spark, decisions, [vote("card", 1.0, text=by_order[0], annotator_id="ann")])
    expected = [by_order[2], *by_order[4:]]
    assert names(gainful_rows(rows, of_today, 100)) == expected
    assert names(gainful_rows(rows, of_today, 7)) == expected[:7]
    doubtful = sum(sure[name] == 0.5 for name in expected[:20])
    assert doubtful >= 18, "a doubtful text is worth thirteen certain ones"


@pytest.mark.parametrize(
    ("confidence", "label", "said", "is_asked"),
    [
        (0.9, "billing", ["card"], True),
        (0.9, "billing", ["card", "billing"], True),
        (0.9, "billing", ["card", "card"], False),
        (0.9, "billing", ["billing"], False),
        (0.6, "billing", ["card"], False),
        (0.9, "unknown", ["card"], False),
    ],
    ids=["contradicted", "people differ", "settled", "confirmed", "models were in doubt", "models know no intent"],
)
def test_a_calibration_row_that_one_person_contradicted_is_asked_about_again(
    confidence: float, label: str, said: list[str], is_asked: bool, spark: SparkSession
) -> None:
    settings = GateSettings(audit_share=0.0, calibration_share=1.0)
    first = by_models("r", verdict="low_confidence", place="quarantine", confidence=confidence, label=label)
    after = decision("r", text="r", decision_no=2, parts=[("human", 1.0), ("memory", 0.2)], label=said[0])
    votes = [vote(one, 1.0, text="r", annotator_id=f"p{place}") for place, one in enumerate(said)]
    rows = judged(spark, [first, after], votes)
    found = names(contradicted_rows(rows, frame(spark, DECISIONS, first, after), settings, 10))
    assert found == ["r"] * is_asked


def test_people_see_redacted_texts_and_all_labels_by_name(spark: SparkSession) -> None:
    tickets = frame(spark, TICKETS_SILVER, record("r1", subject="Hi", text="<PERSON> asks"), record("r2"))
    votes = [
        vote("refund", 0.7, "memory", text="<PERSON> asks", second_label="card"),
        vote("unknown", 0.5, "slm", text="<PERSON> asks"),
    ]
    newest = frame(spark, DECISIONS, decision("r1"), decision("r2", labels=[], label=None))
    rows = asked_texts(tickets, newest, frame(spark, LABELS, *votes), ["r1", "r2"]).orderBy("record_id")
    assert [tuple(row) for row in rows.collect()] == [
        ("r1", "Hi\n<PERSON> asks", ["billing", "card", "refund"]),
        ("r2", "where is my card?", []),
    ]


def ranked(**purposes: list[str]) -> dict[Purpose, list[Candidate]]:
    return {
        Purpose(purpose): [Candidate(Purpose(purpose), name, f"key of {name}") for name in ids]
        for purpose, ids in purposes.items()
    }


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (10, ["a1", "a2", "a3", "a4", "s1", "c1", "c2", "c3", "g1", "g2"]),
        (5, ["a1", "a2", "s1", "c1", "g1"]),
        (1, ["a1"]),
        (12, ["a1", "a2", "a3", "a4", "a5", "s1", "c1", "c2", "c3", "g1", "g2", "g3"]),
    ],
)
def test_a_budget_is_spent_by_shares_and_what_is_left_over_goes_on(budget: int, expected: list[str]) -> None:
    rows = ranked(
        audit=["a1", "a2", "a3", "a4", "a5"], second_vote=["s1"], calibration=["a1", "c1", "c2", "c3"],
        gain=["g1", "c1", "g2", "g3"],
    )  # fmt: skip
    shares = {Purpose.AUDIT: 0.4, Purpose.SECOND_VOTE: 0.2, Purpose.CALIBRATION: 0.2}
    assert [one.record_id for one in spend(rows, budget, shares)] == expected
