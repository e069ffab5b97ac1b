"""Frames in, frames out, over the rows of Spark: what voters get and give comes through as with `mapInPandas`."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from pipelines.transforms.frames import map_frames
from pipelines.transforms.labelling import CAST, ENCODED

VOTE = {
    "text_hash": "a", "voter": "slm", "label": "refund", "confidence": 0.5, "tokens_in": 7, "try_no": 1,
    "alternatives": [{"label": "refund", "probability": 0.5}, {"label": "card \U0001f600", "probability": 0.25}],
}  # fmt: skip
SILENT = {"text_hash": "b", "voter": "slm", "failure": "model_failed", "alternatives": []}


def test_votes_come_through_as_with_spark_s_own_conversion(spark: SparkSession) -> None:
    def cast(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            rows = [dict.fromkeys(CAST.fieldNames()) | (VOTE if key == "a" else SILENT) for key in frame["text_hash"]]
            yield pd.DataFrame(rows, columns=CAST.fieldNames())

    texts = spark.createDataFrame([("a",), ("b",)], "text_hash string").coalesce(1)
    given = map_frames(texts, cast, CAST)
    assert given.schema == CAST
    assert given.collect() == texts.mapInPandas(cast, CAST).collect()
    assert [row["tokens_in"] for row in given.collect()] == [7, None]


def test_strings_and_vectors_arrive_as_such_and_nothing_as_none(spark: SparkSession) -> None:
    def check(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            assert [type(text) for text in frame["text_hash"]] == [str, str]
            assert [type(vector) for vector in frame["vector"]] == [np.ndarray, type(None)]
            yield frame[["text_hash", "vector", "latency_ms"]]

    rows = spark.createDataFrame([("a \u20ac", [0.5, 1.5], 0.1), ("b", None, 0.2)], ENCODED).coalesce(1)
    assert map_frames(rows, check, ENCODED).collect() == rows.collect()


def test_no_row_gives_no_row_and_a_missing_column_is_told(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("a", [0.5], 0.1)], ENCODED)
    assert map_frames(rows, lambda frames: iter([]), ENCODED).collect() == []
    assert map_frames(rows, lambda frames: (frame.iloc[:0] for frame in frames), ENCODED).collect() == []
    with pytest.raises(Exception, match="vector"):
        map_frames(rows, lambda frames: (frame[["text_hash"]] for frame in frames), ENCODED).collect()
