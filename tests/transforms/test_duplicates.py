"""Re-deliveries and the daily limit: one batch or two, the outcome is the same."""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import TICKETS_SILVER
from pipelines.settings import IntakeSettings
from pipelines.transforms.duplicates import first_deliveries, weigh, withhold
from tests.builders import Values, frame, raw_tickets, record

LIMIT_TWO = IntakeSettings(max_text_chars=30, daily_identical_limit=2)


def empty_history(spark: SparkSession) -> DataFrame:
    return frame(spark, TICKETS_SILVER)


def column(rows: DataFrame, name: str) -> dict[str, object]:
    return {row["record_id"]: row[name] for row in rows.collect()}


def test_a_redelivery_adds_nothing(spark: SparkSession) -> None:
    tickets = raw_tickets(spark, {"record_id": "a"}, {"record_id": "b"}, {"record_id": "a"}, {"record_id": "old"})
    history = frame(spark, TICKETS_SILVER, record("old"))
    kept = tickets.transform(first_deliveries, history)
    assert kept.columns == tickets.columns
    positions = sorted((row.record_id, row.position[-1]) for row in kept.collect())
    assert positions == [("a", "0"), ("b", "1")]


def test_the_daily_limit_counts_history_and_batch_and_points_to_the_first(spark: SparkSession) -> None:
    yesterday = date(2026, 1, 4)
    key = "key of where is my card?"
    history = frame(
        spark,
        TICKETS_SILVER,
        record("first", received_day=yesterday, position="0/1"),
        record("today", position="0/2"),
        record("long", position="0/0", withheld="text_too_long"),
    )
    tickets = raw_tickets(
        spark,
        {"record_id": "c", "position": "1/3"},
        {"record_id": "b", "position": "1/2"},
        {"record_id": "d", "position": "1/4", "received_day": date(2026, 1, 6)},
        {"record_id": "e", "position": "1/5", "raw_text": "another"},
        {"record_id": "f", "position": "1/6", "raw_text": "Where is my card?", "text_key": key},
    )
    judged = tickets.transform(withhold, history, LIMIT_TWO)
    assert judged.columns == [*tickets.columns, "withheld", "kept_record_id"]
    assert {row.record_id: (row.withheld, row.kept_record_id) for row in judged.collect()} == {
        "b": (None, None),
        "c": ("over_daily_limit", "first"),
        "d": (None, None),
        "e": (None, None),
        "f": ("over_daily_limit", "first"),
    }


def test_too_long_records_are_withheld_and_take_no_part_in_the_limit(spark: SparkSession) -> None:
    long = "x" * 31
    tickets = raw_tickets(
        spark,
        {"record_id": "a", "raw_text": long, "text_key": "k"},
        {"record_id": "b", "raw_text": "x" * 30, "text_key": "k"},
        {"record_id": "c", "raw_text": "x" * 30, "text_key": "k"},
        {"record_id": "d", "raw_text": "x" * 30, "text_key": "k"},
        {"record_id": "e", "raw_text": "short", "raw_subject": long},
        {"record_id": "f", "text_key": None},
        {"record_id": "g", "text_key": None},
        {"record_id": "h", "text_key": None},
    )
    judged = tickets.transform(withhold, empty_history(spark), LIMIT_TWO)
    assert column(judged, "withheld") == {
        "a": "text_too_long",
        "b": None,
        "c": None,
        "d": "over_daily_limit",
        "e": "text_too_long",
        **dict.fromkeys("fgh"),
    }
    assert column(judged, "kept_record_id")["d"] == "b"


def outcome(spark: SparkSession, batches: Sequence[Sequence[Values]]) -> dict[object, object]:
    """Run the batches through limit and re-delivery check, each with what came before as history."""
    history, seen = empty_history(spark), {}
    for batch in batches:
        tickets = (
            raw_tickets(spark, *batch).transform(first_deliveries, history).transform(withhold, history, LIMIT_TWO)
        )
        judged = [row.asDict() for row in tickets.collect()]
        seen |= {row["record_id"]: (row["withheld"], row["kept_record_id"]) for row in judged}
        history = history.unionByName(frame(spark, TICKETS_SILVER, *({**row, "cluster_id": None} for row in judged)))
    return seen


def test_the_limit_does_not_depend_on_how_records_are_batched(spark: SparkSession) -> None:
    rows = [{"record_id": name, "position": f"{number}"} for number, name in enumerate("abcadeb")]
    whole = outcome(spark, [rows])
    assert whole == {
        "a": (None, None),
        "b": (None, None),
        **dict.fromkeys("cde", ("over_daily_limit", "a")),
    }
    assert outcome(spark, [rows[:3], rows[3:]]) == whole


def test_a_kept_record_weighs_what_was_shed_in_its_favour(spark: SparkSession) -> None:
    kept = spark.createDataFrame([("a", "where?"), ("b", "why?")], "record_id string, text string")
    shed = spark.createDataFrame([("c", "a"), ("d", "a")], "record_id string, kept_record_id string")
    assert {tuple(row) for row in kept.transform(weigh, shed).collect()} == {("a", "where?", 3), ("b", "why?", 1)}
