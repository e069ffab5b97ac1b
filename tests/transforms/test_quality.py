from datetime import UTC, timedelta

from pyspark.sql import SparkSession

from pipelines import contracts as tables
from pipelines.declaration import Table
from pipelines.transforms.quality import (
    LEDGER,
    cluster_counts,
    ledger,
    quarantine_by_reason,
    redactions_by_type,
    verdicts_after,
    verdicts_since,
    votes_by_voter,
)
from tests.builders import NOON, Values, decision, frame, record, vote

Rows = dict[Table, list[Values]]


def message(record_id: str, offset: int, error_code: str | None = None) -> Values:
    return {"record_id": record_id, "offset": offset, "error_code": error_code}


def sound() -> Rows:
    """Six messages (one invalid, one a re-delivery), four label rows (one invalid), five records, one in each place."""
    accepted, shed = decision("r1"), decision("r3", verdict="shed", place="shed")
    held = decision("r2", verdict="low_confidence", reason="confidence_missing", place="quarantine")
    discarded = decision("r4", verdict="discarded", place="discarded", decision_no=2)
    return {
        tables.TICKETS_BRONZE: [
            *[message(f"r{number}", number) for number in (1, 2, 3, 4)],
            message("r1", 5),
            message("x", 6, "not_json"),
        ],
        tables.LABEL_FILES: [
            *[{"row_number": number} for number in (1, 2, 3)],
            {"row_number": 4, "error_code": "text_empty"},
        ],
        tables.TICKETS_SILVER: [
            *[record(name) for name in ("r1", "r2", "r4", "f1")],
            record("r3", withheld="over_daily_limit"),
        ],
        tables.ANNOTATIONS: [
            {"annotation_id": "1", "record_id": "f1", "matched_by": "new_record"},
            {"annotation_id": "2", "record_id": "f1", "matched_by": "text_key"},
            {"annotation_id": "3", "record_id": "r3", "matched_by": "record_id"},
        ],
        tables.LABELS: [
            vote("billing", 0.9, record_id="f1", vote_id="1"),
            vote("billing", 0.9, record_id="f1", vote_id="2"),
            vote("billing", 0.9, "slm"),
        ],
        tables.DECISIONS: [accepted, held, shed, decision("r4"), discarded],
        tables.TRAINING_EXAMPLES: [accepted],
        tables.QUARANTINE: [held],
        tables.SHED: [shed],
    }


SOUND = {
    "messages": 6, "invalid": 1, "redeliveries": 1, "waiting": 0, "records": 5, "records_of_files": 1,
    "gold": 1, "quarantine": 1, "shed": 1, "discarded": 1, "pending": 1, "in_two_places": 0, "unplaced": 0,
    "label_rows": 4, "label_invalid": 1, "votes": 2, "label_withheld": 1, "label_waiting": 0,
    "message_difference": 0, "label_difference": 0, "record_difference": 0, "difference": 0,
}  # fmt: skip


def account(spark: SparkSession, rows: Rows) -> dict[str, int]:
    counted = ledger(*[frame(spark, table, *rows[table]) for table in rows])
    assert counted.columns == LEDGER
    row = counted.first()
    assert row is not None
    return row.asDict()


def changed(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number != SOUND[name]}


def test_a_sound_lakehouse_adds_up(spark: SparkSession) -> None:
    assert account(spark, sound()) == SOUND


def test_an_empty_lakehouse_adds_up(spark: SparkSession) -> None:
    assert set(account(spark, {table: [] for table in sound()}).values()) == {0}


def test_a_message_that_silver_does_not_have_is_waiting(spark: SparkSession) -> None:
    rows = sound()
    rows[tables.TICKETS_BRONZE].append(message("r9", 7))
    assert changed(account(spark, rows)) == {"messages": 7, "waiting": 1}


def test_a_record_that_its_place_lost_is_a_difference(spark: SparkSession) -> None:
    rows = sound()
    rows[tables.QUARANTINE].clear()
    assert changed(account(spark, rows)) == {"quarantine": 0, "unplaced": 1, "record_difference": 1, "difference": 1}


