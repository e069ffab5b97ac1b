"""Rows of a file of votes: what is a vote, what is not and why, and what bronze has already."""

import json
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from pipelines.contracts import LABEL_FILES, TICKETS_SILVER
from pipelines.intents import LabelSet
from pipelines.transforms.annotation import GIVEN, GivenVote, Refusal, known_texts, read_vote, repeated_votes
from pipelines.vocabulary import Reason
from tests.builders import NOON, frame, record

LABELS = LabelSet(("card", "refund"), {"money_back": "refund"}, frozenset({"other"}))
ROW = {"record_id": "r1", "text": "where is it?", "label": "card", "annotator_id": "ann"}


def test_a_row_with_what_is_needed_is_a_vote_and_sure_of_itself() -> None:
    vote = read_vote(7, ROW, LABELS, None)
    assert vote == GivenVote(7, "r1", "where is it?", "ann", "card", 1.0, None)
    assert isinstance(vote, GivenVote)
    assert json.loads(vote.as_line("its text")) == {
        "record_id": "r1", "text": "its text", "annotator_id": "ann", "label": "card", "confidence_score": 1.0,
        "time": None,
    }  # fmt: skip


def test_confidence_time_and_annotator_are_read_where_they_stand() -> None:
    given = {"text": "  x ", "label": " money_back ", "confidence_score": "0.9", "time": "2026-01-05T12:00:00Z"}
    assert read_vote(1, given, LABELS, "ann") == GivenVote(
        1, None, "x", "ann", "money_back", 0.9, "2026-01-05T12:00:00Z"
    )
    assert isinstance(read_vote(1, {**ROW, "label": "unknown"}, LABELS, None), GivenVote)


@pytest.mark.parametrize(
    ("changes", "reason", "column"),
    [
        ({"label": ""}, Reason.LABEL_EMPTY, "label"),
        ({"label": "gardening"}, Reason.LABEL_UNKNOWN, "label"),
        ({"label": "other"}, Reason.LABEL_UNKNOWN, "label"),
        ({"record_id": None, "text": " "}, Reason.FIELD_MISSING, "record_id or text"),
        ({"annotator_id": None}, Reason.FIELD_MISSING, "annotator_id"),
        ({"annotator_id": 1.5}, Reason.FIELD_INVALID, "annotator_id"),
        ({"confidence": "very"}, Reason.FIELD_INVALID, "confidence"),
        ({"confidence": "1.01"}, Reason.FIELD_INVALID, "confidence"),
        ({"time": "yesterday"}, Reason.FIELD_INVALID, "time"),
    ],
)
def test_a_row_that_is_no_vote_says_why_and_never_what_stands_in_it(
    changes: dict[str, object], reason: Reason, column: str
) -> None:
    assert read_vote(3, {**ROW, **changes}, LABELS, None) == Refusal(3, reason, column)


def test_the_tables_know_the_records_that_are_named_and_the_votes_that_came_before(spark: SparkSession) -> None:
    micros = int(NOON.timestamp() * 1_000_000)
    votes = [
        (1, "r1", "ann", "card", micros),
        (2, "r1", "ann", "card", None),
        (3, "r1", "bob", "card", micros),
        (4, "a text", "ann", "refund", None),
        (5, "nowhere", "ann", "card", None),
    ]
    given = spark.createDataFrame(votes, GIVEN)
    tickets = frame(spark, TICKETS_SILVER, record("r1"), record("r2"))
    assert [row["record_id"] for row in known_texts(tickets, given).collect()] == ["r1"]
    stored = [
        {"record_id": "r1", "text": "?", "annotator_id": "ann", "label": "card", "annotated_at": NOON},
        {"record_id": "r1", "annotator_id": "bob", "label": "card", "annotated_at": NOON + timedelta(seconds=1)},
        {"text": "a text", "annotator_id": "ann", "label": "refund"},
        {"record_id": "nowhere", "annotator_id": "ann", "label": "card", "error_code": "text_empty"},
    ]
    rows = frame(spark, LABEL_FILES, *[{"path": "a.csv", **row} for row in stored])
    assert sorted(row["line"] for row in repeated_votes(given, rows).collect()) == [1, 4]
