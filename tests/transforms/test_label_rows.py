import json
import random

import pytest

from pipelines.transforms.label_rows import LabelRow, parse_label_file, read_confidence, relative_path

HEADER = "text,annotator_id,label,confidence_score\n"


def parse(content: str | bytes) -> list[LabelRow]:
    return list(parse_label_file(content if isinstance(content, bytes) else content.encode()))


def test_a_reordered_header_and_a_further_column_do_not_move_a_cell() -> None:
    content = (
        "\ufefflabel,note,record_id,confidence_score,text,annotator_id\r\n"
        'refund,hi,abc,0.9,"Money\nback, please",ann\r\n'
    )
    assert parse(content) == [
        LabelRow(
            row_number=1,
            raw='{"label": "refund", "note": "hi", "record_id": "abc", "confidence_score": "0.9", '
            '"text": "Money\\nback, please", "annotator_id": "ann"}',
            text="Money\nback, please",
            annotator_id="ann",
            label="refund",
            confidence_score=0.9,
            record_id="abc",
        )
    ]


def test_json_lines_are_told_by_their_content() -> None:
    row = {"text": "Money back", "annotator_id": 7, "label": " refund ", "confidence_score": 1, "note": {"a": 1}}
    assert parse("\n" + json.dumps(row) + "\n\n") == [
        LabelRow(1, json.dumps(row), "Money back", "7", "refund", 1.0, None, None)
    ]


@pytest.mark.parametrize(
    ("content", "row_number", "error"),
    [
        ("", 0, "columns_missing"),
        (HEADER, 0, "rows_missing"),
        ("task,worker,answer\n1,2,3\n", 0, "columns_missing"),
        ("text,label,label,annotator_id,confidence_score\na,b,c,d,1\n", 0, "columns_missing"),
        (HEADER + "a,b,c\n", 1, "row_malformed"),
        (HEADER + "a,b,c,1,more\n", 1, "row_malformed"),
        (HEADER + '"a"b,b,c,1\n', 1, "row_malformed"),
        (HEADER + " ,b,c,1\n", 1, "text_empty"),
        (HEADER + "a,b, ,1\n", 1, "label_empty"),
        (HEADER.encode() + b"caf\xe9,b,c,1\n", 1, "not_utf8"),
        ('{"text":"a","label":"b"}', 1, "columns_missing"),
        ('{"text":"a","label":"b","annotator_id":"c"', 1, "row_malformed"),
        ('{"text":1,"label":"b","annotator_id":"c"}', 1, "row_malformed"),
        ('{"text":null,"label":"b","annotator_id":"c"}', 1, "text_empty"),
        ('{"text":"a","label":null,"annotator_id":"c"}', 1, "label_empty"),
        (b'{"text":"caf\xe9","label":"b","annotator_id":"c"}', 1, "not_utf8"),
    ],
)
def test_what_is_no_vote_is_one_row_with_its_reason(content: str | bytes, row_number: int, error: str) -> None:
    assert [(row.row_number, row.error_code) for row in parse(content)] == [(row_number, error)]


def test_one_broken_row_does_not_touch_its_neighbours() -> None:
    content = HEADER.encode() + b'good,a,l,1\nbad \xff,a,l,1\n"open,a,l,1\nfew,a\ngood too,a,l,1\n'
    assert [(row.row_number, row.text, row.error_code) for row in parse(content)] == [
        (1, "good", None),
        (2, None, "not_utf8"),
        (3, None, "row_malformed"),
        (4, None, "row_malformed"),
        (5, "good too", None),
    ]


def test_a_broken_row_is_kept_as_it_came() -> None:
    assert json.loads(parse(HEADER + "few,a\n")[0].raw) == {"row": "few,a\n"}
    assert json.loads(parse(HEADER.encode() + b"caf\xe9,a,l,1\n")[0].raw) == {"row": "caf\udce9,a,l,1\n"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0.8", 0.8), (" 1 ", 1.0), ("1e-1", 0.1), (".5", 0.5), (0, 0.0), (0.25, 0.25),
        ("", None), ("high", None), ("nan", None), ("inf", None), ("85%", None), ("0_5", None), ("\u0660", None),
        ("1.01", None), ("-0.1", None), (True, None), (None, None), ([1], None), (10**400, None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_a_confidence_is_a_plain_number_from_0_to_1_or_none(written: object, read: float | None) -> None:
    assert read_confidence(written) == read


def test_a_missing_confidence_leaves_a_vote() -> None:
    assert [(row.confidence_score, row.error_code) for row in parse(HEADER + "a,b,c,\n")] == [(None, None)]


@pytest.mark.parametrize(
    ("path", "root", "relative"),
    [
        ("file:/data/w/landing/labeled/2026/01/05/a.csv", "/data/w/landing/labeled", "2026/01/05/a.csv"),
        ("file:///data/w/landing/labeled/loose.csv", "file:/data/w/landing/labeled/", "loose.csv"),
        ("s3://bucket/landing/x/a.csv", "s3://bucket/landing", "x/a.csv"),
        ("dbfs:/Volumes/main/landing/2026/01/05/team/a.csv", "", "2026/01/05/team/a.csv"),
        ("dbfs:/Volumes/main/landing/loose.csv", "/Volumes/main/landing", "loose.csv"),
        ("file:/elsewhere/a b.csv", "/data", "/elsewhere/a b.csv"),
        ("file:/w/2026/01/05/a.csv", "/", "w/2026/01/05/a.csv"),
    ],
)
def test_a_file_is_named_by_its_place_in_the_landing_folder(path: str, root: str, relative: str) -> None:
    assert relative_path(path, root) == relative


def test_no_bytes_whatever_make_it_throw() -> None:
    random_bytes = random.Random(7)
    seeds = [(HEADER + '"a, ""b""",ann,l,0.5\n').encode(), b'{"text":"a","label":"b","annotator_id":"c"}\n']
    for _ in range(500):
        content = bytearray(random_bytes.choice(seeds) * 2)
        for _ in range(random_bytes.randint(1, 4)):
            content[random_bytes.randrange(len(content))] = random_bytes.randrange(256)
        found = parse(bytes(content))
        assert all(row.error_code or (row.text and row.label) for row in found)
        assert all(isinstance(json.loads(row.raw), dict) for row in found)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:01.5+01:00", 1_500_000),
        ("yesterday", None),
        (None, None),
        (1_767_600_000, None),
    ],
)
def test_a_row_may_say_when_it_was_labelled(time: object, expected: int | None) -> None:
    row = {"text": "Money back", "annotator_id": "ann", "label": "refund", "confidence_score": 1, "time": time}
    (vote,) = parse_label_file(json.dumps(row).encode())
    assert (vote.error_code, vote.annotated_micros) == (None, expected)
