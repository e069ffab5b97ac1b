"""The Spark session: the cluster's own on Databricks, one built from the pinned jars elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.jars import cached_jars, resolve_jars
from pipelines.adapters.java import java_environment
from pipelines.adapters.restraint import silence_failed_statements
from pipelines.adapters.session_configuration import FileSystems, is_local, session_configuration, worker_variables
from pipelines.adapters.worker_daemon import warming
from pipelines.errors import ServiceUnavailableError
from pipelines.redaction_policy import RedactionSettings
from pipelines.settings import SparkSettings

LOG4J = """# A log that cannot be written, on a full disk, is not worth a trace on the screen.
status = off
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
# Says once a message that a reader thread is not of Kafka's own kind; harmless, and thousands of lines.
logger.consumer.name = org.apache.spark.sql.kafka010.consumer.KafkaDataConsumer
logger.consumer.level = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log}
appender.file.filePattern = {log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %c{{1}}: %m%n%ex
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 20MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
"""

OUTPUTS = (1, 2)
"""Standard output and standard error."""

REMEMBERED = (
    "functions",
    "PythonUtils",
    "PythonSQLUtils",
    "SimplePythonFunction",
    "SparkSession",
    "Column",
    "org.apache.hadoop.fs.Path",
    "org.apache.spark.sql.catalyst.expressions.UnresolvedNamedLambdaVariable",
    "org.apache.spark.sql.catalyst.expressions.LambdaFunction",
    "org.apache.spark.sql.execution.python.UserDefinedPythonFunction",
    "org.apache.spark.sql.types.Metadata",
    "io.delta.tables.DeltaTable",
)
"""Names that PySpark and Delta look up in the JVM again and again."""


@contextmanager
def session(open_own: Callable[[], SparkSession]) -> Iterator[SparkSession]:
    """Give the session that is open already (a cluster's, a notebook's) or our own, which ends with the block."""
    silence_failed_statements()
    running = running_session()
    if running is not None:
        yield running
        return
    opened = open_own()
    try:
        yield opened
    finally:
        opened.stop()


def running_session() -> SparkSession | None:
    """Give the session that is open already: a notebook's, or the cluster's own on Databricks."""
    return SparkSession.getActiveSession() or (SparkSession.builder.getOrCreate() if on_databricks() else None)


def on_databricks() -> bool:
    """Tell whether this is one of its clusters. Only this module asks; what differs there stands below."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def databricks_is_known() -> bool:
    """Tell whether a workspace can be asked, from one of its clusters or by its address."""
    return on_databricks() or "DATABRICKS_HOST" in os.environ


def kafka_package() -> str:
    """Name the package of Java's Kafka client: Databricks renames that of the one it brings."""
    return "kafkashaded.org.apache.kafka" if on_databricks() else "org.apache.kafka"


def open_session(
    settings: SparkSettings,
    scratch: Path,
    logs: Path,
    progress: Callable[[str], None],
    lasting: bool = False,
    warm: Sequence[str] = (),
    policy: RedactionSettings | None = None,
    files: FileSystems | None = None,
) -> SparkSession:
    """Open a session from the pinned jars, on this machine or on a standalone cluster.

    Args:
        settings: the master; cores and memory of a local session, a cluster's own settings rule there.
        scratch: where Spark may put its warehouse folder.
        logs: folder of `spark.log`; neither Spark nor its workers write to the terminal.
        progress: told what is happening when jars have to be fetched.
        lasting: the session will run for many minutes, so Java may spend the first two on optimising itself.
        warm: stages whose workers will be forked for long, so what they need is loaded where they are forked from.
        policy: of redaction, whose detectors those of silver need; None: the default one.
        files: what the file systems behind the storage URIs need; None: nothing beside Spark.

    Raises:
        SettingsError: when the wheel for a cluster's executors is none of ours.
        ServiceUnavailableError: when a cluster does not answer, or ends the application.
    """
    files = files or FileSystems()
    # Spark NLP's jars cost a start nothing that could be measured: whoever has fetched them has them in all sessions.
    jars = [*resolve_jars("spark", progress), *cached_jars("nlp")]
    jars += [jar for group in files.jars for jar in resolve_jars(group, progress)]
    logs.mkdir(parents=True, exist_ok=True)
    log4j = logs / "log4j2.properties"
    log4j.write_text(LOG4J.format(log=logs / "spark.log"), encoding="utf-8")
    os.environ.update(java_environment())
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    # Without it the workers are whatever python3 is first on PATH, without our packages. On a cluster whoever set it
    # knows where its machines have theirs.
    if is_local(settings.master) or "PYSPARK_PYTHON" not in os.environ:
        os.environ["PYSPARK_PYTHON"] = sys.executable
    configuration = session_configuration(settings, jars, scratch, log4j, lasting)
    configuration |= worker_variables(settings, warming(warm, policy, scratch))
    builder = SparkSession.Builder().master(settings.master).appName("intent-lakehouse")
    for key, value in configuration.items():
        builder = builder.config(key, value)
    with output_to(logs / "spark.log"):
        opened = start_session(builder, settings.master, logs)
    remember_classes(opened)
    # Not among Spark's settings, which stand in Java's command line for all to read.
    hadoop = opened.sparkContext._jsc.hadoopConfiguration()
    for key, value in files.options.items():
        hadoop.set(key, value)
    return opened


def start_session(builder: SparkSession.Builder, master: str, logs: Path) -> SparkSession:
    """Start a session.

    Raises:
        ServiceUnavailableError: when a cluster does not answer, or ends the application.
    """
    try:
        return builder.getOrCreate()
    except (Py4JError, PySparkException) as failure:
        if is_local(master):
            raise
        raise ServiceUnavailableError(
            f"The Spark cluster at {master} gives no session ({type(failure).__name__}). Check spark.master, and what "
            f"spark-defaults.conf says of executors and spark.driver.host; {logs / 'spark.log'} says more."
        ) from failure


def remember_classes(spark: SparkSession) -> None:
    """Look up once what PySpark asks the JVM for by name at each function, each list of columns and each lambda.

    To tell a package from a class py4j searches all jars, at each part of a name: 2 ms a time.
    """
    for name in REMEMBERED:
        place: object = spark._jvm
        for part in name.split("."):
            found = getattr(place, part)
            vars(place)[part] = found
            place = found


@contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Give processes started inside this block a file for their output: the JVM and its workers inherit it for good.

    What Java prints by itself, such as VACUUM's count of deleted files, would stand in the middle of our JSON.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(stream) for stream in OUTPUTS]
    with path.open("ab") as file:
        for stream in OUTPUTS:
            os.dup2(file.fileno(), stream)
    try:
        yield
    finally:
        for stream, own in zip(OUTPUTS, saved, strict=True):
            os.dup2(own, stream)
            os.close(own)


def worker_count(spark: SparkSession) -> int:
    """Say how many tasks run at a time."""
    return int(spark.sparkContext.defaultParallelism)


def hold(frame: DataFrame) -> DataFrame:
    """Compute a frame's rows once, where the platform can (serverless cannot), for steps that use them several times.

    A local checkpoint also cuts the plan: without it every later step is planned with all steps before it, which costs
    small batches more than their rows do. For speed only: nothing may depend on two readings being equal. Spark lets
    go of the rows when nothing refers to them any more.
    """
    try:
        return frame.localCheckpoint(eager=True)
    except PySparkException:
        return frame
