"""The landing folder: which files lie there, and what is in them. No name may reach a plan, a log or an error.

People name files after people. Spark's own file stream notes the names of what it has read in its checkpoint, so the
names go to bronze instead (`bronze.landed_files`), and the checkpoints know numbers only.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from urllib.parse import unquote

from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.checkpoints import StreamPlan, checkpoint, known_epochs, list_names
from pipelines.adapters.frames import escape_globs
from pipelines.adapters.storage import hadoop_files, hadoop_jvm
from pipelines.errors import CheckpointMismatchError, StorageError
from pipelines.transforms.label_rows import relative_path

WHOLE_FILE = "path STRING, modificationTime TIMESTAMP, content BINARY"

SHORTEST = "4"
"""What Spark allows as the least length of a plan's field."""

MOST_FILES = str(2**31 - 1)

CALLS_AT_A_TIME = 8


def list_landing(spark: SparkSession, landing_uri: str) -> set[str]:
    """Name every file of the landing folder, relative to it; none when there is no such folder.

    As always in Spark, names and folders that begin with `_` or `.` are overlooked: files on their way.
    """
    hide_paths(spark, landing_uri)
    files, root = hadoop_files(spark, landing_uri)
    if not files.exists(root):
        return set()
    folder = binary_files(spark, [escape_globs(landing_uri)])
    # All names in one text: a call into the JVM for each would take longer than the listing.
    in_one_text = hadoop_jvm(spark).org.apache.hadoop.util.StringUtils.join
    names = str(in_one_text("\n", folder._jdf.inputFiles()))
    return {relative_path(unquote(name), landing_uri) for name in names.split("\n") if name}


def read_names(landed: DataFrame) -> set[str]:
    """Bring the names that bronze knows to the driver."""
    return {str(row["path"]) for row in landed.select("path").collect()}


def frame_names(spark: SparkSession, names: Iterable[str]) -> DataFrame:
    """Make a frame of names (`path`), sorted, in one partition: a micro-batch's files stand together."""
    return spark.createDataFrame([(name,) for name in sorted(names)], "path STRING").coalesce(1)


def read_landed(landed: DataFrame, landing_uri: str) -> DataFrame | None:
    """Read landed files as bytes: path, modificationTime, content; None when there are none to read.

    A file that is there no more comes without content.

    Args:
        landed: `file_key`, `path`; few enough for the driver to hold their names.
        landing_uri: the folder the paths are relative to; it must be there.

    Raises:
        StorageError: when the folder is missing or a file cannot be opened; the file is named by its pseudonym.
    """
    spark, keys = landed.sparkSession, {str(row["path"]): str(row["file_key"]) for row in landed.collect()}
    if not keys:
        return None
    hide_paths(spark, landing_uri)
    located = {name: f"{landing_uri.rstrip('/')}/{name}" for name in keys}
    gone = missing_files(spark, landing_uri, {located[name]: key for name, key in keys.items()})
    there = [uri for uri in located.values() if uri not in gone]
    frames = [spark.createDataFrame([(uri, None, None) for uri in sorted(gone)], WHOLE_FILE)] if gone else []
    if there:
        contents = binary_files(spark, list(map(escape_globs, there)))
        frames.append(contents.select("path", "modificationTime", "content"))
    return reduce(DataFrame.unionByName, frames)


def binary_files(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Read files or folders as bytes, whatever their names."""
    return spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(paths)


def missing_files(spark: SparkSession, landing_uri: str, keys: dict[str, str]) -> set[str]:
    """Find the files that are there no more, by opening each: a task that fails to would write a name to the logs.

    Args:
        spark: the session.
        landing_uri: the folder they were found in.
        keys: pseudonyms of the files by their URIs.

    Raises:
        StorageError: when the folder is missing, or a file is there and cannot be opened.
    """
    (files, root), path_of = hadoop_files(spark, landing_uri), hadoop_jvm(spark).org.apache.hadoop.fs.Path
    with ThreadPoolExecutor(CALLS_AT_A_TIME) as pool:
        there = pool.map(lambda uri: can_open(files, path_of(uri), keys[uri]), keys)
        gone = {uri for uri, is_there in zip(keys, there, strict=True) if not is_there}
    if gone and not files.exists(root):
        raise StorageError(
            f"The landing folder is gone, and {len(gone)} labelled files in it were not read yet. Put it back, or mend "
            "storage.landing_uri; then run again: nothing is lost."
        )
    return gone


def can_open(files: JavaObject, path: JavaObject, file_key: str) -> bool:
    """Tell whether a file is there.

    Raises:
        StorageError: when it is and cannot be opened; it is named by its pseudonym.
    """
    try:
        files.open(path).close()
    except (Py4JJavaError, PySparkException):
        if not files.exists(path):
            return False
        raise StorageError(
            "A labelled file cannot be opened. Mend its permissions, or its name (no colon: Hadoop opens none); then "
            f"run again: nothing is lost. bronze.landed_files tells its name: file_key {file_key}."
        ) from None
    return True


def hide_paths(spark: SparkSession, folder_uri: str) -> None:
    """Keep the names of a folder's files out of plans, and so out of Spark's event log.

    Plans name the files that they read in fields, which are cut at a length, and in descriptions, which are redacted; a
    job that lists many files names one in its own description, so the driver lists them itself, and remembers none.
    """
    folder = folder_uri.partition("://")[2] or folder_uri
    spark.conf.set("spark.sql.redaction.string.regex", rf"\Q{folder.rstrip('/')}/\E[^\n\]]*")
    spark.conf.set("spark.sql.maxMetadataStringLength", SHORTEST)
    spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", MOST_FILES)
    spark.conf.set("spark.sql.hive.filesourcePartitionFileCacheSize", "0")


def refuse_named_files(spark: SparkSession, plan: StreamPlan) -> None:
    """Refuse a checkpoint of the version that let Spark's file stream note the names of files in it.

    Raises:
        CheckpointMismatchError: with what to do.
    """
    newest = max(known_epochs(spark, plan), default=1)
    folder = checkpoint(plan, newest)
    if not plan.new_epoch and list_names(spark, f"{folder}/sources"):
        raise CheckpointMismatchError(
            f"Query {plan.name}: its checkpoint was made by an earlier version and tells the names of dropped files. "
            f"Run again with --new-epoch: no row is written twice. Then delete {folder}."
        )
