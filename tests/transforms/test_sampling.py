"""What people are asked next: by purpose, in an order that only answers change, and never twice."""

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


def test_audit_rows_are_accepted_ones_of_the_share_in_the_order_of_their_lots(spark: SparkSession) -> None:
    ids = [f"r{number}" for number in range(40)]
    held = {"verdict": "low_confidence", "place": "quarantine"}
    decisions = [*[by_models(name) for name in ids], by_models("held", **held), decision("by people", text="people")]
    answered = by_lot(spark, "audit_sample", ids)[0]
    rows = judged(spark, decisions, [vote("card", 0.9, text=answered)])
    share = [name for name in by_lot(spark, "audit_sample", ids) if name != answered]
    found = names(audit_rows(rows, HALF, 100))
    assert found == share[: len(found)]
    assert 10 <= len(found) <= 30
    assert names(audit_rows(rows, HALF, 3)) == share[:3]


def test_a_contradicted_audit_row_gets_a_second_and_a_third_vote(spark: SparkSession) -> None:
    gone = {"verdict": "disagreement", "reason": "labels_disagree", "place": "quarantine", "decision_no": 2}
    by_people = {"parts": [("human", 1.0), ("memory", 0.2)], "labels": ["billing", "card"]}
    people = {"agreed": ["billing"], "once": ["card"], "twice": ["billing", "card"], "thrice": ["card"] * 3}
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
    assert sorted(names(contradicted_rows(rows, log, ALL, 10))) == ["differ", "first of look-alikes", "once", "twice"]


def test_the_calibration_sample_is_of_everything_judged_by_another_lot(spark: SparkSession) -> None:
    ids = [f"r{number}" for number in range(6)]
    held = {"verdict": "low_confidence", "place": "quarantine"}
    decisions = [*[by_models(name) for name in ids[:3]], *[by_models(name, **held) for name in ids[3:]]]
    no_models = decision("file", text="file", parts=[("human", 1.0)])
    shed = by_models("shed", verdict="shed", place="shed")
    rows = judged(spark, [*decisions, no_models, shed], [])
    everything = GateSettings(calibration_share=1.0, audit_share=0.0)
    assert names(calibration_rows(rows, everything, 10)) == by_lot(spark, "calibration", ids)
    assert by_lot(spark, "calibration", ids) != by_lot(spark, "audit_sample", ids)


def test_the_lowest_margins_come_first_one_a_cluster_the_labels_in_turn(spark: SparkSession) -> None:
    margins = {"a1": ("a", 0.1), "a2": ("a", 0.2), "a3": ("a", 0.05), "b1": ("b", 0.5), "b2": ("b", 0.6), "c": ("c", 0)}
    decisions = [by_models(name, label=label, labels=[label]) for name, (label, _) in margins.items()]
    decisions.append(by_models("torn", label="a", labels=["a", "b"]))
    votes = [
        vote(label, 0.6, "memory", text=name, second_confidence=0.6 - margin)
        for name, (label, margin) in margins.items()
    ]
    votes += [vote("a", 0.9, "memory", text="torn"), vote("c", 1.0, text="c", annotator_id="ann")]
    # a1 is a look-alike of a3; c's cluster has an answer.
    clusters = spark.createDataFrame(
        [("a1", "a3"), ("a3", "a3"), ("a2", "a2"), ("b1", "b1"), ("b2", "c"), ("c", "c"), ("torn", "torn")],
        "record_id string, cluster_id string",
    )
    found = gainful_rows(judged(spark, decisions, votes), frame(spark, LABELS, *votes), clusters, 10)
    assert names(found) == ["torn", "b1", "a3", "a2"]


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
