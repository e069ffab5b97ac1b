"""Every command the README shows is run, in its order, as a newcomer would; `make test` itself excepted."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def runnable(command: str) -> list[str]:
    words = shlex.split(command)
    if words == ["make", "demo"]:
        return [sys.executable, "-m", "pipelines", "demo", "--tickets", str(DEMO_TICKETS)]
    if words[0] == ".venv/bin/lakehouse":
        return [sys.executable, "-m", "pipelines", *words[1:]]
    return words


def test_readme_commands_run_in_their_order(checkout: Path) -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]
    for command in COMMANDS:
        if command == "make test":
            continue
        done = subprocess.run(
            runnable(command), cwd=checkout, capture_output=True, text=True, timeout=580, check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert_demo_is_whole(checkout / "demo")
    assert_validated(checkout / "my-project" / "validated")


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
