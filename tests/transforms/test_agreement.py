import math
from datetime import timedelta

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.contracts import DECISIONS, LABELS, QUARANTINE, SHED, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.gate_rules import GateRules
from pipelines.gate_settings import GateSettings
from pipelines.intents import LabelSet
from pipelines.transforms.agreement import (
    current,
    judge,
    place_decided,
    quarantined,
    shed_pointers,
    superseded,
    training_examples,
)
from pipelines.transforms.evidence import standing_votes
from tests.builders import NOON, Values, decision, frame, record, vote

LATER = NOON + timedelta(hours=1)
RULES = GateRules(GateSettings())
KNOWN = LabelSet(("billing", "card", "refund"))


def failed(try_no: int, **changes: object) -> Values:
    """A language model's vote that says why there is none."""
    return vote(None, None, "slm", alternatives=[], failure="endpoint_timeout", try_no=try_no, **changes)


# What is voted on each text, told apart by the text; each is judged alone but all in one Spark job.
TEXTS: dict[str, list[Values]] = {
    "equal to the threshold": [vote("card", 0.8)],
    "just below": [vote("card", 0.7999)],
    "missing": [vote("card", None)],
    "not a number": [vote("card", math.nan)],
    "above one": [vote("card", 80.0)],
    "missing and below": [vote("card", None), vote("refund", 0.3)],
    "one of two labels below": [vote("card", 0.9), vote("refund", 0.79)],
    "twice one label": [vote("card", 0.85), vote("card", 0.95, record_id="r2")],
    "two labels": [vote("refund", 0.8), vote("card", 0.9, record_id="r2")],
    "two labels equally sure": [vote("refund", 0.9), vote("card", 0.9)],
    "says unknown": [vote("unknown", 0.95, "memory")],
    "not in the list": [vote("gardening", 0.95)],
    "person over models": [vote("card", 0.82), vote("card", 0.99, "slm"), vote("refund", 0.6, "memory")],
    "mean of both": [vote("card", 0.9, "slm"), vote("card", 0.7, "memory")],
    "mean of three, short of it by rounding only": [
        vote("card", 0.7, "memory"),
        vote("card", 0.8, "slm"),
        vote("card", 0.9, "student"),
    ],
    "a model gives it nothing": [vote("card", 0.95, "slm"), vote("refund", 0.6, "memory")],
    "a model gives it a little": [
        vote("card", 0.95, "slm"),
        vote("refund", 0.3, "memory", alternatives=[("refund", 0.3), ("card", 0.7)]),
    ],
    "a model counts once": [
        vote("card", 0.9, "slm", vote_id="a"),
        vote("card", 0.9, "slm", vote_id="b", record_id="r2"),
        vote("card", 0.5, "memory"),
    ],
    "a model's newest vote": [
        vote("card", 0.95, "memory"),
        vote("card", 0.81, "memory", voted_at=LATER),
    ],
    "a model's older version said otherwise": [
        vote("card", 0.95, "memory"),
        vote("refund", 0.9, "memory", model_version="2", voted_at=LATER),
    ],
    "the memory said otherwise before it knew more examples": [
        vote("card", 0.9, "memory", examples_hash="few"),
        vote("refund", 0.9, "memory", examples_hash="more", voted_at=LATER),
    ],
    "one version says two labels of two copies": [
        vote("card", 0.9, "memory"),
        vote("refund", 0.95, "memory", record_id="r2", voted_at=LATER),
    ],
    "person unsure": [vote("card", 0.4), vote("card", 0.9, "slm")],
    "an annotator's newest vote by time": [
        vote("card", 0.9, annotator_id="ann", voted_at=LATER, annotated_at=NOON),
        vote("refund", 0.85, annotator_id="ann", annotated_at=LATER),
    ],
    "an annotator's newest vote by arrival": [
        vote("card", 0.9, annotator_id="ann", position="1"),
        vote("refund", 0.85, annotator_id="ann", position="2", record_id="r2"),
    ],
    "an annotator's vote without a time came when it arrived": [
        vote("refund", 0.85, annotator_id="ann", voted_at=LATER),
        vote("card", 0.9, annotator_id="ann", annotated_at=NOON, voted_at=LATER),
    ],
    "nobody's votes are each a person's": [vote("card", 0.9), vote("card", 0.9, position="2"), vote("refund", 0.95)],
    "a majority over models and minority": [
        vote("card", 0.9, annotator_id="ann"),
        vote("card", 0.85, annotator_id="bob"),
        vote("refund", 1.0, annotator_id="cleo"),
        vote("refund", 0.99, "memory"),
    ],
    "a majority of unsure people": [
        vote("card", 0.5, annotator_id="ann"),
        vote("card", 0.6, annotator_id="bob"),
        vote("refund", 0.99, "memory"),
    ],
    "one person against a model": [vote("card", 0.9, annotator_id="ann"), vote("refund", 0.95, "memory")],
    "half against half": [
        *[vote("card", 0.9, annotator_id=name) for name in ("ann", "bob")],
        *[vote("refund", 0.9, annotator_id=name) for name in ("cleo", "dan")],
    ],
    "two people who differ": [vote("card", 0.9, annotator_id="ann"), vote("refund", 0.95, annotator_id="bob")],
    "a majority for unknown": [*[vote("unknown", 1.0, annotator_id=name) for name in "ab"], vote("card", 0.9, "slm")],
    "given up": [vote("card", 0.95, "memory"), *[failed(try_no) for try_no in range(1, 6)]],
    "given up by models, not by a person": [vote("card", 0.9), *[failed(try_no) for try_no in range(1, 6)]],
    "answered since, though others failed later": [vote("card", 0.9, "slm"), failed(5, voted_at=LATER)],
}


