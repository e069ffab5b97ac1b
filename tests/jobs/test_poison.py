"""Poison through a real broker: each message byte for byte in bronze with one outcome, and no query stops."""

from collections.abc import Callable, Sequence

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.kafka import OutgoingMessage
from pipelines.contracts import TICKETS_BRONZE
from pipelines.transforms.intake import parse_messages
from pipelines.transforms.payloads import parse_ticket
from pipelines.vocabulary import Reason
from tests.builders import NOON, message, messages
from tests.jobs.conftest import MONDAY_MS, STAGES, Lake
from tests.poison import SHAPES, TICKET, Shape, generate_poison, payload

Row = tuple[object, ...]
HUGE = Shape(payload(text="x" * 25_000_000), TICKET)
"""25 MB: more than a producer of ours sends, less than a broker may be told to take."""


def outgoing(shapes: Sequence[Shape]) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(shape.value, shape.key, shape.headers, MONDAY_MS + number)
        for number, shape in enumerate(shapes)
    ]


def bytes_of(shape: Shape) -> Row:
    return shape.value, shape.key, tuple(shape.headers)


def stored_bytes(value: bytearray | None, key: bytearray | None, headers: Sequence[Row] | None) -> Row:
    as_bytes = (None if part is None else bytes(part) for part in (value, key))
    return *as_bytes, tuple((name, bytes(content)) for name, content in headers or ())


def assert_all_are_kept_and_judged(lake: Lake, shapes: Sequence[Shape]) -> None:
    rows = lake.rows("bronze.tickets", "value", "key", "headers", "record_id", "error_code")
    stored = sorted((stored_bytes(*row[:3]) for row in rows), key=repr)
    assert stored == sorted(map(bytes_of, shapes), key=repr)
    # Each has a name, and the one outcome that its bytes have.
    assert [row[3:] for row in rows if row[3] is None] == []
    for value, _, _, _, error_code in rows:
        outcome = parse_ticket(None if value is None else bytes(value))
        assert error_code == (outcome.value if isinstance(outcome, Reason) else None)
    invalid = sum(row[4] is not None for row in rows)
    books = lake.count().ledger
    assert (books["messages"], books["invalid"], books["difference"]) == (len(shapes), invalid, 0)
    assert (books["waiting"], books["pending"], books["in_two_places"]) == (0, 0, 0)


def test_every_named_shape_is_in_bronze_byte_for_byte_with_its_one_outcome(
    make_lake: Callable[..., Lake], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(SHAPES) + 1 >= 60
    monkeypatch.setattr("pipelines.adapters.kafka.MAX_MESSAGE_BYTES", 30_000_000)
    lake, shapes = make_lake(), [*SHAPES.values(), HUGE]
    lake.send(*outgoing(shapes))
    # A query that a message stops raises here.
    lake.run(*STAGES)
    assert_all_are_kept_and_judged(lake, shapes)
    outcomes = [row[0] or TICKET for row in lake.rows("bronze.tickets", "error_code")]
    assert sorted(map(str, outcomes)) == sorted(shape.outcome for shape in shapes)


@pytest.mark.slow
def test_ten_thousand_generated_messages_are_in_bronze_byte_for_byte_and_stop_nothing(
    make_lake: Callable[..., Lake],
) -> None:
    lake, shapes = make_lake(), list(generate_poison(seed=20261126, count=10_000))
    lake.send(*outgoing(shapes))
    lake.run(*STAGES)
    assert_all_are_kept_and_judged(lake, shapes)


def test_generated_messages_have_one_outcome_whatever_rows_they_are_judged_with(spark: SparkSession) -> None:
    shapes = list(generate_poison(seed=5, count=1_000))
    rows = [
        message(shape.value, number, key=shape.key, headers=[*shape.headers] or None, timestamp=NOON)
        for number, shape in enumerate(shapes)
    ]
    judged = messages(spark, *rows).transform(parse_messages, NOON).orderBy("offset").collect()
    assert list(judged[0].asDict()) == TICKETS_BRONZE.payload_names
    assert [stored_bytes(row["value"], row["key"], row["headers"]) for row in judged] == list(map(bytes_of, shapes))
    assert all(row["record_id"] for row in judged)
    found = [parse_ticket(shape.value) for shape in shapes]
    expected = [outcome.value if isinstance(outcome, Reason) else None for outcome in found]
    assert [row["error_code"] for row in judged] == expected
