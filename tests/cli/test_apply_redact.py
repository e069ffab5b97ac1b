"""`lakehouse apply`: the stream's own transforms on a file."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.cli.app import run
from pipelines.cli.redaction_page import render_page
from pipelines.jobs.application import Redacted
from pipelines.transforms.placeholders import Span

ROWS = [
    {"id": "a", "text": "\u00bd \U0001f937 please write to mia@example.com\r\nor call 212-555-0147"},
    {"id": "b", "text": "where is my refund?"},
    {"id": "c", "text": "cafe\u0301: mia@example.com"},
    {"id": "d", "text": ""},
    {"id": "e", "text": "x" * 20_001},
]
TRUTH = [
    {"id": "a", "spans": [{"type": "EMAIL", "start": 20, "end": 35}, {"type": "PHONE", "start": 45, "end": 57}]},
    {"id": "b", "spans": [{"type": "PERSON", "start": 9, "end": 11}]},
    *({"id": name, "spans": []} for name in "cde"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TRUTH), encoding="utf-8")
    return path


def call(*arguments: object) -> int:
    return run(["apply", *map(str, arguments)])


def test_redact_writes_spans_of_the_text_as_it_came_and_scores_them(
    spark: SparkSession, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = file.parent / "out" / "redacted.jsonl", file.parent / "out" / "page.html"
    truth = file.parent / "truth.jsonl"
    done = call("redact", file, "--id-column", "id", "--out", out, "--truth", truth, "--page", page, "--json")
    assert done == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == list("abcde")
    assert lines[0]["text"] == "\u00bd \U0001f937 please write to <EMAIL_ADDRESS>\nor call <PHONE_NUMBER>"
    found = [(span["type"], ROWS[0]["text"][span["start"] : span["end"]]) for span in lines[0]["spans"]]
    assert found == [("EMAIL_ADDRESS", "mia@example.com"), ("PHONE_NUMBER", "212-555-0147")]
    assert ROWS[2]["text"][lines[2]["spans"][0]["start"] :] == "mia@example.com"
    assert (lines[4]["text"], lines[4]["withheld"]) == (None, "text_too_long")
    report = json.loads(capsys.readouterr().out)
    assert (report["texts"], report["changed"], report["withheld"]) == (5, 2, {"text_too_long": 1})
    assert report["types"]["EMAIL_ADDRESS"] == {"count": 2, "shapes": ["xxx@xxxxxxx.xxx"]}
    scores = report["scores"]
    assert (scores["leaking_texts"], scores["by_type"]["PERSON"]["recall"]) == (1, 0.0)
    assert scores["by_type"]["EMAIL_ADDRESS"]["precision"] == 0.5
    shown = page.read_text(encoding="utf-8")
    assert "<mark>mia@example.com<small>EMAIL_ADDRESS</small></mark>" in shown
    assert "<u>my</u>" in shown


def test_what_a_column_calls_the_customer_goes_from_the_text(spark: SparkSession, tmp_path: Path) -> None:
    file, out = tmp_path / "named.jsonl", tmp_path / "o.jsonl"
    file.write_text(json.dumps({"text": "thistlewood again, where is it?", "who": "Gracelyn Thistlewood"}) + "\n")
    assert call("redact", file, "--customer-column", "who", "--out", out) == 0
    assert json.loads(out.read_text())["text"] == "<PERSON> again, where is it?"


def test_the_page_cannot_be_made_to_run_anything(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "hostile.jsonl"
    file.write_text(json.dumps({"text": "<script>alert(1)</script> mia@example.com <img src=x>"}) + "\n")
    assert call("redact", file, "--out", tmp_path / "o.jsonl", "--page", tmp_path / "o.html") == 0
    shown = (tmp_path / "o.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<img" not in shown


def test_the_page_shows_first_what_was_missed() -> None:
    found = (Span(0, 3, "PERSON", 1.0),)
    texts = [Redacted(name, "Mia wrote", "<PERSON> wrote", found, None) for name in ("whole", "part")]
    page = render_page(texts, [[(0, 3, "PERSON")], [(0, 9, "PERSON")]])
    assert page.index("<small>part</small>") < page.index("<small>whole</small>")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--text-column", "body"], "has no column 'body'; it has: id, text"),
        (["--id-column", "number"], "has no column 'number'"),
        (["--truth", "{folder}/other.jsonl"], "has no line for 5 of 5 texts, first '1'"),
        (["--truth", "{folder}/texts.jsonl"], "line 1: expected `spans`, a list of objects"),
    ],
)
def test_wrong_input_is_named(file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    (file.parent / "other.jsonl").write_text('{"id": "z", "spans": []}\n')
    given = [argument.format(folder=file.parent) for argument in arguments]
    assert call("redact", file, "--out", file.parent / "o.jsonl", *given) != 0
    assert told in capsys.readouterr().err
    assert not (file.parent / "o.jsonl").exists()
