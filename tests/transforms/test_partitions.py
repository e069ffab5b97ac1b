"""A micro-batch is small, what is done to its texts is not: every core gets its share."""

from collections.abc import Iterator

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.transforms.embedding import encoded
from pipelines.transforms.partitions import spread
from pipelines.transforms.redaction import leave_texts, redact
from tests.builders import raw_tickets, voters


@pytest.fixture
def adaptive(spark: SparkSession) -> Iterator[SparkSession]:
    """As in the product: adaptive execution merges small partitions."""
    spark.conf.set("spark.sql.adaptive.enabled", "true")
    yield spark
    spark.conf.set("spark.sql.adaptive.enabled", "false")


def tasks(rows: DataFrame) -> int:
    return len(rows.select(F.spark_partition_id().alias("task")).distinct().collect())


def test_small_partitions_stay_apart(adaptive: SparkSession) -> None:
    cores = int(str(adaptive.conf.get("spark.sql.shuffle.partitions")))
    assert cores > 1
    rows = adaptive.range(200)
    assert tasks(rows.repartition("id")) == 1, "what would be without a number"
    assert tasks(spread(rows, "id")) == cores
    assert tasks(spread(rows, "id", tasks=3)) == 3


def test_what_costs_much_is_dealt_in_equal_parts(adaptive: SparkSession) -> None:
    cores = int(str(adaptive.conf.get("spark.sql.shuffle.partitions")))
    parts = spread(adaptive.range(30 * cores).repartition(1), tasks_a_core=3).groupBy(F.spark_partition_id()).count()
    assert [row["count"] for row in parts.collect()] == [10] * 3 * cores


def test_a_micro_batch_is_redacted_on_every_core(adaptive: SparkSession) -> None:
    cores = int(str(adaptive.conf.get("spark.sql.shuffle.partitions")))
    tickets = raw_tickets(adaptive, *({"record_id": f"r{number}", "raw_text": "hello"} for number in range(60)))
    nothing = {name: F.lit(None).cast("string") for name in ("withheld", "kept_record_id")}
    merged = tickets.dropDuplicates(["record_id"]).withColumns(nothing)
    assert tasks(merged.transform(redact, leave_texts)) == cores


def test_models_run_in_as_many_tasks_as_there_are_gpus(adaptive: SparkSession) -> None:
    cores = int(str(adaptive.conf.get("spark.sql.shuffle.partitions")))
    texts = adaptive.range(60).selectExpr("cast(id AS string) AS text_hash", "'hello' AS voter_text")
    for gpus, expected in ((0, cores), (3, 3)):
        assert tasks(encoded(texts, voters(no_votes, gpus=gpus))) == expected


def no_votes(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    raise AssertionError("Nobody is to vote.")
