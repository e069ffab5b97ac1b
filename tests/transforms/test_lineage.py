"""The tables' part of one record's life."""

from datetime import timedelta

from pyspark.sql import SparkSession

from pipelines.contracts import (
    CLUSTER_MERGES,
    COMMANDS,
    DECISIONS,
    LABELS,
    REVIEW_QUEUE,
    TICKETS_BRONZE,
    TICKETS_SILVER,
)
from pipelines.transforms.lineage import (
    beginning_with,
    commands_on,
    decisions_on,
    deliveries_of,
    look_alikes,
    tasks_on,
    ticket_of,
    votes_on,
)
from tests.builders import NOON, decision, frame, record, vote


def test_a_record_is_told_with_its_cluster_of_today_its_look_alikes_and_redactions_by_type(spark: SparkSession) -> None:
    spans = [("text", "PERSON", 0, 3, 0.9), ("text", "PERSON", 9, 12, 0.9)]
    tickets = frame(
        spark,
        TICKETS_SILVER,
        record("aaaa1", links=[("aaaa0", 0.9, "aaaa0", 1)], cluster_id="aaaa0", spans=spans),
        record("bbbb1", links=[("aaaa1", 0.95, None, None), ("aaaa0", 0.8, "aaaa0", 1)]),
    )
    merges = frame(
        spark,
        CLUSTER_MERGES,
        {**record("x"), "absorbed_id": "aaaa0", "absorbed_no": 2, "cluster_id": "o", "cluster_no": 1},
    )
    assert [row["record_id"] for row in beginning_with(tickets, ["aaaa"]).collect()] == ["aaaa1"]
    (told,) = ticket_of(tickets, merges, "aaaa1").collect()
    assert (told["cluster_id"], told["redacted"]) == ("o", ["PERSON", "PERSON"])
    assert [tuple(row) for row in look_alikes(tickets, "aaaa1").collect()] == [
        ("bbbb1", 0.95, "later"),
        ("aaaa0", 0.9, "earlier"),
    ]


def test_messages_votes_decisions_tasks_and_requests_are_told_in_their_order(spark: SparkSession) -> None:
    later = NOON + timedelta(hours=1)
    message = {"topic": "tickets", "partition": 1, "record_id": "r1", "ingested_at": NOON}
    bronze = [{**message, "offset": 9}, {**message, "offset": 4}, {**message, "offset": 5, "error_code": "not_json"}]
    assert [row["offset"] for row in deliveries_of(frame(spark, TICKETS_BRONZE, *bronze), "r1").collect()] == [4, 9]
    votes = [
        vote("b", 0.9, "slm", voted_at=later),
        vote("a", 0.8, "memory", record_id="r2"),
        vote("c", 0.9, text="other"),
    ]
    cast = votes_on(frame(spark, LABELS, *votes), frame(spark, TICKETS_SILVER, record("r1")), "r1").collect()
    assert [(row["voter"], row["version"], row["on_copy"]) for row in cast] == [
        ("memory", "memory=ticket-encoder@1", True),
        ("slm", "slm=intent-slm@1/intent-prompt@1", False),
    ]
    log = frame(spark, DECISIONS, decision(decision_no=2, label="b"), decision(), decision("r2"))
    assert [(row["decision_no"], row["label"]) for row in decisions_on(log, "r1").collect()] == [
        (1, "billing"),
        (2, "b"),
    ]
    tasks = [{**decision(decision_no=number), "task": f"task {number}", "labels": ["b"]} for number in (1, 2)]
    assert [row["task"] for row in tasks_on(frame(spark, REVIEW_QUEUE, *tasks), log, "r1").collect()] == ["task 2"]
    asked = {**record("r1"), "command_id": "1", "action": "replay", "requested_at": NOON}
    requests = [{**asked, "requested_at": later}, asked, asked, {**asked, "record_id": "r2"}]
    told = commands_on(frame(spark, COMMANDS, *requests), "r1").collect()
    assert [row["requested_at"].replace(tzinfo=NOON.tzinfo) for row in told] == [NOON, later]
