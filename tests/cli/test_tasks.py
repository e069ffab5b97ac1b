"""Tasks of a scheduler: named parameters in, a command out, and an end that Databricks takes for what it is."""

import os
import sys

import pytest

from pipelines.cli import tasks
from pipelines.cli.tasks import options_of


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_a_wrong_call_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["maintain", "--keep-days", "3"], ["maintain", "--keep-day", "30"], ["tidy"]):
        assert tasks.run(arguments) == 2
        assert "unforeseen" not in capsys.readouterr().err


def test_named_parameters_become_options_switches_and_settings() -> None:
    parameters = ["--workspace=/w", "--continuous=true", "--json=false", "--models.experiment=/Shared/a=b"]
    assert options_of(parameters) == ["--workspace=/w", "--continuous"]
    assert os.environ["LAKEHOUSE_MODELS__EXPERIMENT"] == "/Shared/a=b"


def test_a_command_that_is_done_returns_and_one_that_fails_exits_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["task", "--workspace=/w"])
    asked: list[list[str]] = []
    codes = iter([0, 70])
    monkeypatch.setattr(tasks, "run", lambda arguments: asked.append(arguments) or next(codes))
    tasks.gate()
    with pytest.raises(SystemExit) as ended:
        tasks.export()
    assert ended.value.code == 70
    assert asked == [["run", "gate", "--workspace=/w"], ["export", "--workspace=/w"]]
