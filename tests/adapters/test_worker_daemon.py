"""What stands in the process that workers are forked from, before the first fork."""

import gc
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark import daemon

from pipelines.adapters import detectors, worker_daemon
from pipelines.configuration import load_settings
from pipelines.errors import MissingDependencyError
from pipelines.redaction_policy import OwnPattern, RedactionSettings


@pytest.fixture(autouse=True)
def unfrozen(monkeypatch: pytest.MonkeyPatch) -> None:
    # What other tests of this process leave behind has to be collected some day.
    monkeypatch.setattr(gc, "freeze", lambda: None)


def test_the_detectors_are_there_before_a_worker_is_forked_and_nothing_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spark reads a port number from what this process prints."""
    loaded: list[int] = []

    def serve() -> None:
        before = detectors.load_engine.cache_info().hits
        detectors.load_engine(load_settings([]).redaction)
        loaded.append(detectors.load_engine.cache_info().hits - before)

    detectors.load_engine.cache_clear()
    monkeypatch.setattr(daemon, "manager", serve)
    monkeypatch.setenv(worker_daemon.WARM, "bronze,silver,gate")
    worker_daemon.main()
    assert loaded == [1]
    assert capsys.readouterr().out == ""


def test_the_detectors_are_those_of_the_policy_that_the_session_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipped = load_settings([], environment={}).redaction
    words = OwnPattern("ACCOUNT_NUMBER", words=("\U0001f600 one", "two"))
    policy = replace(shipped, entities=shipped.entities[2:], patterns=(words,), allow=("\u00e9t\u00e9",))
    variables = worker_daemon.warming(["silver"], policy, tmp_path / "scratch")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    loaded: list[RedactionSettings] = []

    def redact(texts: object, settings: RedactionSettings, key: bytes) -> None:
        loaded.append(settings)

    monkeypatch.setattr(detectors, "redact_texts", redact)
    worker_daemon.load_detectors()
    assert loaded == [policy]
    file = tmp_path / "scratch" / "redaction.json"
    assert file.stat().st_mode & 0o077 == 0
    assert worker_daemon.warming([], policy, tmp_path / "none") == {worker_daemon.WARM: ""}
    assert not (tmp_path / "none").exists()


def test_what_is_missing_is_left_to_the_workers_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingDependencyError("Redaction needs something.")

    served: list[bool] = []
    monkeypatch.setattr(daemon, "manager", lambda: served.append(True))
    monkeypatch.setitem(worker_daemon.STARTERS, "silver", missing)
    monkeypatch.setenv(worker_daemon.WARM, "silver")
    worker_daemon.main()
    monkeypatch.delenv(worker_daemon.WARM)
    worker_daemon.main()
    assert served == [True, True]
