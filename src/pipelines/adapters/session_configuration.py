"""What a session of our own is told: one on this machine, or one on a standalone Spark cluster.

On a cluster its own `spark-defaults.conf` says what it has: cores, memory, addresses, partitions, encryption between
machines. What is set here is what rows and privacy depend on, and what brings our code to its executors.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.adapters.jars import Group
from pipelines.adapters.worker_daemon import POLICY
from pipelines.errors import SettingsError
from pipelines.settings import SparkSettings

SMALL_BATCHES = {
    # Writing and compiling Java code for each plan does not pay on small batches: interpreted, one of 20 tickets takes
    # two thirds of the time.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # The default of 50 doubles the time of each small commit.
    "spark.databricks.delta.snapshotPartitions": "1",
    # VACUUM lists a table's files in so many tasks: of the default 10,000 it takes minutes for a table of ten files.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    # Delta keeps the state of up to 10,000 tables for an hour, about a megabyte each: a long session is out of memory.
    "spark.databricks.delta.delta.log.cacheSize": "50",
    # Every aggregation and join of a task takes a page, every broadcast a block: of 16 and 4 MB by default.
    "spark.buffer.pageSize": "256k",
    "spark.broadcast.blockSize": "256k",
    # Each plan is written out for pages that are off: by default with all details of all operators.
    "spark.sql.ui.explainMode": "simple",
    # What Spark keeps of the past for pages that are off.
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "200",
    "spark.sql.ui.retainedExecutions": "20",
}
"""What a local session does without, because its batches are small."""


CODE_CACHE = "240m"
"""What Java gives its two compilers together."""

ARCHIVE = "intent-lakehouse"
"""Folder of an executor's working directory that the wheel is unpacked into."""

WHEELS = "intent_lakehouse-*.whl"


@dataclass(frozen=True)
class FileSystems:
    """What a session needs to read and write where tables, checkpoints and dropped files stand.

    Attributes:
        jars: groups of jars beside Spark's own.
        options: Hadoop's, credentials among them; never shown.
    """

    jars: tuple[Group, ...] = ()
    options: dict[str, str] = field(default_factory=dict, repr=False)


def is_local(master: str) -> bool:
    """Tell whether a master is this machine: `local`, `local[4]`, `local[2,4]`."""
    return master.partition("[")[0] == "local"


def session_configuration(
    settings: SparkSettings, jars: list[Path], scratch: Path, log4j: Path, lasting: bool
) -> dict[str, str]:
    """Say how a session differs from Spark's defaults, and why.

    Raises:
        SettingsError: when the wheel that is to be shipped to a cluster is none of ours.
    """
    shared = shared_configuration(settings, jars, scratch, log4j, lasting)
    return shared | (
        local_configuration(settings) if is_local(settings.master) else cluster_configuration(settings, scratch)
    )


def shared_configuration(
    settings: SparkSettings, jars: list[Path], scratch: Path, log4j: Path, lasting: bool
) -> dict[str, str]:
    """What holds on one machine and on many."""
    # Java's second compiler costs a short session half its time again; after two minutes a batch takes half the work.
    # Alone, the first has 48 MB for its code: they are full after two minutes, and from then on Java interprets.
    compilers = "" if lasting else f"-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize={CODE_CACHE} "
    return {
        # A driver hands them to its executors by name: two of a name would be one too many.
        "spark.jars": ",".join(str(jar) for jar in {jar.name: jar for jar in jars}.values()),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.driver.memory": settings.driver_memory,
        "spark.driver.extraJavaOptions": (
            f"{compilers}-Dlog4j2.configurationFile=file:{log4j} -Dderby.system.home={scratch}"
        ),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
        "spark.sql.session.timeZone": "UTC",
        # Four streams share the cores: a model's long batch must not starve bronze.
        "spark.scheduler.mode": "FAIR",
        # Workers are forked from a process that has loaded what they all need, and are kept with their models.
        "spark.python.daemon.module": "pipelines.adapters.worker_daemon",
        "spark.python.worker.reuse": "true",
        "spark.sql.streaming.metricsEnabled": "false",
        # Text written to disk by shuffles and spills is encrypted; the key lives as long as the session.
        "spark.io.encryption.enabled": "true",
        # A worker with one thread each: n workers with n threads each would fight for the cores.
        "spark.executorEnv.OMP_NUM_THREADS": "1",
    }


def local_configuration(settings: SparkSettings) -> dict[str, str]:
    """What holds on one machine only."""
    cores = settings.master.removeprefix("local[").partition(",")[0].rstrip("]")
    return SMALL_BATCHES | {
        "spark.ui.enabled": "false",
        # Loopback only: no other machine may talk to the driver.
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # The default of 200 means 200 tiny tasks per shuffle.
        "spark.sql.shuffle.partitions": cores if cores.isdigit() else str(os.cpu_count() or 2),
    }


def cluster_configuration(settings: SparkSettings, scratch: Path) -> dict[str, str]:
    """What holds on a cluster only: our code comes to the executors, and their logs stay as quiet as ours."""
    # At Spark's own level INFO an executor names each file that it reads: dropped files are named after people.
    quiet = {"spark.executor.defaultJavaOptions": "-Dlog4j2.level=WARN"}
    if not settings.wheel:
        return quiet
    wheel = Path(settings.wheel)
    if not (wheel.is_file() and wheel.match(WHEELS)):
        raise SettingsError(
            f"Setting spark.wheel: {wheel} is no file named {WHEELS}. Build one (pip wheel --no-deps .) and give its "
            "whole path, or leave the setting empty where the executors' Python has the package."
        )
    # Unpacked by Spark, which knows archives by their ending: compiled loops are kept beside modules on a disk.
    archive = scratch / f"{wheel.stem}.zip"
    put_aside_and_rename(wheel, archive)
    return quiet | {
        "spark.archives": f"{archive.resolve().as_uri()}#{ARCHIVE}",
        "spark.executorEnv.PYTHONPATH": ARCHIVE,
    }


def put_aside_and_rename(source: Path, target: Path) -> None:
    """Copy a file whole: another driver may be handing the one of this name to its executors."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(f".{os.getpid()}.part")
    shutil.copyfile(source, aside)
    aside.replace(target)


def worker_variables(settings: SparkSettings, variables: dict[str, str]) -> dict[str, str]:
    """Say by which variables workers know what to load first; a cluster's get the file of the policy as well."""
    named = {f"spark.executorEnv.{name}": value for name, value in variables.items()}
    policy = variables.get(POLICY)
    if policy is None or is_local(settings.master):
        return named
    # What is shipped lies in the executor's working directory.
    return named | {f"spark.executorEnv.{POLICY}": Path(policy).name, "spark.files": Path(policy).resolve().as_uri()}
