"""One Spark session a run, made lazily; each setting that differs from the product's own is justified."""

import gc
import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.adapters.spark import open_session
from pipelines.adapters.table_creation import ensure_tables
from pipelines.settings import SparkSettings
from tests.small_disk import SmallDisk, mounted

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["NO_COLOR"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and what tests start would inherit it: Ctrl-C would end nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="module")
def single_task_shuffles(spark: SparkSession) -> Iterator[None]:
    # Every further task is serialised, sent and set up for a row or two.
    before = str(spark.conf.get("spark.sql.shuffle.partitions"))
    spark.conf.set("spark.sql.shuffle.partitions", "1")
    yield
    spark.conf.set("spark.sql.shuffle.partitions", before)


@pytest.fixture(scope="session")
def empty_tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Creating ten tables costs ten commits; a copy of their folders costs milliseconds.
    folder = tmp_path_factory.mktemp("tables")
    ensure_tables(spark, TableStore("", str(folder), ""))
    return folder


@pytest.fixture(scope="session")
def past(spark: SparkSession, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Imported here: it brings the whole command line, which most tests do without.
    from tests.analyst import make_past

    return make_past(spark, empty_tables, tmp_path_factory.mktemp("past"))


TESTS_OF_SPARK = count()
COLLECTED_EVERY = 5


@pytest.fixture(autouse=True)
def release_jvm_objects(request: pytest.FixtureRequest) -> Iterator[None]:
    # Frames and queries in cycles keep their plans alive in the JVM; among a million objects of the models Python does
    # not look for cycles for many minutes, and the heap fills.
    yield
    if "spark" in request.fixturenames and next(TESTS_OF_SPARK) % COLLECTED_EVERY == 0:
        gc.collect()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk") as disk:
        yield disk
