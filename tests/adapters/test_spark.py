"""What a session is given besides its configuration."""

from types import SimpleNamespace
from typing import cast

from pyspark.sql import SparkSession

from pipelines.adapters.spark import REMEMBERED, remember_classes


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
