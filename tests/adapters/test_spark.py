"""What a session is given besides its configuration."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from pipelines.adapters.java import java_environment
from pipelines.adapters.session_configuration import session_configuration
from pipelines.adapters.spark import REMEMBERED, remember_classes, start_session
from pipelines.errors import ServiceUnavailableError
from pipelines.settings import SparkSettings


class Place:
    """A package or class as py4j shows it: a name that is not known here is asked for, and not kept."""

    def __init__(self, asked: list[str], name: str = "") -> None:
        self.asked, self.name = asked, name

    def __getattr__(self, part: str) -> "Place":
        name = f"{self.name}.{part}".lstrip(".")
        self.asked.append(name)
        return Place(self.asked, name)


def test_what_pyspark_asks_the_jvm_for_again_and_again_is_looked_up_once() -> None:
    asked: list[str] = []
    jvm = Place(asked)
    remember_classes(cast("SparkSession", SimpleNamespace(_jvm=jvm)))
    assert len(asked) == len(set(asked))
    asked.clear()
    for name in REMEMBERED:
        place: object = jvm
        for part in name.split("."):
            place = getattr(place, part)
    assert asked == []
    assert jvm.org.apache.spark.sql.Row.name == "org.apache.spark.sql.Row"
    assert asked == ["org.apache.spark.sql.Row"]


def refuse() -> SparkSession:
    """What a builder does whose cluster gives nothing."""
    raise Py4JError("a trace of many lines")


def test_a_cluster_that_gives_no_session_is_named(tmp_path: Path) -> None:
    builder = cast("SparkSession.Builder", SimpleNamespace(getOrCreate=refuse))
    with pytest.raises(ServiceUnavailableError, match=r"at spark://host:7077 gives .*spark-defaults\.conf.*spark\.log"):
        start_session(builder, "spark://host:7077", tmp_path)
    with pytest.raises(Py4JError):
        start_session(builder, "local[2,4]", tmp_path)


@pytest.mark.parametrize("lasting", [False, True])
def test_java_has_room_for_what_it_compiles(lasting: bool, tmp_path: Path) -> None:
    # When the room is full Java says so on the screen, and only interprets from then on.
    told = session_configuration(SparkSettings(), [], tmp_path, tmp_path / "log4j2.properties", lasting)
    options = told["spark.driver.extraJavaOptions"].split()
    environment = os.environ | java_environment()
    java = Path(environment["JAVA_HOME"]) / "bin" / "java"
    asked = [str(java), *options, "-XX:+PrintFlagsFinal", "-version"]
    shown = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True, timeout=60)
    (room,) = re.findall(r"\bReservedCodeCacheSize\s*=\s*(\d+)", shown.stdout)
    assert int(room) >= 200 * 1024**2


def test_what_java_prints_goes_into_the_log_and_not_between_ours(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from pipelines.adapters.spark import open_session
from pipelines.settings import SparkSettings
folder = Path({str(tmp_path)!r})
spark = open_session(SparkSettings(driver_memory="512m"), folder, folder / "logs", print)
print("ours")
spark._jvm.java.lang.System.out.println("Deleted 0 files")
spark.stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == ["ours"]
    assert "Deleted 0 files" in (tmp_path / "logs" / "spark.log").read_text(encoding="utf-8")
