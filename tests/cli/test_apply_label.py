"""`lakehouse apply label` on a file of one's own, with the embedded models."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.cli.app import run

INTENTS = """intents:
- {name: card_lost, examples: [I lost my card, my card is gone]}
- {name: refund, examples: [I want my money back, please refund my order]}
"""
ROWS = [
    {"id": "a", "text": "I lost my card!"},
    {"id": "b", "text": "please refund my order, mia@example.com"},
    {"id": "c", "text": "x" * 20_001},
    {"id": "d", "text": "the weather on Mars is dusty"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    (tmp_path / "intents.yml").write_text(INTENTS, encoding="utf-8")
    return path


def test_a_file_is_labelled_as_the_stream_would(
    spark: SparkSession, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.jsonl"
    named = ["--id-column", "id", "--intents", str(tmp_path / "intents.yml"), "--slm", "off", "--out", str(out)]
    assert run(["apply", "label", str(file), *named, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    lines = {line["id"]: line for line in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert list(lines) == list("abcd")
    assert (lines["a"]["label"], lines["b"]["label"], lines["c"]["label"]) == ("card_lost", "refund", None)
    assert (lines["c"]["verdict"], lines["c"]["reason"], lines["c"]["votes"]) == ("too_long", "text_too_long", [])
    assert lines["d"]["label"] == "unknown"
    (vote,) = lines["a"]["votes"]
    assert (vote["voter"], vote["label"], vote["confidence"]) == ("memory", "card_lost", lines["a"]["confidence"])
    assert vote["version"].startswith("memory=ticket-encoder@")
    assert report["by_voter"] == {"memory": 3}
    verdicts = {name: line["verdict"] for name, line in lines.items()}
    assert verdicts == {"a": "accepted", "b": "accepted", "c": "too_long", "d": "unknown_intent"}
    assert (report["texts"], report["accepted"]) == (4, 2)
    assert report["by_reason"] == {"text_too_long": 1, "intent_unknown": 1}
    assert "mia@" not in out.read_text(encoding="utf-8")


def test_without_a_workspace_and_intents_nobody_knows_the_labels(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["apply", "label", str(file), "--out", str(tmp_path / "o.jsonl")]) == 64
    assert "--intents" in capsys.readouterr().err
