"""Runs the four streams of a workspace in a process of its own, and writes down what stands in its tables then.

python tests/standalone/driver.py WORKSPACE ANSWER.json

Started as a file: what executors run of it is sent to them whole, since they have no tests.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

import pipelines
from pipelines import contracts
from pipelines.adapters.delta import read_table
from pipelines.cli.flow import Stage, run_stages
from pipelines.cli.opening import open_spark, table_store
from pipelines.workspace import open_workspace

STAGES = [Stage.BRONZE, Stage.SILVER, Stage.LABELS, Stage.GATE]
TABLES = (
    contracts.TICKETS_BRONZE,
    contracts.LABEL_FILES,
    contracts.TICKETS_SILVER,
    contracts.CLUSTER_MERGES,
    contracts.ANNOTATIONS,
    contracts.EMBEDDINGS,
    contracts.LABELS,
    contracts.DECISIONS,
    contracts.TRAINING_EXAMPLES,
    contracts.QUARANTINE,
    contracts.SHED,
    contracts.REVIEW_QUEUE,
)
CLOCKS = {"ingested_at", "voted_at", "decided_at", "latency_ms", "file_modified_at"}
"""When and how long: what no two runs have in common."""
LOOKS = 16


def look_around(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Say where a worker stands, where its code is from, and which models it holds."""
    from pipelines.adapters.detectors import load_engine
    from pipelines.adapters.models import load_encoder

    for _ in frames:
        loaded = [load_engine.cache_info().currsize, load_encoder.cache_info().currsize]
        yield pd.DataFrame(
            [[os.getcwd(), pipelines.__file__, *loaded]], columns=["place", "code", "engines", "encoders"]
        )


def main(root: Path, answer: Path) -> None:
    """Run the streams and tell what came of it."""
    workspace = open_workspace(root)
    with open_spark(workspace) as spark:
        drained, seen = {}, {}
        for result in run_stages(workspace, STAGES):
            # Before the next stage: a worker without work ends after a minute.
            drained[result.name], seen[result.name] = result.rows, workers(spark)
        store = table_store(workspace)
        tables = {table.full_name: rows_of(read_table(spark, store, table)) for table in TABLES}
        told = {"code": pipelines.__file__, "drained": drained, "tables": tables, "workers": seen}
    answer.write_text(json.dumps(told), encoding="utf-8")


def rows_of(table: DataFrame) -> list[str]:
    """Give all rows, but for their clocks, as sorted JSON."""
    names = [name for name in table.columns if name not in CLOCKS]
    return sorted(row["row"] for row in table.selectExpr(f"to_json(struct({', '.join(names)})) AS row").collect())


def workers(spark: SparkSession) -> list[dict[str, object]]:
    """Look at the workers that a stage has left behind: Spark hands them tasks in turn."""
    looks = spark.range(0, LOOKS, 1, LOOKS).mapInPandas(
        look_around, "place STRING, code STRING, engines INT, encoders INT"
    )
    return [row.asDict() for row in looks.collect()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
