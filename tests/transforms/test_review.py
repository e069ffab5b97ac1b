import hashlib

from pyspark.sql import SparkSession

from pipelines.contracts import DECISIONS, REVIEW_QUEUE, TICKETS_SILVER
from pipelines.gate_settings import GateSettings
from pipelines.transforms.agreement import place_decided
from pipelines.transforms.review import review_tasks
from tests.builders import decision, frame, record

UNCONFIRMED = {"verdict": "unconfirmed", "reason": "look_alikes_unconfirmed", "place": "quarantine"}


def test_people_are_asked_about_what_the_votes_could_not_settle_and_about_nothing_else(spark: SparkSession) -> None:
    kept_out = {"place": "quarantine", "labels": []}
    decided = frame(
        spark,
        DECISIONS,
        decision("r1", verdict="disagreement", reason="labels_disagree", place="quarantine", labels=["c", "d"]),
        decision("r2", verdict="low_confidence", reason="confidence_missing", **kept_out),
        decision("r3", verdict="unknown_intent", reason="intent_unknown", **kept_out, label="unknown"),
        decision("r4", verdict="too_long", reason="text_too_long", **kept_out),
        decision("r5", verdict="shed", reason="over_daily_limit", place="shed", labels=[]),
        decision("r6"),
        decision("r7", verdict="low_confidence", reason="confidence_missing", **kept_out, label=None),
        decision("r8", verdict="disagreement", reason="people_disagree", place="quarantine", labels=["a", "b"]),
        decision("r9", **{**UNCONFIRMED, "leads": True}),
        decision("r10", **UNCONFIRMED),
    )
    records = frame(spark, TICKETS_SILVER, *[record(f"r{number}") for number in range(1, 11)])
    tasks = review_tasks(place_decided(decided, records), GateSettings(audit_share=0.0))
    assert tasks.columns == REVIEW_QUEUE.payload_names
    assert [(row["record_id"], row["task"], row["labels"]) for row in tasks.orderBy("record_id").collect()] == [
        ("r1", "labels_disagree", ["billing", "c", "d"]),
        ("r2", "confidence_missing", ["billing"]),
        ("r3", "intent_unknown", ["unknown"]),
        ("r7", "confidence_missing", []),
        ("r8", "third_person", ["a", "b", "billing"]),
        ("r9", "look_alikes_unconfirmed", ["billing"]),
    ]


def test_the_audited_share_of_accepted_records_is_chosen_by_their_ids(spark: SparkSession) -> None:
    names = [f"r{number}" for number in range(400)]
    decided = frame(spark, DECISIONS, *[decision(name) for name in names])
    records = frame(spark, TICKETS_SILVER, *[record(name) for name in names])
    tasks = review_tasks(place_decided(decided, records), GateSettings(audit_share=0.1)).collect()
    expected = {
        name for name in names if int(hashlib.sha256(f"audit_sample:{name}".encode()).hexdigest()[:8], 16) < 0.1 * 2**32
    }
    assert {row["record_id"] for row in tasks} == expected
    assert {row["task"] for row in tasks} == {"audit_sample"}
    assert 20 <= len(expected) <= 60
