"""Every command the README shows is run, in its order, as a newcomer would; `make test` itself excepted."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.cli.app import run
from tests.spark_line import HAS_SPARK_NLP

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line]
DEMO_TICKETS = 150


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The README's paths are relative to a checkout; this one has the same code and a folder of its own to write to.
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("tests/golden", "conf"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def arguments_of(command: str) -> list[str]:
    words = shlex.split(command)
    if words == ["make", "demo"]:
        return ["demo", "--tickets", str(DEMO_TICKETS)]
    assert words[0] == ".venv/bin/lakehouse", command
    return words[1:]


@pytest.mark.timeout(1800)
def test_readme_commands_run_in_their_order(
    spark: SparkSession, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]
    monkeypatch.chdir(checkout)
    for command in COMMANDS:
        if command == "make test":
            continue
        # In this process: a session of its own for each command would cost more than all other tests together.
        code = run(arguments_of(command))
        printed = capsys.readouterr()
        assert code == 0, f"{command}\n{printed.out[-2000:]}\n{printed.err[-2000:]}"
    assert_cluster_is_named(capsys)
    assert_demo_is_whole(checkout / "demo")
    assert_validated(checkout / "my-project" / "validated")


def assert_cluster_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clusters", "--workspace", "my-project", "--json"]) == 0
    (twice,) = json.loads(capsys.readouterr().out)
    assert (twice["records"], "last order" in twice["phrases"]) == (2, HAS_SPARK_NLP)


def assert_demo_is_whole(workspace: Path) -> None:
    manifest = json.loads((workspace / "export" / "manifest.json").read_text(encoding="utf-8"))
    rows = (workspace / "export" / "clean_training_dataset.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == manifest["files"]["clean_training_dataset.jsonl"]["rows"] > DEMO_TICKETS / 3
    assert {model["name"] for model in manifest["models"]} >= {"ticket-encoder", "intent-slm", "intent-prompt"}
    planted = [
        span
        for line in (workspace / "truth.jsonl").read_text(encoding="utf-8").splitlines()
        for span in json.loads(line)["spans"]
    ]
    assert planted, "the demo plants personal values"


def assert_validated(folder: Path) -> None:
    rows = [
        json.loads(line) for line in (folder / "clean_training_dataset.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert sorted((row["text"], row["label"], row["confidence"]) for row in rows) == [
        ('I paid twice, "again", for one order', "billing", 0.95),
        ("Send it back?", "refund", 0.9),
        ("The box was open,\nand empty", "delivery", 0.9),
        ("Where is my parcel?", "delivery", 0.8),
    ]
    assert (folder / "disagreements.log").read_text(encoding="utf-8") == "Cancel it please | cancel,refund | 2\n"
