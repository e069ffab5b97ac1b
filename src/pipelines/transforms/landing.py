"""Dropped files into bronze: first their names, each once, then their rows.

A file may be named after a customer. Its name stands in bronze only; elsewhere it is known by its pseudonym.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from itertools import islice

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import LABEL_FILES, LANDED_FILES
from pipelines.transforms.intake import moment
from pipelines.transforms.label_rows import LabelRow, parse_label_file, relative_path
from pipelines.transforms.pseudonyms import key_file
from pipelines.vocabulary import Reason

FILE_ROWS = (
    "path string, row_number long, raw string, text string, annotator_id string, label string, "
    "confidence_score double, record_id string, error_code string, annotated_micros long, modified_micros long"
)
ROWS_PER_FRAME = 2_000


def landed_files(names: DataFrame, pseudonym_key: bytes, found_at: datetime) -> DataFrame:
    """Give names of dropped files (`path`, relative to the landing folder) their pseudonyms.

    Args:
        names: one row a file.
        pseudonym_key: of all pseudonyms.
        found_at: when the folder was listed, with its time zone.
    """
    keys = F.udf(lambda path: key_file(pseudonym_key, path), "string", useArrow=True)
    return names.select(keys("path").alias("file_key"), "path", moment(found_at).alias("found_at")).select(
        *LANDED_FILES.payload_names
    )


def unread_files(landed: DataFrame, rows: DataFrame) -> DataFrame:
    """Keep landed files of which bronze has no row: every file that was read has left at least one.

    Args:
        landed: bronze.landed_files.
        rows: bronze.label_files.
    """
    return landed.join(rows.select("path"), on="path", how="left_anti").select(*landed.columns)


def parse_label_files(files: DataFrame, ingested_at: datetime, landing_root: str = "") -> DataFrame:
    """Judge the rows of labelled files (`path`, `modificationTime`, `content`): one bronze row each.

    Args:
        files: whole files, as Spark's binaryFile source gives them; one without content is there no more.
        ingested_at: time of the micro-batch, with its time zone.
        landing_root: what to take off the paths; without it, all before the `YYYY/MM/DD` folders.
    """
    rows = files.select("path", "content", F.unix_micros("modificationTime").alias("micros"))
    return (
        rows.mapInPandas(read_files(landing_root), FILE_ROWS)
        .withColumn("annotated_at", F.timestamp_micros("annotated_micros"))
        .withColumn("file_modified_at", F.timestamp_micros("modified_micros"))
        .withColumn("ingested_at", moment(ingested_at))
        .select(*LABEL_FILES.payload_names)
    )


def read_files(landing_root: str) -> Callable[[Iterable[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Make the function that turns frames of whole files into frames of their rows, with the columns of FILE_ROWS."""

    def read_frames(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        files = (
            file for frame in frames for file in zip(frame["path"], frame["content"], frame["micros"], strict=True)
        )
        # A frame holds the rows of many files: one for each small file would cost more than reading it.
        rows = (row for path, content, micros in files for row in file_rows(str(path), content, micros, landing_root))
        while chunk := list(islice(rows, ROWS_PER_FRAME)):
            yield pd.DataFrame(chunk, dtype=object).astype({"confidence_score": "float64"})

    return read_frames


def file_rows(path: str, content: bytes | None, micros: float, landing_root: str) -> Iterator[dict[str, object]]:
    """Read one file's rows, each with the file's name and, unless it is gone, the time it was modified."""
    relative, modified = relative_path(path, landing_root), None if content is None else int(micros)
    return (asdict(row) | {"path": relative, "modified_micros": modified} for row in rows_of_file(content))


def rows_of_file(content: bytes | None) -> Iterator[LabelRow]:
    """Read a file's rows; a file that is there no more is one row, number 0, that says so."""
    missing = LabelRow(0, "{}", error_code=Reason.FILE_MISSING)
    return iter([missing]) if content is None else parse_label_file(bytes(content))
