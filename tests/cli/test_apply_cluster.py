"""`lakehouse apply cluster` on files of one's own."""

import json
from pathlib import Path

import pytest

from pipelines.cli.app import run

TICKETS = [
    ("a", "My card was stolen in the station, please send a new one to jane.roe@example.com as soon as you can"),
    ("b", "I want my money back"),
    ("c", "my card was stolen in the station, please send a new one to jane.roe@example.com as soon as possible"),
    ("d", "I want my  MONEY back"),
    ("e", ""),
    ("f", "emoji \U0001f621 and nothing else"),
    ("g", "  "),
]


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    file = tmp_path / "tickets.jsonl"
    rows = [{"number": name, "body": text} for name, text in TICKETS]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def cluster(file: Path, *more: str) -> tuple[int, list[dict[str, object]]]:
    out = file.with_name("clusters.jsonl")
    named = ["--text-column", "body", "--id-column", "number"]
    code = run(["apply", "cluster", str(file), *named, "--out", str(out), *more])
    return code, [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def test_rows_come_in_the_order_of_the_file_and_the_report_shows_no_personal_value(
    tickets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = cluster(tickets, "--threshold", "0.7", "--json")
    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [row["id"] for row in rows] == ["a", "b", "c", "d", "e", "f", "g"]
    assert [row["cluster_id"] for row in rows] == ["a", "b", "a", "b", "e", "f", "g"]
    assert [row["duplicate_of"] for row in rows] == [None, None, "a", "b", None, None, None]
    assert [row["similarity"] for row in rows][3:] == [1.0, None, None, None]
    assert 0.7 <= float(str(rows[2]["similarity"])) < 1
    assert (report["threshold"], report["texts"], report["clusters"], report["alone"]) == (0.7, 5, 2, 1)
    assert report["without_text"] == 2
    assert [one["cluster_id"] for one in report["biggest"]] == ["a", "b"]
    assert "card was stolen" in report["biggest"][0]["example"]
    assert "jane.roe" not in json.dumps(report)


def test_the_tables_name_sizes_examples_and_thresholds(tickets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cluster(tickets)[0] == 0
    shown = capsys.readouterr().out
    for expected in (
        "Clusters by size",
        "Biggest clusters",
        "card was stolen",
        "What another threshold would do",
        "0.9",
    ):
        assert expected in shown
    assert "jane.roe" not in shown


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (("--threshold", "1.5"), 78, "clusters.similarity_threshold: must be above 0 and at most 1"),
        (("--threshold", "0"), 78, "clusters.similarity_threshold: must be above 0 and at most 1"),
        (("--text-column", "missing"), 65, "has no column 'missing'; it has: number, body"),
    ],
)
def test_wrong_calls_are_refused_in_a_sentence_and_write_nothing(
    tickets: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, sentence: str
) -> None:
    assert cluster(tickets, *more) == (code, [])
    assert sentence in " ".join(capsys.readouterr().err.split())
