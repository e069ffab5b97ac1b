from datetime import UTC, date, datetime

from pyspark.sql import SparkSession

from pipelines.contracts import ANNOTATIONS, LABEL_FILES, TICKETS_BRONZE
from pipelines.declaration import Table
from pipelines.transforms.intake import (
    RAW_TICKETS,
    judge_message,
    key_label_row,
    match_annotations,
    parse_messages,
    read_label_rows,
    read_tickets,
    tickets_from_label_rows,
)
from pipelines.transforms.pseudonyms import key_file, key_text
from tests.builders import NOON, frame, message, messages

KEY = bytes(range(32))
GOOD = b'{"source":"email","created_at":"2026-01-05T09:30:00+02:00","text":"Where is it?","customer":"a@example.com"}'
NAMED = b'{"source":"email","created_at":"2026-01-05","text":"Where is it?","ticket_id":"T-1","subject":"Order"}'
KNOWN = "record_id string, ticket_key string, subject_key string, text_key string, position string"


def types_of(table: Table) -> list[str]:
    return [field.dataType.simpleString() for field in table.columns.fields[:-2]]


def test_names_of_messages_are_pinned() -> None:
    place = ("tickets", 0, 7, 1767571200000)
    # printf '%s' '["tickets",0,7,1767571200000]' | sha256sum
    by_place = "dc9e2cff0faaafc126cd5eeca26803a6f0966c6f85d1fa2a36e3730515665c91"
    assert judge_message(None, *place) == (by_place, "value_missing")
    assert judge_message(b"\xff", *place) == (by_place, "not_utf8")
    assert judge_message(GOOD, *place) == (by_place, None)
    # printf '%s' '["email","T-1","Order","Where is it?"]' | sha256sum
    by_content = "faf642ab8e9d6c80466e24fd61a0ee88c91e090104f07f87108d3505597f7427"
    assert judge_message(NAMED, *place) == (by_content, None)
    assert judge_message(NAMED, "other", 1, 8, 5) == (by_content, None)


def test_every_message_becomes_a_bronze_row_with_its_bytes_as_they_came(any_zone: SparkSession) -> None:
    headers = [("trace", b"\xff\x00")]
    came = messages(
        any_zone,
        message(GOOD, 0, key=b"\xfe", headers=headers),
        message(None, 1),
        message(b"\xff\x00broken", 2, headers=[("empty", None)]),
    )
    bronze = came.transform(parse_messages, datetime(2026, 1, 5, 13, tzinfo=UTC))
    assert bronze.columns == TICKETS_BRONZE.payload_names
    assert [f.dataType.simpleString() for f in bronze.schema] == types_of(TICKETS_BRONZE)
    rows = bronze.orderBy("offset").collect()
    assert [(row.key, row.value, row.error_code) for row in rows] == [
        (bytearray(b"\xfe"), bytearray(GOOD), None),
        (None, None, "value_missing"),
        (None, bytearray(b"\xff\x00broken"), "not_utf8"),
    ]
    assert [header.asDict() for header in rows[0].headers] == [{"key": "trace", "value": bytearray(b"\xff\x00")}]
    assert rows[2].headers[0].value is None
    assert {row.kafka_time.timestamp() for row in rows} == {NOON.timestamp()}
    assert {row.ingested_at.timestamp() for row in rows} == {datetime(2026, 1, 5, 13, tzinfo=UTC).timestamp()}
    assert rows[1].record_id == judge_message(None, "tickets", 0, 1, int(NOON.timestamp() * 1000))[0]


