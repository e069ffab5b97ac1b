"""What a session on a cluster is told that one on this machine is not, and the other way round."""

import json
import zipfile
from pathlib import Path

import pytest

from pipelines.adapters.session_configuration import is_local, session_configuration, worker_variables
from pipelines.adapters.worker_daemon import POLICY, WARM, warming
from pipelines.configuration import load_settings
from pipelines.errors import SettingsError
from pipelines.settings import SparkSettings

MASTER = "spark://host:7077"
NAMED = "intent_lakehouse-0.1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "dist" / NAMED
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pipelines/__init__.py", "")
    return path


def configured(tmp_path: Path, **settings: str) -> dict[str, str]:
    jars = [tmp_path / "one" / "a.jar", tmp_path / "two" / "a.jar"]
    log4j = tmp_path / "log4j2.properties"
    return session_configuration(SparkSettings(**settings), jars, tmp_path / "scratch", log4j, lasting=True)


def test_the_wheel_is_shipped_as_an_archive_that_executors_look_for_packages_in(tmp_path: Path, wheel: Path) -> None:
    told = configured(tmp_path, master=MASTER, wheel=str(wheel))
    archive, _, folder = told["spark.archives"].partition("#")
    assert told["spark.executorEnv.PYTHONPATH"] == folder
    assert archive.endswith(".zip"), "Spark unpacks archives by their ending, and knows no wheels"
    assert Path(archive.removeprefix("file://")).read_bytes() == wheel.read_bytes()


def test_a_cluster_keeps_its_own_addresses_and_partitions(tmp_path: Path) -> None:
    told, local = configured(tmp_path, master=MASTER), configured(tmp_path)
    own = {"spark.driver.host", "spark.driver.bindAddress", "spark.sql.shuffle.partitions", "spark.ui.enabled"}
    assert own & told.keys() == set()
    assert own <= local.keys()
    assert "spark.archives" not in told.keys() | local.keys()


def test_what_rows_and_privacy_depend_on_holds_everywhere(tmp_path: Path) -> None:
    told, local = configured(tmp_path, master=MASTER), configured(tmp_path, master="local[3,4]")
    assert local["spark.sql.shuffle.partitions"] == "3"
    assert "-Dlog4j2.level=WARN" in told["spark.executor.defaultJavaOptions"]
    for name in ("spark.sql.session.timeZone", "spark.io.encryption.enabled", "spark.python.daemon.module"):
        assert told[name] == local[name]
    assert told["spark.jars"] == str(tmp_path / "two" / "a.jar"), "a driver hands out one jar of a name"


@pytest.mark.parametrize("name", ["missing/" + NAMED, "other-1.0-py3-none-any.whl"])
def test_another_file_than_our_wheel_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "other-1.0-py3-none-any.whl").touch()
    with pytest.raises(SettingsError, match=r"Setting spark\.wheel: .* is no file named .*pip wheel --no-deps"):
        configured(tmp_path, master=MASTER, wheel=str(tmp_path / name))


def test_a_policy_goes_to_the_executors_as_a_file_of_their_own(tmp_path: Path) -> None:
    policy = load_settings([], environment={}).redaction
    variables = warming(["silver"], policy, tmp_path)
    local = worker_variables(SparkSettings(), variables)
    told = worker_variables(SparkSettings(master=MASTER), variables)
    file = Path(variables[POLICY])
    assert local == {f"spark.executorEnv.{WARM}": "silver", f"spark.executorEnv.{POLICY}": str(file)}
    assert told[f"spark.executorEnv.{POLICY}"] == file.name
    assert told["spark.files"] == file.as_uri()
    assert json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("master", "local"), [("local", True), ("local[2,4]", True), ("local-cluster[2,1,800]", False)]
)
def test_a_cluster_is_whatever_is_not_this_process(master: str, local: bool) -> None:
    assert is_local(master) is local
