import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipelines.adapters.files import FileRow, count_rows, file_digest, read_labelled_examples, read_ticket_file, slug
from pipelines.adapters.row_files import open_row_file
from pipelines.errors import InputDataError, UsageError
from pipelines.intents import Intent
from pipelines.transforms.payloads import Ticket, parse_ticket

MODIFIED = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (MODIFIED, MODIFIED))
    return path


def payloads(rows: list[FileRow]) -> list[dict[str, object]]:
    return [json.loads(row.message.value or b"") for row in rows]


def test_csv_rows_become_payloads_and_other_columns_go_along(tmp_path: Path) -> None:
    path = written(tmp_path, "Mail box (2).csv", '\ufeffid,body,state\r\n7,"Hi,\nwhere?",MA\r\n8,,""\r\n')
    rows = list(read_ticket_file(path, text_column="body", id_column="id"))
    assert payloads(rows) == [
        {
            "ticket_id": "7",
            "source": "Mail box -2",
            "created_at": "2026-01-05T12:00:00+00:00",
            "text": "Hi,\nwhere?",
            "state": "MA",
        },
        {
            "ticket_id": "8",
            "source": "Mail box -2",
            "created_at": "2026-01-05T12:00:00+00:00",
            "text": "",
            "state": "",
        },
    ]
    assert [row.line for row in rows] == [2, 4]
    assert [row.message.key for row in rows] == [b"7", b"8"]
    assert rows[0].message.headers[1] == ("file_line", b"2")
    assert [row.problem for row in rows] == [None, None]
    assert rows[-1].progress == 1.0


def test_without_ids_a_row_is_named_by_the_file_and_its_number_so_reading_twice_adds_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "text\none\nfew,many\ntwo\n")
    first, again = list(read_ticket_file(path)), list(read_ticket_file(written(tmp_path, "b.csv", path.read_bytes())))
    digest = "1426d3ffd49cb29eaed17f73aa60e699c20cbb8bf469aaddd76339b7fe1c195e"
    assert [payload["ticket_id"] for payload in payloads([first[0], first[2]])] == [f"{digest}:1", f"{digest}:3"]
    assert [row.message.key for row in first] == [row.message.key for row in again]
    assert [row.message for row in first] == [row.message for row in read_ticket_file(path)]


def test_broken_rows_are_told_by_their_line_and_go_as_they_are(tmp_path: Path) -> None:
    content = b'text,state\ngood,MA\ncaf\xe9,MA\n\nfew\n"open,MA\r\nalso good,MA\n'
    rows = list(read_ticket_file(written(tmp_path, "a.csv", content)))
    assert [(row.line, row.problem, row.message.value) for row in rows if row.problem] == [
        (3, "not_utf8", b"caf\xe9,MA"),
        (5, "row_malformed", b"few"),
        (6, "row_malformed", b'"open,MA'),
    ]
    assert [payload["text"] for payload in payloads([rows[0], rows[-1]])] == ["good", "also good"]
    assert all(not isinstance(parse_ticket(row.message.value), Ticket) for row in rows if row.problem)


def test_json_lines_that_are_tickets_already_keep_their_bytes(tmp_path: Path) -> None:
    whole = b'{ "text":"a", "ticket_id":7,"source":"mail","created_at":"2026-01-01","x":1.0 }'
    partial = b'{"text":"b","customer":{"id":1},"tags":["vip"]}'
    rows = list(read_ticket_file(written(tmp_path, "in.jsonl", b"\n".join([whole, b"", partial, b'{"text":']))))
    assert rows[0].message.value == whole
    assert rows[0].message.key == b"7"
    assert payloads([rows[1]])[0] | {"ticket_id": "?"} == {
        "ticket_id": "?",
        "source": "in",
        "created_at": "2026-01-05T12:00:00+00:00",
        "text": "b",
        "customer": {"id": 1},
        "tags": ["vip"],
    }
    assert (rows[2].line, rows[2].problem, rows[2].message.value) == (4, "not_json", b'{"text":')


def test_json_that_only_our_reader_refuses_goes_on_as_it_is(tmp_path: Path) -> None:
    rows = list(read_ticket_file(written(tmp_path, "a.jsonl", b'{"text":"a"}\n[1]\n{"text":"\\ud800"}\n')))
    assert [(row.problem, row.message.value) for row in rows[1:]] == [
        ("not_an_object", b"[1]"),
        ("not_json", b'{"text":"\\ud800"}'),
    ]


def test_parquet_values_become_json_values(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "id": [1, 2],
            "text": ["hello", None],
            "created_at": [datetime(2026, 1, 1, 8, tzinfo=UTC), None],
            "amount": [Decimal("1.50"), None],
            "score": [float("nan"), 0.5],
            "raw": [b"\xff", b"ok"],
            "more": [{"a": [1]}, None],
        }
    )
    parquet.write_table(table, path)
    os.utime(path, (MODIFIED, MODIFIED))
    rows = list(read_ticket_file(path, id_column="id", source="shop"))
    assert payloads(rows) == [
        {
            "ticket_id": 1, "source": "shop", "created_at": "2026-01-01T08:00:00+00:00", "text": "hello",
            "amount": "1.50", "score": None, "raw": "\\xff", "more": {"a": [1]},
        },
        {
            "ticket_id": 2, "source": "shop", "created_at": "2026-01-05T12:00:00+00:00", "text": None,
            "amount": None, "score": 0.5, "raw": "ok", "more": None,
        },
    ]  # fmt: skip
    assert [parse_ticket(row.message.value) == "field_missing" for row in rows] == [False, True]


