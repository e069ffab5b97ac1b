"""Votes of former label sets, in the names of today."""

from pyspark.sql import SparkSession

from pipelines.contracts import DECISIONS, LABELS
from pipelines.intents import LabelSet
from pipelines.transforms.label_sets import as_of_today, of_former_labels
from tests.builders import Values, decision, frame, vote

TODAY = LabelSet(
    ("card_gone", "refund"), {"card_lost": "card_gone", "card_stolen": "card_gone"}, frozenset({"other", "question"})
)


def told(spark: SparkSession, *votes: Values, labels: LabelSet = TODAY) -> list[tuple[object, ...]]:
    read = frame(spark, LABELS, *votes).transform(as_of_today, labels).orderBy("vote_id").collect()
    return [
        (
            row.label,
            row.confidence,
            row.second_label,
            row.second_confidence,
            row.alternatives and [(one.label, round(one.probability, 6)) for one in row.alternatives],
        )
        for row in read
    ]


def test_labels_that_became_one_share_their_probability_and_the_vote_is_for_the_best(spark: SparkSession) -> None:
    shares = [("refund", 0.4), ("card_lost", 0.3), ("card_stolen", 0.25), ("unknown", 0.05)]
    row = vote("refund", 0.4, "memory", alternatives=shares, second_label="card_lost", second_confidence=0.3)
    expected = [("card_gone", 0.55), ("refund", 0.4), ("unknown", 0.05)]
    assert told(spark, row) == [("card_gone", 0.55, "refund", 0.4, expected)]
    assert told(spark, row, labels=LabelSet(("refund",))) == [("refund", 0.4, "card_lost", 0.3, shares)]


def test_nearness_is_told_in_the_names_of_today(spark: SparkSession) -> None:
    near = [("refund", 0.4), ("card_lost", 0.3), ("card_stolen", 0.6), ("other", 0.2), ("unknown", 0.1)]
    row = vote("refund", 0.4, "memory", similarities=near)
    (read,) = frame(spark, LABELS, row).transform(as_of_today, TODAY).collect()
    assert [tuple(one) for one in read["similarities"]] == [
        ("refund", 0.4), ("card_gone", 0.3), ("card_gone", 0.6), (None, 0.2), ("unknown", 0.1),
    ]  # fmt: skip


def test_what_a_retired_label_was_given_is_nobodys(spark: SparkSession) -> None:
    shares = [("other", 0.7), ("refund", 0.3)]
    assert told(spark, vote("other", 0.7, "memory", alternatives=shares)) == [
        ("refund", 0.3, None, None, [("refund", 0.3)])
    ]
    only = vote("other", 0.9, "memory", alternatives=[("other", 0.9)])
    assert told(spark, only) == [(None, None, None, None, [])]


def test_votes_of_people_change_their_name_and_nothing_else(spark: SparkSession) -> None:
    people = [
        vote(label, 0.9, vote_id=str(number), alternatives=None)
        for number, label in enumerate(["card_stolen", "refund", "question", None])
    ]
    assert [one[:2] for one in told(spark, *people)] == [
        ("card_gone", 0.9), ("refund", 0.9), (None, None), (None, None),
    ]  # fmt: skip


def test_decisions_that_name_a_former_label_are_found(spark: SparkSession) -> None:
    decisions = frame(
        spark,
        DECISIONS,
        decision("r1", label="card_lost", labels=["card_lost"]),
        decision("r2", label="refund", labels=["refund"]),
        decision("r3", label="refund", labels=["card_stolen", "refund"], place="quarantine"),
        decision("r4", label="question", labels=[], place="quarantine"),
        decision("r5", label=None, labels=[]),
    )
    found = decisions.transform(of_former_labels, TODAY).orderBy("record_id").collect()
    assert [tuple(row) for row in found] == [
        ("r1", "gold", "card_lost", False),
        ("r3", "quarantine", "card_stolen", False),
        ("r4", "quarantine", "question", True),
    ]
    assert decisions.transform(of_former_labels, LabelSet(("a",))).isEmpty()
    renamed_only = LabelSet(("a",), {"card_lost": "a"})
    assert [row.record_id for row in decisions.transform(of_former_labels, renamed_only).collect()] == ["r1"]
