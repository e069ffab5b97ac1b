"""The command line as a person meets it: one workspace with real parts, and every way to call it wrongly."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.cli.app import run
from tests.spark_line import FEATURES

LAKEHOUSE = [sys.executable, "-m", "pipelines"]
TICKETS = """id,body,topic
1,"My card, the blue one, was stolen
yesterday",card
2,Please give my money back,refund
3,I cannot log in any more,login
4,,refund
"""
INTENTS = """intents:
  - name: card
    description: A card is lost or stolen
    examples: [my card was stolen, I lost my card]
  - name: refund
    examples: [I want my money back, please refund me]
  - name: login
    examples: [I cannot log in, my password does not work]
"""


def lakehouse(*arguments: object, timeout: int = 300, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAKEHOUSE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "tickets.csv").write_text("\ufeff" + TICKETS, encoding="utf-8")
    (folder / "intents.yml").write_text(INTENTS, encoding="utf-8")
    done = lakehouse("init", folder / "project", "--intents", folder / "intents.yml")
    assert done.returncode == 0, done.stderr
    return folder / "project"


def test_own_files_flow_to_their_places_even_after_a_kill(
    spark: SparkSession, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tickets = workspace.parent / "tickets.csv"
    columns = ("--text-column", "body", "--id-column", "id", "--workspace", workspace)

    def reported(*arguments: object) -> object:
        # In this process and its session: only the killed command needs a process of its own.
        capsys.readouterr()
        assert run([*map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    sent = reported("ingest", tickets, *columns)
    assert [(report["sent"], report["broken"]) for report in sent] == [(4, 0)]
    assert reported("ingest", tickets, *columns)[0]["sent"] == 0
    killed = lakehouse("run", "--slm", "off", "-w", workspace, LAKEHOUSE_FAULT="after_silver:kill")
    assert killed.returncode == -signal.SIGKILL
    stages = reported("run", "all", "--slm", "off", "-w", workspace)
    assert [stage["stage"] for stage in stages] == ["bronze", "silver", "labels", "gate", *FEATURES, "agreement"]
    status = reported("status", "-w", workspace)
    books = status["ledger"]
    assert (books["messages"], books["invalid"], books["records"], books["difference"]) == (4, 1, 3, 0)
    assert (books["gold"] + books["quarantine"], status["lag"]) == (3, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "advice"),
    [
        (["ingest", "nowhere.csv", "-w", "{workspace}"], 64, "nowhere.csv"),
        (["ingest", "{tickets}", "--text-column", "nope", "-w", "{workspace}"], 65, "id, body, topic"),
        (["init", "{workspace}", "--intents", "{intents}"], 64, "workspace already"),
        (["init", "other"], 64, "--from-labelled"),
        (["status", "-w", "{folder}"], 78, "lakehouse init"),
        (["validate", "{tickets}", "--out", "{folder}/out"], 65, "text,annotator_id,label,confidence_score"),
        (["validate", "nowhere.csv", "--out", "out"], 64, "nowhere.csv"),
        (["verify", "{folder}"], 4, "Export again"),
        (["sql", "delete from gold.decisions", "-w", "{workspace}"], 64, "SELECT"),
        (["run", "bronze", "--continuous", "--json", "-w", "{workspace}"], 64, "--json"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_an_exit_code(
    spark: SparkSession,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    advice: str,
) -> None:
    folder = workspace.parent
    places = {
        "workspace": workspace,
        "folder": folder,
        "tickets": folder / "tickets.csv",
        "intents": folder / "intents.yml",
    }
    capsys.readouterr()
    assert run([argument.format(**places) for argument in arguments]) == code
    told = capsys.readouterr().err
    assert advice in " ".join(told.split())
    assert "Traceback" not in told
    assert "py4j" not in told


@pytest.mark.parametrize(
    ("variable", "value", "code", "advice"),
    [
        ("LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1", 69, "127.0.0.1:1"),
        ("LAKEHOUSE_GATE__MIN_CONFIDENCE", "2", 78, "gate.min_confidence"),
        ("LAKEHOUSE_GATE__MINIMUM", "0.5", 78, "gate.minimum"),
        ("LAKEHOUSE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL", 78, "kafka.security_protocol"),
        ("LAKEHOUSE_SECRETS__PSEUDONYM_KEY_REF", "env:NOT_SET_ANYWHERE", 78, "NOT_SET_ANYWHERE"),
        ("LAKEHOUSE_MODELS__ENCODER_URI", "nobody@champion", 78, "models.encoder_uri"),
    ],
)
def test_what_is_missing_outside_is_named_and_nothing_is_lost(
    spark: SparkSession,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    code: int,
    advice: str,
) -> None:
    monkeypatch.setenv("LAKEHOUSE_KAFKA__REQUEST_TIMEOUT_SECONDS", "3")
    monkeypatch.setenv(variable, value)
    capsys.readouterr()
    found = run(["run", "bronze", "-w", str(workspace)])
    told = capsys.readouterr().err
    assert (found, advice in " ".join(told.split())) == (code, True), told
    assert "Traceback" not in told


def test_a_workspace_of_another_version_is_refused_by_the_process_itself(tmp_path: Path) -> None:
    (tmp_path / "lakehouse.yml").write_text("workspace_version: 99\n", encoding="utf-8")
    done = lakehouse("status", "-w", tmp_path)
    assert done.returncode == 78
    assert "workspace_version 99" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_doctor_finds_nothing_wrong_here(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    code = run(["doctor", "-w", str(workspace), "--json"])
    checks = json.loads(capsys.readouterr().out)
    wrong = {check["name"] for check in checks if not check["ok"]}
    assert (code == 0) == (wrong == set())
    assert wrong <= {"memory", "disk"}


def test_ctrl_c_is_answered_with_what_it_costs(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.cli.flow.run_stages", press)
    assert run(["run", "--workspace", str(workspace)]) == 130
    assert "Stopped. Nothing is lost" in capsys.readouterr().err