@pytest.fixture(scope="module")
def verdicts(spark: SparkSession) -> dict[str, Row]:
    records = frame(spark, TICKETS_SILVER, *[record(text, text=text) for text in TEXTS])
    cast = [{**ballot, "text_key": f"key of {text}"} for text, ballots in TEXTS.items() for ballot in ballots]
    judged = judge(records, frame(spark, LABELS, *cast), frame(spark, DECISIONS), KNOWN, RULES, NOON)
    assert judged.columns == DECISIONS.payload_names
    return {row["record_id"]: row for row in judged.collect()}


@pytest.mark.parametrize(
    ("text", "verdict", "reason", "label", "confidence", "labels"),
    [
        ("equal to the threshold", "accepted", None, "card", 0.8, ["card"]),
        ("just below", "low_confidence", "confidence_below_threshold", "card", 0.7999, []),
        ("missing", "low_confidence", "confidence_missing", "card", None, []),
        ("not a number", "low_confidence", "confidence_missing", "card", None, []),
        ("above one", "low_confidence", "confidence_missing", "card", None, []),
        ("missing and below", "low_confidence", "confidence_below_threshold", "refund", 0.3, []),
        ("one of two labels below", "accepted", None, "card", 0.9, ["card"]),
        ("twice one label", "accepted", None, "card", 0.95, ["card"]),
        ("two labels", "disagreement", "people_disagree", "card", 0.9, ["card", "refund"]),
        ("two labels equally sure", "disagreement", "people_disagree", "card", 0.9, ["card", "refund"]),
        ("says unknown", "unknown_intent", "intent_unknown", "unknown", 0.95, ["unknown"]),
        ("not in the list", "unknown_intent", "intent_unknown", "gardening", 0.95, ["gardening"]),
        ("person over models", "accepted", None, "card", 0.82, ["card"]),
        ("mean of both", "accepted", None, "card", 0.8, ["card"]),
        ("mean of three, short of it by rounding only", "accepted", None, "card", 0.8, ["card"]),
        ("a model gives it nothing", "low_confidence", "confidence_below_threshold", "card", 0.475, ["card"]),
        ("a model gives it a little", "accepted", None, "card", 0.825, ["card"]),
        ("a model counts once", "low_confidence", "confidence_below_threshold", "card", 0.7, ["card"]),
        ("a model's newest vote", "accepted", None, "card", 0.81, ["card"]),
        ("a model's older version said otherwise", "accepted", None, "refund", 0.9, ["refund"]),
        ("the memory said otherwise before it knew more examples", "accepted", None, "refund", 0.9, ["refund"]),
        (
            "one version says two labels of two copies",
            *("disagreement", "labels_disagree", "refund", 0.95, ["card", "refund"]),
        ),
        ("person unsure", "accepted", None, "card", 0.9, ["card"]),
        ("an annotator's newest vote by time", "accepted", None, "refund", 0.85, ["refund"]),
        ("an annotator's newest vote by arrival", "accepted", None, "refund", 0.85, ["refund"]),
        ("an annotator's vote without a time came when it arrived", "accepted", None, "refund", 0.85, ["refund"]),
        ("nobody's votes are each a person's", "accepted", None, "card", 0.9, ["card"]),
        ("a majority over models and minority", "accepted", None, "card", 0.9, ["card"]),
        ("a majority of unsure people", "accepted", None, "refund", 0.99, ["refund"]),
        ("one person against a model", "disagreement", "labels_disagree", "refund", 0.95, ["card", "refund"]),
        ("half against half", "disagreement", "people_disagree", "card", 0.9, ["card", "refund"]),
        ("two people who differ", "disagreement", "people_disagree", "refund", 0.95, ["card", "refund"]),
        ("a majority for unknown", "unknown_intent", "intent_unknown", "unknown", 1.0, ["unknown"]),
        ("given up", "failed", "labelling_failed", "card", 0.475, ["card"]),
        ("given up by models, not by a person", "accepted", None, "card", 0.9, ["card"]),
        ("answered since, though others failed later", "accepted", None, "card", 0.9, ["card"]),
    ],
)
def test_verdicts(
    verdicts: dict[str, Row],
    text: str,
    verdict: str,
    reason: str | None,
    label: str,
    confidence: float | None,
    labels: list[str],
) -> None:
    row = verdicts[text]
    assert (row["verdict"], row["reason"], row["label"], row["confidence"], row["labels"]) == (
        verdict,
        reason,
        label,
        confidence,
        labels,
    )
    assert (row["decision_no"], row["place"]) == (1, "gold" if verdict == "accepted" else "quarantine")