def test_valid_rows_are_opened_and_the_others_left(any_zone: SparkSession) -> None:
    early = datetime(2026, 1, 5, 0, 30, tzinfo=UTC)
    came = messages(any_zone, message(GOOD, 41, partition=3, timestamp=early), message(b"no", 42), message(NAMED, 43))
    bronze = came.transform(parse_messages, NOON).selectExpr("*", "'e' AS query_epoch", "12L AS batch_id")
    tickets = bronze.transform(read_tickets, KEY)
    assert tickets.columns == list(RAW_TICKETS)
    anonymous, named = tickets.orderBy("position", ascending=False).collect()
    assert anonymous.position == "000000000012/tickets/000003/000000000000041"
    assert (anonymous.source, anonymous.raw_subject, anonymous.raw_text) == ("email", None, "Where is it?")
    assert anonymous.created_at.timestamp() == datetime(2026, 1, 5, 7, 30, tzinfo=UTC).timestamp()
    assert anonymous.received_day == date(2026, 1, 5)
    assert anonymous.ticket_key is None
    assert len(anonymous.subject_key) == len(named.ticket_key) == 64
    assert anonymous.text_key == named.text_key == key_text(KEY, "Where is it?")
    assert (named.subject_key, named.raw_subject, named.raw_customer) == (None, "Order", "")
    assert anonymous.raw_customer == "a@example.com"


def label_row(path: str, number: int, text: str, label: str, **changes: object) -> dict[str, object]:
    row = {"path": path, "row_number": number, "text": text, "label": label, "annotator_id": "ann"}
    return {**row, "confidence_score": 0.9, "file_modified_at": NOON, "batch_id": 2, **changes}


def test_labelled_rows_find_their_record_by_id_then_by_text_then_become_one(spark: SparkSession) -> None:
    rows = frame(
        spark,
        LABEL_FILES,
        label_row("d/a.csv", 1, "Money back", "refund", record_id="r2"),
        label_row("d/a.csv", 2, "money  BACK", "refund"),
        label_row("d/a.csv", 3, "Never seen", "other", record_id="gone"),
        label_row("d/b.csv", 1, "never seen", "refund"),
        label_row("d/b.csv", 2, "", "refund", error_code="text_empty"),
    )
    text_key = key_text(KEY, "Money back")
    known = spark.createDataFrame(
        [("r3", "t3", None, text_key, "3"), ("r1", "t1", "s1", text_key, "1"), ("r2", None, None, "other", "2")], KNOWN
    )
    opened = rows.transform(read_label_rows, KEY)
    new_text, new_record = key_label_row(KEY, "d/a.csv", 3, "Never seen", "ann")[1:3]
    annotations = opened.transform(match_annotations, known)
    assert annotations.columns == ANNOTATIONS.payload_names
    found = {row.annotation_id: row for row in annotations.collect()}
    by_row = [
        found[key_label_row(KEY, *place, "x", None)[0]]
        for place in [("d/a.csv", 1), ("d/a.csv", 2), ("d/a.csv", 3), ("d/b.csv", 1)]
    ]
    assert len(found) == 4
    assert [(row.record_id, row.ticket_key, row.subject_key, row.text_key, row.matched_by) for row in by_row] == [
        ("r2", None, None, "other", "record_id"),
        ("r1", "t1", "s1", text_key, "text_key"),
        (new_record, None, None, new_text, "new_record"),
        (new_record, None, None, new_text, "new_record"),
    ]
    assert {row.annotator_id for row in by_row} == {key_label_row(KEY, "", 0, "", "ann")[3]}

    tickets = opened.transform(tickets_from_label_rows, known)
    assert tickets.columns == list(RAW_TICKETS)
    assert [row.asDict() for row in tickets.collect()] == [
        {
            "record_id": new_record, "ticket_key": None, "subject_key": None, "text_key": new_text,
            "source": "label_file", "raw_subject": None, "raw_text": "never seen",
            "raw_customer": None, "created_at": None, "received_day": date(2026, 1, 5),
            # Of two files in a batch the one whose pseudonym sorts first comes first.
            "position": f"000000000002/{key_file(KEY, 'd/b.csv')}/000000/000000000000001",
        }
    ]  # fmt: skip

    # Once stored, the record of its own is found by its text and still called what it is.
    stored = known.union(spark.createDataFrame([(new_record, None, None, new_text, "4")], KNOWN))
    again = {row.annotation_id: row.matched_by for row in opened.transform(match_annotations, stored).collect()}
    assert again[by_row[2].annotation_id] == "new_record"
    assert opened.transform(tickets_from_label_rows, stored).isEmpty()
