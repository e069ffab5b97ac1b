"""The wheel that the bundle ships: with its settings and entry points, wherever it is installed."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheels import ROOT, build_wheel, install, packages


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of libraries that is not the interpreter's, as on a cluster, with our wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    return install(build_wheel(folder), folder / "libraries")


def test_settings_are_found_beside_the_libraries(prefix: Path, tmp_path: Path) -> None:
    code = "from pipelines.configuration import conf_dir; print(conf_dir())"
    environment = {"PYTHONPATH": str(packages(prefix)), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    found = Path(done.stdout.strip())
    assert found == prefix / "share" / "intent-lakehouse" / "conf"
    shipped = {path.name for path in (ROOT / "conf").glob("*.yml")}
    assert {"databricks.yml", "roles.yml"} <= shipped == {path.name for path in found.glob("*.yml")}


def test_tasks_find_their_entry_points_in_the_wheel(prefix: Path) -> None:
    (installed,) = importlib.metadata.distributions(name="intent-lakehouse", path=[str(packages(prefix))])
    entries = {entry.name: entry.value for entry in installed.entry_points if entry.group == "databricks"}
    assert entries["gate"] == "pipelines.cli.tasks:gate"
    assert "maintain" in entries
    needed = [line for line in installed.requires or [] if "extra ==" not in line]
    assert [line for line in needed if line.startswith(("pyspark", "delta-spark"))] == []