def test_a_decision_says_who_gave_what_and_in_which_version(verdicts: dict[str, Row]) -> None:
    row = verdicts["person over models"]
    assert [tuple(part) for part in row["parts"]] == [("human", 0.82), ("memory", 0.0), ("slm", 0.99)]
    assert row["versions"] == ["human=file", "memory=ticket-encoder@1", "slm=intent-slm@1/intent-prompt@1"]
    assert row["gate_version"] == GateSettings().fingerprint()


def test_any_label_but_unknown_is_known_when_no_list_is_given(spark: SparkSession) -> None:
    records = [record("r1"), record("r2", text="what?")]
    votes = [vote("gardening", 0.9), vote("unknown", 0.9, text="what?")]
    assert judged(spark, records, votes, known=LabelSet()) == [
        ("r1", 1, "accepted", "gold", "gardening"),
        ("r2", 1, "unknown_intent", "quarantine", "unknown"),
    ]


def test_votes_on_one_copy_of_a_text_decide_every_copy_and_a_text_without_votes_is_pending(spark: SparkSession) -> None:
    records = [record("r1"), record("r2"), record("r3", text="nobody voted on this")]
    assert judged(spark, records, [vote("card", 0.9)]) == [
        ("r1", 1, "accepted", "gold", "card"),
        ("r2", 1, "accepted", "gold", "card"),
    ]


def test_a_text_that_a_model_will_be_shown_again_is_pending(spark: SparkSession) -> None:
    records = [record("r1"), record("r2", text="settled by a person")]
    votes = [vote("card", 0.95, "memory"), failed(4), vote("card", 0.9, text="settled by a person")]
    settled = failed(4, text="settled by a person")
    assert judged(spark, records, [*votes, settled]) == [("r2", 1, "accepted", "gold", "card")]


