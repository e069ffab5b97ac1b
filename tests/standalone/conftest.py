"""One topic with tickets, the wheel, and what a run on this machine makes of the tickets."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipelines.adapters.broker import running_broker
from pipelines.adapters.kafka import OutgoingMessage, ensure_topic, produce
from pipelines.cli.opening import prepare_models
from pipelines.configuration import conf_dir
from pipelines.intents import load_intents
from pipelines.settings import KafkaSettings
from pipelines.simulated_labels import write_labelled_files
from pipelines.simulation import generate
from pipelines.workspace import MARKER, init_workspace
from tests.wheels import build_wheel, install, packages

TICKETS = 160
RUN_SECONDS = 1_200
CANARY = "Wilhelmina Oberholtzer"
"""Stands in one ticket, and in the name of one dropped file."""


@dataclass(frozen=True)
class Told:
    """What a run has told of itself; see `driver.py`."""

    code: str
    drained: dict[str, int]
    tables: dict[str, list[str]]
    workers: dict[str, list[dict[str, object]]]


Run = Callable[..., Told]


@pytest.fixture(scope="package")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="package")
def libraries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages(install(wheel, tmp_path_factory.mktemp("libraries")))


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace whose topic holds tickets, whose registry holds the models, and whose tables nobody has made."""
    root = tmp_path_factory.mktemp("project") / "base"
    workspace = init_workspace(root, load_intents(conf_dir() / "demo" / "intents.yml"))
    prepare_models(workspace)
    simulation = generate(7, TICKETS)
    files = write_labelled_files(simulation, root / "landing" / "labeled")
    files[0].rename(files[0].with_name(f"{CANARY}.csv"))
    ticket = {"ticket_id": "T-1", "source": "email", "text": f"I am {CANARY}, where is my order?"}
    kafka = KafkaSettings()
    with running_broker(root / "kafka", root / "logs" / "kafka.log") as servers:
        ensure_topic(kafka, servers, root)
        messages = [*simulation.messages, OutgoingMessage(json.dumps(ticket).encode(), timestamp_ms=1_767_600_000_000)]
        produce(kafka, servers, root, messages, lambda count: None)
        settings = {
            "workspace_version": 1,
            # Three batches of bronze; a flood that exceeds its day's limit.
            "kafka": {"bootstrap_servers": servers, "max_messages_per_batch": 60},
            "intake": {"daily_identical_limit": 2},
            "labelling": {"slm": "off"},
            "models": {"tracking_uri": workspace.tracking_uri},
        }
        (root / MARKER).write_text(yaml.safe_dump(settings), encoding="utf-8")
        yield root


@pytest.fixture(scope="package")
def run_streams(base: Path, libraries: Path) -> Run:
    """Give the function that runs the streams in a copy of the workspace, with settings of its own."""

    def run(name: str, own: dict[str, dict[str, object]], **environment: str) -> Told:
        root = base.parent / name
        shutil.copytree(base, root, ignore=shutil.ignore_patterns("kafka", "mlflow", "logs"))
        settings = yaml.safe_load((root / MARKER).read_text(encoding="utf-8"))
        for section, values in own.items():
            settings[section] = settings.get(section, {}) | values
        (root / MARKER).write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = [sys.executable, str(Path(__file__).with_name("driver.py")), str(root), str(root / "told.json")]
        done = subprocess.run(
            command,
            cwd=root,
            env=os.environ | environment | {"PYTHONPATH": str(libraries)},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4_000:]
        return Told(**json.loads((root / "told.json").read_text(encoding="utf-8")))

    return run


@pytest.fixture(scope="package")
def local_run(run_streams: Run, libraries: Path) -> Told:
    told = run_streams("local", {})
    assert told.code.startswith(str(libraries))
    # Every place has rows, or equality would say nothing of it.
    assert {name for name, rows in told.tables.items() if not rows} <= {"silver.cluster_merges"}
    return told
