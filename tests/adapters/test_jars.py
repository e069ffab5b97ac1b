import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.adapters import jars
from pipelines.errors import MissingDependencyError, ServiceUnavailableError
from tests.spark_line import needs_spark_nlp


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "intent-lakehouse" / "jars"


class FakeIvy:
    """Stands in for the Java process: retrieves two small jars, or fails as Ivy does."""

    def __init__(self, output: str = "", succeeds: bool = True) -> None:
        self.output = output
        self.succeeds = succeeds
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str]) -> tuple[bool, str]:
        self.commands.append(command)
        folder = Path(command[command.index("-retrieve") + 1]).parent
        if self.succeeds:
            folder.mkdir()
            (folder / "b-1.jar").write_bytes(b"x" * 2_000_000)
            (folder / "a-1.jar").write_bytes(b"x" * 1_000_000)
        return self.succeeds, self.output


def test_coordinates_for_spark_3_5_are_those_of_scala_2_12() -> None:
    coordinates = jars.coordinates("3.5.7")
    assert coordinates.pop("nlp")[0] == "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3"
    assert coordinates.pop("s3")[0] == "org.apache.hadoop:hadoop-aws:3.3.4"
    assert coordinates == {
        "spark": ("io.delta:delta-spark_2.12:3.3.2", "org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7"),
        "broker": ("org.apache.kafka:kafka_2.13:3.9.1", "org.slf4j:slf4j-simple:1.7.36"),
    }


def test_coordinates_for_spark_4_0_are_those_of_scala_2_13() -> None:
    assert jars.coordinates("4.0.0") == {
        "spark": ("io.delta:delta-spark_2.13:4.0.0", "org.apache.spark:spark-sql-kafka-0-10_2.13:4.0.0"),
        "broker": ("org.apache.kafka:kafka_2.13:3.9.1", "org.slf4j:slf4j-simple:1.7.36"),
        "nlp": (),
        "s3": (),
    }


@pytest.mark.parametrize("version", ["3.4.1", "3.5.6", "4.1.0", "missing"])
def test_another_pyspark_is_refused_with_the_one_to_install(version: str) -> None:
    with pytest.raises(MissingDependencyError, match=rf"pyspark {version} .*pip install 'pyspark==3\.5\.7'"):
        jars.coordinates(version)


def test_jars_are_fetched_once_with_their_count_and_size_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ivy, told = FakeIvy(), list[str]()
    monkeypatch.setattr(jars, "run_command", ivy)

    first = jars.resolve_jars("spark", told.append)
    second = jars.resolve_jars("spark", told.append)

    assert [jar.name for jar in first] == ["a-1.jar", "b-1.jar"]
    assert second == first
    assert len(ivy.commands) == 1
    assert told == ["Fetching the spark jars, once", f"Fetched 2 spark jars, 3 MB, into {first[0].parent}"]
    assert [entry.name for entry in cache.iterdir()] == [first[0].parent.name]


def test_a_failed_fetch_leaves_nothing_that_passes_for_a_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "run_command", FakeIvy(":: org.x#y;1: not found", succeeds=False))
    with pytest.raises(ServiceUnavailableError, match=r"org\.x#y;1: not found.*LAKEHOUSE_MAVEN_URL.*lakehouse setup"):
        jars.resolve_jars("broker", lambda line: None)

    assert list(cache.iterdir()) == []
    assert not jars.jars_cached("broker")


def test_two_processes_that_fetch_at_once_both_get_the_jars(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ivy = FakeIvy()

    def slow(command: list[str]) -> tuple[bool, str]:
        answer = ivy(command)
        while len(ivy.commands) < 2:
            pass
        return answer

    monkeypatch.setattr(jars, "run_command", slow)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: jars.resolve_jars("spark", lambda line: None), range(2))

    assert first == second
    assert [jar.name for jar in first] == ["a-1.jar", "b-1.jar"]
    assert len(list(cache.iterdir())) == 1


@needs_spark_nlp
def test_text_features_ask_for_three_jars_and_for_nothing_that_these_name(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = jars.module_xml("nlp")
    names = re.findall(
        r'<dependency org="\S+" name="(\S+)" rev="\S+" conf="default->default" transitive="(\w+)"/>', module
    )
    assert names == [("spark-nlp_2.12", "false"), ("config", "false"), ("aws-java-sdk-core", "false")]
    assert 'transitive="false"' not in jars.module_xml("spark") + jars.module_xml("broker")
    assert jars.cached_jars("nlp") == []
    monkeypatch.setattr(jars, "run_command", FakeIvy())
    fetched = jars.resolve_jars("nlp", lambda line: None)
    assert jars.cached_jars("nlp") == fetched
    assert len(fetched) == 2


def test_a_group_without_jars_for_this_scala_says_which_spark_has_them(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspark.__version__", "4.0.0")
    assert not jars.jars_cached("nlp")
    with pytest.raises(MissingDependencyError, match=r"no nlp jars .*Scala.*Type: pip install 'pyspark==3\.5\.7'"):
        jars.resolve_jars("nlp", lambda line: None)
    assert not cache.exists()


def test_a_registry_that_does_not_answer_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_MAVEN_URL", "http://127.0.0.1:1/maven2")
    with pytest.raises(ServiceUnavailableError, match=r"from http://127\.0\.0\.1:1/maven2 \(.*Connection refused"):
        jars.resolve_jars("spark", lambda line: None)


def test_what_pyspark_brings_is_not_fetched_again() -> None:
    names = {jar.name for jar in jars.resolve_jars("spark", lambda line: None)}
    own = {jar.name for jar in jars.spark_jars_folder().glob("*.jar")}

    asked = [named.split(":") for named in jars.group_coordinates("spark")]
    assert {f"{module}-{version}.jar" for _, module, version in asked} <= names
    assert {module.partition("_")[0] for _, module, _ in asked} == {"delta-spark", "spark-sql-kafka-0-10"}
    assert names & own == set()


def test_reading_the_cache_starts_no_java(tmp_path: Path) -> None:
    jars.resolve_jars("spark", lambda line: None)
    code = (
        "import subprocess; subprocess.run = subprocess.Popen = None; "
        "from pipelines.adapters.jars import resolve_jars; print(len(resolve_jars('spark', print)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "6\n"


def test_ivy_is_the_one_inside_pyspark() -> None:
    assert jars.find_ivy().parent == jars.spark_jars_folder()
    assert shutil.which(str(jars.find_java().executable))