@pytest.mark.parametrize(
    ("votes", "second"),
    [
        ([vote("card", 0.9, "memory", alternatives=[("card", 0.9), ("refund", 0.1)])], ("refund", 0.1)),
        ([vote("card", 0.9, "memory", alternatives=[("card", 0.9), ("refund", 0.0999)])], (None, None)),
        ([vote("card", 0.8, "memory", alternatives=[("card", 0.8), ("unknown", 0.2)])], (None, None)),
        (
            [
                vote("card", 0.85, "memory", alternatives=[("card", 0.85), ("refund", 0.15)]),
                vote("card", 0.85, "slm", alternatives=[("card", 0.85), ("refund", 0.06), ("billing", 0.09)]),
            ],
            ("refund", 0.105),
        ),
        ([vote("card", 0.95)], (None, None)),
    ],
)
def test_a_second_label_is_kept_where_the_models_find_it_likely_enough(
    spark: SparkSession, votes: list[Values], second: tuple[str | None, float | None]
) -> None:
    stored = frame(spark, LABELS, *votes), frame(spark, DECISIONS)
    settings = GateRules(GateSettings(second_label_from=0.1))
    decided = judge(frame(spark, TICKETS_SILVER, record()), *stored, KNOWN, settings, NOON)
    rows = training_examples(place_decided(decided, frame(spark, TICKETS_SILVER, record())))
    assert [tuple(row) for row in rows.select("label", "second_label", "second_confidence").collect()] == [
        ("card", *second)
    ]


def test_no_vote_lifts_a_withheld_record(spark: SparkSession) -> None:
    records = [
        record("shed", withheld="over_daily_limit"),
        record("long", withheld="text_too_long"),
        record("failed", withheld="redaction_failed"),
    ]
    assert judged(spark, records, [vote("card", 0.99)]) == [
        ("failed", 1, "failed", "quarantine", None),
        ("long", 1, "too_long", "quarantine", None),
        ("shed", 1, "shed", "shed", None),
    ]


def test_a_later_conflicting_vote_moves_a_record_out_of_gold(spark: SparkSession) -> None:
    votes = [vote("billing", 0.9), vote("refund", 0.9)]
    assert judged(spark, [record()], votes, [decision()]) == [("r1", 2, "disagreement", "quarantine", "billing")]


def test_without_the_majority_rule_any_two_labels_disagree(spark: SparkSession) -> None:
    votes = [*[vote("card", 0.9, annotator_id=name) for name in "ab"], vote("refund", 0.9, annotator_id="a")]
    found = judge(
        frame(spark, TICKETS_SILVER, record()),
        frame(spark, LABELS, *votes),
        frame(spark, DECISIONS),
        KNOWN,
        GateRules(GateSettings(human_majority=False)),
        NOON,
    ).collect()
    assert [(row["reason"], row["labels"]) for row in found] == [("labels_disagree", ["card", "refund"])]


def test_what_has_not_changed_is_not_decided_again(spark: SparkSession) -> None:
    old = decision(decision_no=1, verdict="disagreement", place="quarantine", labels=["billing", "refund"])
    newest = decision(decision_no=2, confidence=0.9000000001, parts=[("slm", 0.9)])
    assert judged(spark, [record()], [vote("billing", 0.9)], [old, newest]) == []


GONE = {"verdict": "discarded", "reason": "discarded_on_request", "place": "discarded"}


@pytest.mark.parametrize(
    ("action", "previous", "expected"),
    [
        (None, GONE, None),
        ("discard", GONE, None),
        ("discard", {}, ("discarded", "discarded_on_request", "discarded", 2)),
        ("replay", GONE, ("accepted", None, "gold", 2)),
        ("replay", {"confidence": 0.99}, None),
    ],
)
def test_a_discarded_record_stays_discarded_until_a_replay_is_asked_for(
    spark: SparkSession, action: str | None, previous: Values, expected: tuple[object, ...] | None
) -> None:
    asked = spark.createDataFrame([("r1", action)], "record_id string, action string") if action else None
    found = judge(
        frame(spark, TICKETS_SILVER, record()),
        frame(spark, LABELS, vote("billing", 0.99)),
        frame(spark, DECISIONS, decision(**previous)),
        KNOWN,
        RULES,
        NOON,
        asked,
    ).collect()
    told = [(row["verdict"], row["reason"], row["place"], row["decision_no"]) for row in found]
    assert told == ([] if expected is None else [expected])


