"""Quarantine, one ticket's life and people's votes, as a person at the command line meets them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.cli.app import run
from pipelines.cli.opening import open_tables
from pipelines.contracts import LABELS, TICKETS_SILVER
from pipelines.workspace import open_workspace
from tests.builders import frame, record, vote
from tests.cli.workspaces import make_workspace

INTENTS = "intents:\n- {name: card, examples: [b]}\n- {name: refund, examples: [d]}\n"
CARD, REFUND, OTHER = (digit * 64 for digit in "bec")
"""By their lots the first is audited, the last calibrates, and the second may teach."""
Printed = Callable[..., Any]


@pytest.fixture(scope="module")
def workspace(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_workspace(tmp_path_factory.mktemp("quarantine"), INTENTS)
    with (root / "lakehouse.yml").open("a", encoding="utf-8") as file:
        file.write("gate: {audit_share: 0.2, calibration_share: 0.35}\n")
    texts = {CARD: "<PERSON> lost a card", REFUND: "=a refund, [/maybe]", OTHER: "=nobody knows"}
    spans = {CARD: [("text", "PERSON", 0, 4, 0.9)]}
    records = [record(name, text=text, spans=spans.get(name, [])) for name, text in texts.items()]
    votes = [
        vote("card", 0.9, "memory", text=texts[CARD], record_id=CARD, second_label="refund"),
        vote("refund", 0.5, "memory", text=texts[REFUND], record_id=REFUND, second_confidence=0.4),
        vote("unknown", 0.9, "memory", text=texts[OTHER], record_id=OTHER),
    ]
    store = open_tables(open_workspace(root), spark)
    append_once(frame(spark, TICKETS_SILVER, *records), store, TICKETS_SILVER, BatchWrite("silver", 1, 0))
    append_once(frame(spark, LABELS, *votes), store, LABELS, BatchWrite("labels", 1, 0))
    assert run(["run", "gate", "-w", str(root)]) == 0
    return root


@pytest.fixture
def printed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Printed:
    def call(*arguments: str) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--json", "-w", str(workspace)]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return call


def test_quarantine_is_counted_listed_shown_and_emptied_on_request(
    workspace: Path, printed: Printed, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = printed("quarantine", "stats")
    assert (counted["records"], counted["by_age"]) == (2, {"under 1 day": 2})
    assert counted["by_reason"] == {"confidence_below_threshold": 1, "intent_unknown": 1}
    (row,) = printed("quarantine", "list", "--reason", "intent_unknown")
    assert (row["record_id"], row["label"], row["text"]) == (OTHER, "unknown", "=nobody knows")
    assert printed("quarantine", "show", OTHER[:8])["reason"] == "intent_unknown"
    spam = ("quarantine", "discard", OTHER[:10], "--because", "spam")
    assert printed(*spam, "--dry-run")["by_label"] == {"unknown": 1}
    assert printed("sql", "select count(*) n from bronze.commands") == [{"n": 0}]
    assert printed(*spam)["records"] == 1
    printed("run", "gate")
    life = printed("explain", OTHER)
    assert life["place"] == "discarded"
    assert [(one["action"], one["because"]) for one in life["requests"]] == [("discard", "spam")]
    assert [one["verdict"] for one in life["decisions"]] == ["unknown_intent", "discarded"]
    assert printed("quarantine", "replay", OTHER)["records"] == 1
    printed("run", "gate")
    assert printed("explain", OTHER)["place"] == "quarantine"
    capsys.readouterr()
    assert run(["quarantine", "list", "-w", str(workspace)]) == 0
    assert "[/maybe]" in capsys.readouterr().out


def test_one_screen_tells_a_tickets_life(workspace: Path, printed: Printed, capsys: pytest.CaptureFixture[str]) -> None:
    life = printed("explain", CARD[:8])
    assert (life["record_id"], life["place"], life["redactions"]) == (CARD, "gold", {"PERSON": 1})
    assert [(one["voter"], one["version"]) for one in life["votes"]] == [("memory", "memory=ticket-encoder@1")]
    assert life["decisions"][0]["parts"] == [{"label": "memory", "probability": 0.9}]
    assert life["tasks"] == [{"task": "audit_sample", "labels": ["card"]}]
    capsys.readouterr()
    assert run(["explain", CARD, "-w", str(workspace)]) == 0
    screen = capsys.readouterr().out
    for told in ("PERSON 1", "ticket-encoder@1", "accepted", "█", "0.900", "gate", "Now: gold", "audit_sample"):
        assert told in screen


def test_texts_go_out_to_people_and_come_back_as_votes(
    workspace: Path, printed: Printed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, lines = tmp_path / "next.csv", tmp_path / "next.jsonl"
    assert printed("annotate", "sample", "--budget", "2", "--out", str(sheet))["by_purpose"] == {
        "audit": 1, "gain": 1,
    }  # fmt: skip
    before = sheet.read_bytes()
    printed("annotate", "sample", "--budget", "2", "--out", str(sheet))
    assert sheet.read_bytes() == before
    printed("annotate", "sample", "--budget", "9", "--out", str(lines))
    asked = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert {one["record_id"] for one in asked} == {CARD, REFUND}, "what calibrates is known"
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["purpose"] for row in rows] == ["audit", "gain"]
    assert (rows[0]["text"], rows[0]["candidates"]) == ("<PERSON> lost a card", "card | refund")
    assert not rows[1]["text"].startswith("=")
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows([rows[0] | {"label": "card"}, rows[1], rows[0] | {"label": "carpet"}])
    done = printed("annotate", "import", str(sheet), "--annotator", "ann")
    assert (done["votes"], done["unfilled"], done["refused"]) == (
        1, 1, [{"line": 4, "reason": "label_unknown", "column": "label"}],
    )  # fmt: skip
    again = printed("annotate", "import", str(sheet), "--annotator", "ann")
    assert (again["votes"], again["repeated"]) == (0, 1)
    capsys.readouterr()
    assert run(["annotate", "import", str(sheet), "--annotator", "ann", "-w", str(workspace)]) == 0
    told = capsys.readouterr().out
    assert "label_unknown" in told
    assert "carpet" not in told


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (["explain", "f" * 64], 65, "lakehouse run all"),
        (["explain", "abc"], 65, "8 to 64"),
        (["quarantine", "show", CARD[:8]], 64, "lakehouse explain"),
        (["quarantine", "replay"], 64, "--all"),
        (["quarantine", "discard", "--all", "--because", " "], 64, "say why"),
        (["quarantine", "replay", "--reason", "bad_mood"], 64, "intent_unknown"),
        (["quarantine", "replay", "--all", "--version", "gpt@1"], 64, "intent-slm"),
        (["annotate", "sample", "--budget", "1", "--out", "x.pdf"], 64, ".jsonl"),
        (["annotate", "import", "{intents}"], 65, "label"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    spark: SparkSession,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    advice: str,
) -> None:
    capsys.readouterr()
    intents = str(workspace.parent / "intents.yml")
    found = run([*[argument.replace("{intents}", intents) for argument in arguments], "-w", str(workspace)])
    told = " ".join(capsys.readouterr().err.split())
    assert (found, advice in told) == (code, True), told
    assert "Traceback" not in told