def test_a_record_in_two_places_is_seen_even_if_another_is_lost(spark: SparkSession) -> None:
    rows = sound()
    rows[tables.SHED].clear()
    rows[tables.QUARANTINE].append(decision("r1"))
    counts = changed(account(spark, rows))
    assert counts == {"quarantine": 2, "shed": 0, "in_two_places": 1, "unplaced": 1}


def test_a_record_on_its_way_from_one_place_to_another_is_in_the_new_one(spark: SparkSession) -> None:
    rows = sound()
    moved = decision("r1", decision_no=2, verdict="disagreement", place="quarantine")
    rows[tables.DECISIONS].append(moved)
    rows[tables.QUARANTINE].append(moved)
    assert changed(account(spark, rows)) == {"gold": 0, "quarantine": 2}


def test_a_silver_row_that_stands_twice_or_came_from_nowhere_is_a_difference(spark: SparkSession) -> None:
    rows = sound()
    rows[tables.TICKETS_SILVER].extend([record("r1"), record("nowhere")])
    counts = account(spark, rows)
    assert (counts["message_difference"], counts["record_difference"], counts["difference"]) == (-2, 1, 3)


def test_label_rows_without_a_vote_wait_and_votes_without_a_row_are_a_difference(spark: SparkSession) -> None:
    waiting, too_many = sound(), sound()
    waiting[tables.LABELS].pop(0)
    too_many[tables.LABELS].append(vote("billing", 0.9, vote_id="3"))
    assert changed(account(spark, waiting)) == {"votes": 1, "label_waiting": 1}
    assert changed(account(spark, too_many)) == {"votes": 3, "label_difference": -1, "difference": 1}


def test_verdicts_of_a_run_are_those_decided_since_it_began(spark: SparkSession) -> None:
    made = [
        decision("r1", decided_at=NOON - timedelta(seconds=1)),
        decision("r2"),
        decision("r3", verdict="disagreement", reason="labels_disagree"),
        decision("r3", decision_no=2, decided_at=NOON + timedelta(seconds=1)),
    ]
    counted = frame(spark, tables.DECISIONS, *made).transform(verdicts_since, NOON)
    assert [tuple(row) for row in counted.collect()] == [("accepted", 2), ("labels_disagree", 1)]


def test_verdicts_that_were_counted_are_not_counted_again(spark: SparkSession) -> None:
    later, last = NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)
    made = [
        decision("r1", decided_at=NOON),
        decision("r2", decided_at=later),
        decision("r3", decided_at=last),
        decision("r4", verdict="disagreement", reason="labels_disagree", decided_at=later),
    ]
    counted = frame(spark, tables.DECISIONS, *made).transform(verdicts_after, NOON).orderBy("verdict").collect()
    assert [(row["verdict"], row["reason"], row["rows"]) for row in counted] == [
        ("accepted", "", 2),
        ("disagreement", "labels_disagree", 1),
    ]
    assert frame(spark, tables.DECISIONS, *made).transform(verdicts_after, last).isEmpty()
    assert max(row["last"] for row in counted).astimezone(UTC) == last.astimezone(UTC)


def test_what_is_counted_beside_the_ledger(spark: SparkSession) -> None:
    rows = sound()
    span = ("text", "PERSON", 0, 3, 0.9)
    tickets = frame(
        spark,
        tables.TICKETS_SILVER,
        record("r1", spans=[span, ("text", "URL", 5, 9, 0.9)]),
        record("r2", cluster_id="r1", spans=[span], links_capped=True),
        record("r3", cluster_id=None),
    )
    votes = frame(spark, tables.LABELS, *rows[tables.LABELS])
    quarantine = frame(spark, tables.QUARANTINE, *rows[tables.QUARANTINE])
    assert [tuple(row) for row in votes_by_voter(votes).collect()] == [("human", 2), ("slm", 1)]
    assert [tuple(row) for row in quarantine_by_reason(quarantine).collect()] == [("confidence_missing", 1)]
    assert [tuple(row) for row in redactions_by_type(tickets).collect()] == [("PERSON", 2), ("URL", 1)]
    assert [tuple(row) for row in cluster_counts(tickets).collect()] == [(2, 1, 2, 1)]