def test_columns_whose_names_are_taken_are_kept_under_another(tmp_path: Path) -> None:
    content = 'id,text,body,source,created_at,tags\n7,short,long story,Web Form,yesterday,"vip, gold"\n'
    path = written(tmp_path, "a.csv", content)
    assert payloads(list(read_ticket_file(path, "body", "id", "shop"))) == [
        {
            "ticket_id": "7",
            "source": "shop",
            "created_at": "2026-01-05T12:00:00+00:00",
            "text": "long story",
            "tags": ["vip", "gold"],
            "original_source": "Web Form",
            "original_created_at": "yesterday",
            "original_text": "short",
        }
    ]
    assert payloads(list(read_ticket_file(path, "body", "id")))[0]["source"] == "Web Form"


@pytest.mark.parametrize(
    ("name", "content", "arguments", "error", "words"),
    [
        ("a.csv", "text,state\nx,y\n", {"text_column": "body"}, InputDataError, "'body'; it has: text, state"),
        ("a.csv", "text,state\nx,y\n", {"id_column": "id"}, InputDataError, "--id-column"),
        ("a.jsonl", '{"body":"x"}\n', {}, InputDataError, "no column 'text'; it has: body"),
        ("a.csv", "text\nx\n", {"source": "a@example.com"}, UsageError, "--source"),
        ("a.csv", "", {}, InputDataError, "no CSV, JSONL or Parquet"),
        ("a.json", '[{"text":"x"}]', {}, InputDataError, "jq -c"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", {}, InputDataError, "Unpack it"),
        ("a.xlsx", b"PK\x03\x04", {}, InputDataError, "spreadsheet"),
        ("a.parquet", b"PAR1 damaged", {}, InputDataError, "damaged Parquet"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: str | bytes, arguments: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_ticket_file(written(tmp_path, name, content), **arguments)


def test_a_path_that_leads_nowhere_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_ticket_file(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="Is a directory"):
        read_ticket_file(tmp_path)


def test_rows_are_counted_as_they_are_read(tmp_path: Path) -> None:
    broken = written(tmp_path, "a.csv", 'text\n"x\ny"\n\nfew,many\n"open\n')
    lines = written(tmp_path, "a.jsonl", '{"text":"x"}\n\nbroken\n')
    parquet.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "a.parquet")
    for path, count in ((broken, 3), (lines, 2), (tmp_path / "a.parquet", 2)):
        assert count_rows(path) == len(list(read_ticket_file(path))) == count


def test_a_file_is_named_by_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(UsageError):
        file_digest(tmp_path / "none.csv")


def test_the_kind_of_a_file_is_seen_in_its_content_not_in_its_name(tmp_path: Path) -> None:
    assert open_row_file(written(tmp_path, "a.csv", '{"text":"x"}\n')).kind == "jsonl"
    assert open_row_file(written(tmp_path, "a.jsonl", "text,b\nx,y\n")).columns == ("text", "b")


@pytest.mark.parametrize(("stem", "source"), [("complaints", "complaints"), ("a@b.c", "a-b.c"), ("--", "file")])
def test_a_source_is_made_of_a_files_name(stem: str, source: str) -> None:
    assert slug(stem) == source


def test_examples_are_chosen_by_hash_and_ambiguous_texts_left_out(tmp_path: Path) -> None:
    rows = [f"refund,please return my money {number}" for number in range(9)]
    rows += ["refund,help me", "card,Help  me", "card,where is my card", "unknown,la la", ",no label", "empty,"]
    forward = read_labelled_examples(written(tmp_path, "a.csv", "\n".join(["Category,Text", *rows])))
    backward = read_labelled_examples(written(tmp_path, "b.csv", "\n".join(["Category,Text", *reversed(rows)])))
    assert forward == backward
    assert [intent.name for intent in forward] == ["card", "empty", "refund"]
    assert forward[:2] == [Intent("card", "", ("where is my card",)), Intent("empty", "", ())]
    assert len(forward[2].examples) == 5
    assert "help me" not in forward[2].examples


def test_long_texts_are_examples_only_where_there_are_no_others(tmp_path: Path) -> None:
    path = written(
        tmp_path, "a.csv", "text,label\n" + "\n".join([f"{'x' * 700} {n},a" for n in range(5)] + ["short,a"])
    )
    examples = read_labelled_examples(path, per_label=2)[0].examples
    assert examples[0] == "short"
    assert len(examples[1]) == 702


def test_a_file_without_labels_says_which_columns_it_has(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match="has no column 'intent'; it has: text, x"):
        read_labelled_examples(written(tmp_path, "a.csv", "text,x\na,b\n"))
    with pytest.raises(InputDataError, match="no row has a label"):
        read_labelled_examples(written(tmp_path, "a.csv", "text,label\na,\n"))
