"""The wheel that the bundle ships: with its settings and entry points, wherever it is installed."""

import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of libraries that is not the interpreter's, as on a cluster, with our wheel in it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    built = ["setup.py", "--quiet", "bdist_wheel", "--dist-dir", str(folder / "dist")]
    subprocess.run([sys.executable, *built], cwd=source, check=True, capture_output=True, timeout=300)
    (wheel,) = (folder / "dist").glob("*.whl")
    # What stands in the interpreter's own folder is neither looked at nor touched.
    install = ["install", "--quiet", "--ignore-installed", "--no-deps", "--no-index"]
    install += ["--prefix", str(folder / "libraries"), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, timeout=300)
    return folder / "libraries"


def packages(prefix: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(prefix)}))


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
