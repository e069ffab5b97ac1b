"""Frames at the edge of the driver: whole files in, rows out."""

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.errors import UsageError


def stream_rows(frame: DataFrame) -> Iterator[Row]:
    """Bring rows to the driver a partition at a time, in their order."""
    return frame.toLocalIterator(prefetchPartitions=True)


def read_whole_files(spark: SparkSession, paths: list[str]) -> DataFrame:
    """Read files, or folders of files, as bytes: path, modificationTime, length, content.

    Raises:
        UsageError: when a local path is not there.
    """
    for path in paths:
        if ":" not in path and not Path(path).exists():
            raise UsageError(f"{path} is not there. Name files or folders that are.")
    located = [path if ":" in path else f"file:{escape_globs(str(Path(path).resolve()))}" for path in paths]
    return spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(located)


def escape_globs(path: str) -> str:
    """Take the special meaning from characters that may well stand in a file's name: `answers [2].csv`."""
    return "".join(f"\\{character}" if character in "{}[]*?\\" else character for character in path)
