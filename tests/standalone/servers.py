"""A standalone Spark cluster and an S3 server, as processes on loopback that end with the test."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from pipelines.adapters.broker import find_free_port
from pipelines.adapters.java import java_environment

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LIFE_SECONDS = 1_500
"""A server ends by itself then, whatever became of the test."""
SPARK_HOME = Path(pyspark.__file__).parent
DEFAULTS = """# What an administrator says of a cluster of two workers with one core each, all on this machine.
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.executor.cores 1
spark.executor.memory 800m
spark.cores.max 2
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m
# Both take part from the first task on.
spark.scheduler.minRegisteredResourcesRatio 1.0
spark.scheduler.maxRegisteredResourcesWaitingTime 60s
# A handful of rows.
spark.sql.shuffle.partitions 2
spark.databricks.delta.snapshotPartitions 1
spark.sql.codegen.wholeStage false
spark.sql.adaptive.enabled false
spark.ui.enabled false
"""


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        master: spark://HOST:PORT.
        work: folder of the workers' files, a folder each.
        environment: what its drivers need to know.
    """

    master: str
    work: Path
    environment: dict[str, str]


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Have a master and two workers with a core each; their Python has all packages but ours."""
    conf = folder / "conf"
    conf.mkdir(parents=True)
    (conf / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    port = find_free_port()
    master = f"spark://{HOST}:{port}"
    with contextlib.ExitStack() as stack:
        begin = ["org.apache.spark.deploy.master.Master", "--host", HOST, "--port", str(port), "--webui-port", "0"]
        stack.enter_context(running(spark_class(*begin), spark_environment(), folder / "master.log"))
        wait_for_port(port, folder / "master.log")
        for name in ("one", "two"):
            work = folder / "work" / name
            work.mkdir(parents=True)
            begin = ["org.apache.spark.deploy.worker.Worker", master, "--host", HOST, "--webui-port", "0"]
            begin += ["--cores", "1", "--memory", "1g", "--work-dir", str(work)]
            stack.enter_context(running(spark_class(*begin), spark_environment(), folder / f"{name}.log"))
        python = {"PYSPARK_PYTHON": str(worker_python(folder / "python")), "SPARK_CONF_DIR": str(conf)}
        yield Cluster(master, folder / "work", python)


def spark_class(*words: str) -> list[str]:
    """Write the command of one of Spark's own programs."""
    java = Path(java_environment()["JAVA_HOME"]) / "bin" / "java"
    return [str(java), "-Xmx256m", "-XX:+UseSerialGC", "-cp", f"{SPARK_HOME / 'jars'}/*", *words]


def spark_environment() -> dict[str, str]:
    """What master and workers know: nothing of our sources."""
    (core,) = (SPARK_HOME / "jars").glob("spark-core_*.jar")
    scala = core.name.removeprefix("spark-core_").partition("-")[0]
    own = {"SPARK_HOME": str(SPARK_HOME), "SPARK_SCALA_VERSION": scala, "SPARK_LOCAL_IP": HOST, **java_environment()}
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | own


def worker_python(folder: Path) -> Path:
    """Make a Python that has this one's packages, but not ours, which is linked to its sources."""
    venv.create(folder, with_pip=False, symlinks=True)
    here = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # A folder named in such a file is searched, the files of its kind in that folder are not read.
    (here / "packages.pth").write_text(f"{SPARK_HOME.parent}\n", encoding="utf-8")
    return folder / "bin" / "python"


@contextmanager
def running_s3(folder: Path, bucket: str) -> Iterator[str]:
    """Have an S3 server with an empty bucket; gives its endpoint."""
    folder.mkdir(parents=True)
    port, log = find_free_port(), folder / "s3.log"
    command = [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(port)]
    with running(command, os.environ, log):
        wait_for_port(port, log)
        put(f"http://{HOST}:{port}/{bucket}")
        yield f"http://{HOST}:{port}"


def put(url: str, content: bytes = b"") -> None:
    """Put an object, or make a bucket."""
    # Without a type it is sent as a form, and read as one.
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=content, headers=headers, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def get(url: str) -> str:
    """Read what a server says."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Have a process for as long as the block runs."""
    with log.open("ab") as file:
        bounded = ["timeout", str(LIFE_SECONDS), *command]
        started = subprocess.Popen(bounded, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment)
        try:
            yield
        finally:
            started.terminate()
            try:
                started.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait(STOP_SECONDS)


def wait_for_port(port: int, log: Path) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-2_000:])
