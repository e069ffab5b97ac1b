"""One Spark session a run, made lazily; each setting that differs from the product's own is justified."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.spark import open_session
from pipelines.settings import SparkSettings
from tests.small_disk import SmallDisk, mounted

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["NO_COLOR"] = "1"


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="session")
def spark(scratch: Path) -> Iterator[SparkSession]:
    session = open_session(
        SparkSettings(driver_memory="1500m"), scratch, scratch / "logs", lambda line: None, lasting=True
    )
    # Adaptive execution plans anew at every shuffle: pure cost on a handful of rows.
    session.conf.set("spark.sql.adaptive.enabled", "false")
    yield session
    session.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk") as disk:
        yield disk