def test_only_confident_votes_stand(spark: SparkSession) -> None:
    votes = [vote("a", 0.8), vote("b", 0.79), vote("c", None), vote("d", math.nan), vote("e", 1.5), vote("f", -1.0)]
    standing = standing_votes(frame(spark, LABELS, *votes), 0.8)
    assert [row["label"] for row in standing.collect()] == ["a"]


def test_every_decision_goes_to_the_one_place_it_names(spark: SparkSession) -> None:
    decided = frame(
        spark,
        DECISIONS,
        decision("r1", parts=[("human", 0.9), ("slm", 0.8)]),
        decision("r2", verdict="low_confidence", place="quarantine", reason="confidence_missing", labels=[]),
        decision("r3", verdict="shed", place="shed", reason="over_daily_limit", label=None, labels=[]),
    )
    records = frame(
        spark,
        TICKETS_SILVER,
        record("r1"),
        record("r2"),
        record("r3", kept_record_id="r1", withheld="over_daily_limit"),
    )
    placed = place_decided(decided, records)
    gold, quarantine, shed = training_examples(placed), quarantined(placed), shed_pointers(placed)
    assert [frame.columns for frame in (gold, quarantine, shed)] == [
        table.payload_names for table in (TRAINING_EXAMPLES, QUARANTINE, SHED)
    ]
    assert [(row["record_id"], row["text"], row["voters"]) for row in gold.collect()] == [
        ("r1", "where is my card?", ["human", "slm"])
    ]
    assert [(row["record_id"], row["reason"]) for row in quarantine.collect()] == [("r2", "confidence_missing")]
    assert [(row["record_id"], row["kept_record_id"]) for row in shed.collect()] == [("r3", "r1")]


def test_a_decision_without_its_silver_row_is_placed_all_the_same(spark: SparkSession) -> None:
    decided = frame(spark, DECISIONS, decision("r9"))
    placed = training_examples(place_decided(decided, frame(spark, TICKETS_SILVER, record("r1"))))
    assert [(row["record_id"], row["text"]) for row in placed.collect()] == [("r9", None)]


def test_a_reader_in_the_middle_of_a_move_sees_a_record_once(spark: SparkSession) -> None:
    gold = frame(spark, TRAINING_EXAMPLES, decision("r1"), decision("r2"), decision("r2", decision_no=3))
    quarantine = frame(spark, QUARANTINE, decision("r1", decision_no=2), decision("r2", decision_no=2))
    shed = frame(spark, SHED)
    seen = ids(current(gold, quarantine, shed)), ids(current(quarantine, gold, shed))
    assert seen == ([("r2", 3)], [("r1", 2)])


def test_a_move_leaves_behind_what_was_decided_before_it(spark: SparkSession) -> None:
    quarantine = frame(spark, QUARANTINE, decision("r1"), decision("r2"), decision("r2", decision_no=3), decision("r3"))
    moved = frame(spark, DECISIONS, decision("r1"), decision("r2", decision_no=3), decision("r4", decision_no=2))
    assert ids(superseded(quarantine, moved)) == [("r2", 1)]


def ids(rows: DataFrame) -> list[tuple[str, int]]:
    return sorted((row["record_id"], row["decision_no"]) for row in rows.collect())


def judged(
    spark: SparkSession,
    records: list[Values],
    votes: list[Values],
    previous: list[Values] | None = None,
    known: LabelSet = KNOWN,
) -> list[tuple[object, ...]]:
    """Judge and show record, decision number, verdict, place and label, in order of the record."""
    stored = frame(spark, LABELS, *votes), frame(spark, DECISIONS, *(previous or []))
    verdicts = judge(frame(spark, TICKETS_SILVER, *records), *stored, known, RULES, NOON)
    rows = verdicts.orderBy("record_id").collect()
    return [tuple(row[name] for name in ("record_id", "decision_no", "verdict", "place", "label")) for row in rows]
