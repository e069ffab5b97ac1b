from pathlib import Path

import pytest

from pipelines.adapters.secrets import read_secret
from pipelines.errors import SettingsError


def test_a_secret_in_the_environment_is_read_without_its_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "opensesame\n")
    assert read_secret("env:BROKER_PASSWORD", Path("unused")) == "opensesame"


def test_a_file_is_looked_for_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "pseudonym.key").write_text("00ff\n")
    assert read_secret("file:pseudonym.key", tmp_path) == "00ff"


def test_an_absolute_file_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("00ff")
    assert read_secret(f"file:{tmp_path / 'key'}", Path("elsewhere")) == "00ff"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROKER_PASSWORD", raising=False)
    with pytest.raises(SettingsError, match="set the environment variable BROKER_PASSWORD"):
        read_secret("env:BROKER_PASSWORD", Path("unused"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"file:no\.key.*cannot be read"):
        read_secret("file:no.key", tmp_path)


def test_a_file_that_is_no_text_is_refused_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfesecret")
    with pytest.raises(SettingsError) as refusal:
        read_secret("file:binary", tmp_path)
    assert "secret\xff" not in str(refusal.value)
    assert "\\xff" not in str(refusal.value)


@pytest.mark.parametrize("reference", ["", "env:", "file:", "plainpassword", "/key", "scope/"])
def test_what_is_no_reference_is_refused_with_the_three_forms(reference: str) -> None:
    with pytest.raises(SettingsError, match=r"env:NAME, file:PATH or SCOPE/KEY") as refusal:
        read_secret(reference, Path("unused"))
    assert "plainpassword" not in str(refusal.value)


def test_a_databricks_secret_outside_databricks_says_so() -> None:
    with pytest.raises(SettingsError, match="only be read inside a Databricks workspace"):
        read_secret("intent-lakehouse/kafka-password", Path("unused"))
