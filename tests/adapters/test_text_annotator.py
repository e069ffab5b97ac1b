"""Where Spark NLP cannot be had, one line says what to type; the rest of the product runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.adapters import text_annotator
from pipelines.adapters.jars import jar_folder
from pipelines.cli.flow import ORDER, Stage, runnable
from pipelines.settings import FeatureSettings
from tests.spark_line import needs_spark_nlp

SKIPPED = "Text features are skipped: the nlp jars are not fetched yet. Type: lakehouse setup\n"


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_annotator, "running_session", lambda: None)


@pytest.fixture
def bare_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache with Spark's own jars, and a registry that does not answer."""
    known = jar_folder("spark")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LAKEHOUSE_MAVEN_URL", "http://127.0.0.1:1/maven2")
    jar_folder("spark").parent.mkdir(parents=True)
    jar_folder("spark").symlink_to(known)
    return tmp_path


def lakehouse(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ})


@needs_spark_nlp
def test_without_its_jars_the_stage_is_skipped_with_one_line_and_exit_code_0(bare_cache: Path) -> None:
    intents = bare_cache / "intents.yml"
    intents.write_text("intents:\n- {name: a, examples: [b]}\n- {name: c, examples: [d]}\n", encoding="utf-8")
    assert lakehouse("init", bare_cache / "project", "--intents", intents).returncode == 0
    done = lakehouse("run", "features", "--json", "--workspace", bare_cache / "project")

    assert (done.returncode, done.stderr, done.stdout) == (0, SKIPPED, "[]\n")


@needs_spark_nlp
def test_only_the_features_stage_is_left_out(
    no_session: None, bare_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runnable(ORDER, FeatureSettings()) == [Stage.BRONZE, Stage.SILVER, Stage.LABELS, Stage.GATE]
    assert capsys.readouterr().err == SKIPPED
    assert runnable([Stage.GATE], FeatureSettings()) == [Stage.GATE]
    assert runnable(ORDER, FeatureSettings(enabled=False)) == [Stage.BRONZE, Stage.SILVER, Stage.LABELS, Stage.GATE]
    assert capsys.readouterr().err == ""
    assert runnable([Stage.FEATURES], FeatureSettings(enabled=False)) == []
    assert capsys.readouterr().err == "Text features are skipped: features.enabled is off.\n"


@needs_spark_nlp
def test_with_its_jars_the_stage_runs(no_session: None) -> None:
    assert runnable(ORDER, FeatureSettings()) == ORDER


def test_another_scala_is_named_with_the_spark_that_has_the_jars(
    no_session: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspark.__version__", "4.0.0")
    assert "no nlp jars are made for the Scala" in str(text_annotator.annotator_problem())
    assert "pip install 'pyspark==3.5.7'" in str(text_annotator.annotator_problem())
