"""Requests about records: which are meant, which one rules, whom a micro-batch is about."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.contracts import CLUSTER_MERGES, COMMANDS, DECISIONS, LABELS, TICKETS_SILVER
from pipelines.transforms.commands import (
    Choice,
    Command,
    chosen_records,
    commands,
    counted_by_age,
    due_records,
    listed,
    standing_commands,
    touched_texts,
)
from pipelines.vocabulary import Action
from tests.builders import NOON, Values, decision, frame, record, vote

HELD = {"verdict": "low_confidence", "reason": "confidence_below_threshold", "place": "quarantine"}
UNKNOWN = {"verdict": "unknown_intent", "reason": "intent_unknown", "place": "quarantine", "label": "unknown"}
GONE = {"verdict": "discarded", "reason": "discarded_on_request", "place": "discarded"}


@pytest.fixture(scope="module")
def decisions(spark: SparkSession) -> DataFrame:
    old = NOON - timedelta(days=8)
    rows = [
        decision("held", **HELD),
        decision("old", **HELD, decided_at=old),
        decision("unknown", **UNKNOWN),
        decision("gone", **GONE),
        decision("gold"),
    ]
    return frame(spark, DECISIONS, *rows)


@pytest.mark.parametrize(
    ("choice", "action", "expected"),
    [
        (Choice(), None, {"held", "old", "unknown"}),
        (Choice(reason="confidence_below_threshold"), Action.REPLAY, {"held", "old"}),
        (Choice(reason="confidence_below_threshold", since=date(2026, 1, 5)), Action.REPLAY, {"held"}),
        (Choice(label="unknown"), Action.DISCARD, {"unknown"}),
        (Choice(("held", "gone", "gold")), Action.REPLAY, {"held", "gone"}),
        (Choice(("held", "gone", "gold")), Action.DISCARD, {"held"}),
        (Choice(reason="discarded_on_request"), Action.REPLAY, {"gone"}),
        (Choice(reason="discarded_on_request"), Action.DISCARD, set()),
    ],
)
def test_a_choice_means_records_kept_out_of_gold_and_discarded_ones_only_by_name_or_reason(
    decisions: DataFrame, choice: Choice, action: Action | None, expected: set[str]
) -> None:
    assert {row["record_id"] for row in chosen_records(decisions, choice, action).collect()} == expected


def test_kept_out_records_are_counted_and_listed(spark: SparkSession, decisions: DataFrame) -> None:
    kept_out = chosen_records(decisions, Choice())
    counted = counted_by_age(kept_out, NOON + timedelta(hours=23))
    assert sorted(map(tuple, counted.collect())) == [
        ("confidence_below_threshold", "billing", "7 to 30 days", 1),
        ("confidence_below_threshold", "billing", "under 1 day", 1),
        ("intent_unknown", "unknown", "under 1 day", 1),
    ]
    texts = frame(spark, TICKETS_SILVER, record("held", text="<PERSON> pays"), record("old"), record("unknown"))
    assert [(row["record_id"], row["text"]) for row in listed(kept_out, texts).collect()] == [
        ("held", "<PERSON> pays"), ("unknown", "where is my card?"), ("old", "where is my card?"),
    ]  # fmt: skip


def asked(record_id: str, action: str, minute: int, command_id: str = "") -> Values:
    at = NOON + timedelta(minutes=minute)
    return {
        **record(record_id), "command_id": command_id or f"{record_id} {action} {minute}", "action": action,
        "requested_at": at,
    }  # fmt: skip


def test_what_was_asked_last_rules_however_late_or_often_it_is_delivered(spark: SparkSession) -> None:
    rows = [asked("r1", "discard", 2), asked("r1", "replay", 1), asked("r1", "replay", 1), asked("r2", "replay", 3)]
    standing = standing_commands(frame(spark, COMMANDS, *rows)).collect()
    assert sorted((row["record_id"], row["action"]) for row in standing) == [("r1", "discard"), ("r2", "replay")]


def test_a_request_is_one_row_a_record_and_has_a_name_of_its_own(spark: SparkSession, decisions: DataFrame) -> None:
    command = Command(Action.DISCARD, Choice(label="unknown"), NOON, because="spam")
    (row,) = commands(chosen_records(decisions, command.choice), command).collect()
    assert (row["record_id"], row["action"], row["because"], row["version"]) == ("unknown", "discard", "spam", None)
    assert row["command_id"] == command.command_id == replace(command).command_id
    others = [replace(command, because="ham"), replace(command, requested_at=NOON + timedelta(microseconds=1))]
    assert len({one.command_id for one in (command, *others)}) == 3


def test_new_evidence_is_about_all_records_of_a_text_and_a_command_about_the_one_it_names(spark: SparkSession) -> None:
    def arrived(rows: DataFrame, origin: str) -> DataFrame:
        return rows.select("record_id", "text_key", F.lit(origin).alias("origin"))

    named = arrived(frame(spark, COMMANDS, asked("r1", "replay", 1)), COMMANDS.full_name)
    voted = arrived(frame(spark, LABELS, vote("billing", 0.9, record_id="r3", text="other")), LABELS.full_name)
    nothing = frame(spark, DECISIONS)
    records = frame(
        spark,
        TICKETS_SILVER,
        *[record("r1"), record("r2"), record("r3", text="other"), record("r4", text="other"), record("r5", text="no")],
    )
    merged = arrived(frame(spark, CLUSTER_MERGES, record("r6", text="bridge")), CLUSTER_MERGES.full_name)
    touched = touched_texts(named.unionByName(voted).unionByName(merged), nothing)
    assert {row["record_id"] for row in due_records(records, touched).collect()} == {"r1", "r3", "r4"}
    assert [row["text_key"] for row in touched.where("is_merge").collect()] == ["key of bridge"]
