"""What Spark costs a model: labelling end to end against the kernel alone, and our iterator against MLflow's UDF.

    python -m tests.benchmarks.label_udf --tickets 240 --rounds 3 --json result.json

End to end: made-up tickets, each different, are laid on two workers, asked about by the embedded language model (all
labels under codes, one order), and their votes committed to silver.labels. The kernel alone: the same texts dealt to
two processes of one thread each, models loaded, no Spark. Rounds are interleaved, ratios taken within a round; the
first of each loads the models and is not counted. Frames are the product's own.
A model that does nothing: texts in frames of 256 through `map_frames` as the voters run, and through
`mlflow.pyfunc.spark_udf` (env_manager local), into Spark's sink that drops rows.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from pipelines import contracts as tables
from pipelines.adapters.coded_voter import open_coded, score_coded
from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_table
from pipelines.adapters.embedded_models import torch_and_transformers
from pipelines.adapters.embedded_registry import prepare_registry
from pipelines.adapters.models import build_voters
from pipelines.adapters.registry import pin_versions
from pipelines.adapters.spark import hold
from pipelines.adapters.table_creation import ensure_tables
from pipelines.adapters.vote_rows import Task
from pipelines.intents import load_intents
from pipelines.jobs.labelling import QUESTIONS_A_CORE
from pipelines.labelling_settings import LabellingSettings, ModelSettings
from pipelines.settings import Settings, SparkSettings
from pipelines.transforms.frames import map_frames
from pipelines.transforms.labelling import CAST, Voters, cast_votes, unclustered, voter_texts
from pipelines.transforms.partitions import spread
from tests.benchmarks.flows import lasting_session
from tests.benchmarks.label_stream import write_tickets
from tests.benchmarks.report import make_parser, ratios, say, write_json
from tests.benchmarks.scoring import INTENTS
from tests.benchmarks.stream_clusters import redacted_rows

WORKERS = 2
ROWS = 256
SETTINGS = LabellingSettings(slm="all", slm_orders=1)
BARS = {"end to end / kernel": 0.9, "iterator / spark_udf": 2.0}


def make_task(uri: str) -> Task:
    """Pin the embedded model with the prompt that lists all labels."""
    pinned = pin_versions(uri, ModelSettings(prompt_uri="prompts:/choice-prompt@champion"), slm_needed=True)
    return Task(pinned, tuple(load_intents(INTENTS)), SETTINGS, uri)


def warm_up(task: Task) -> None:
    """Load a process's models."""
    torch_and_transformers()
    open_coded(task)


def score_share(task: Task, texts: Sequence[str]) -> int:
    """Label some texts by the kernel."""
    return len(score_coded(texts, task))


class Kernel:
    """Processes of one thread each that label their share of the texts, without Spark."""

    def __init__(self, task: Task, texts: Sequence[str]) -> None:
        # Every second one by length: both get as much to read.
        ranked = sorted(texts, key=len)
        self.task, self.shares = task, [ranked[place::WORKERS] for place in range(WORKERS)]
        self.pool = ProcessPoolExecutor(WORKERS, get_context("spawn"), warm_up, (task,))

    def run(self) -> float:
        """Label everything; gives the seconds."""
        begin = perf_counter()
        done = [self.pool.submit(score_share, self.task, share) for share in self.shares]
        for one in done:
            one.result()
        return perf_counter() - begin


class Labelling:
    """The voter on Spark's workers, and the commit of its votes."""

    def __init__(self, spark: SparkSession, root: Path, voters: Voters, texts: Sequence[str]) -> None:
        self.store, self.voters = TableStore("", str(root / "tables"), ""), voters
        ensure_tables(spark, self.store, (tables.ANNOTATIONS, tables.LABELS))
        self.nobody = read_table(spark, self.store, tables.ANNOTATIONS)
        self.texts = hold(redacted_rows(spark, texts, 0).transform(unclustered).transform(voter_texts))
        self.batch = 0

    def run(self) -> float:
        """Label everything and commit the votes; gives the seconds."""
        begin = perf_counter()
        shown = self.texts.selectExpr("text_hash", "voter_text", "array(1.0f) AS vector", "0.0D AS latency_ms")
        asked = spread(shown, tasks_a_core=QUESTIONS_A_CORE)
        votes = map_frames(asked, self.voters.ask, CAST)
        cast = votes.transform(cast_votes, self.texts, self.nobody, datetime.now(UTC))
        append_once(cast, self.store, tables.LABELS, BatchWrite("labels", 1, self.batch))
        self.batch += 1
        return perf_counter() - begin


def label_end_to_end(spark: SparkSession, root: Path, options: argparse.Namespace) -> dict[str, object]:
    """Run both ways in turn; gives rates and the ratio."""
    uri = f"sqlite:///{root / 'mlflow' / 'mlflow.db'}"
    prepare_registry(uri, say)
    task, texts = make_task(uri), [text for text, _ in write_tickets(options.tickets, options.seed)][: options.tickets]
    kernel = Kernel(task, texts)
    spark_way = Labelling(spark, root, build_voters(task.pinned, [*task.intents], task.settings, uri), texts)
    seconds: dict[str, list[float]] = {"kernel": [], "end to end": []}
    for number in range(options.rounds + 1):
        for name, way in (("kernel", kernel.run), ("end to end", spark_way.run)):
            took = way()
            seconds[name] += [took] if number else []
            say(f"round {number}: {name} {took:.1f} s")
    kernel.pool.shutdown()
    return {
        "tickets": len(texts),
        "tickets_a_second": {name: len(texts) * len(each) / sum(each) for name, each in seconds.items()},
        "end to end / kernel": ratios(seconds["kernel"], seconds["end to end"]),
    }


def say_nothing(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The model that does nothing, as the voters run."""
    for frame in frames:
        yield pd.DataFrame({"label": frame["text"]})


def log_nothing(folder: Path) -> str:
    """Save the model that does nothing for MLflow's UDF."""
    import mlflow

    class Nothing(mlflow.pyfunc.PythonModel):
        def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> pd.Series:
            return model_input.iloc[:, 0]

    mlflow.pyfunc.save_model(str(folder), python_model=Nothing())
    return str(folder)


def run_nothing(spark: SparkSession, root: Path, options: argparse.Namespace) -> dict[str, object]:
    """Send rows through both UDFs in turn; gives rates and the ratio."""
    import mlflow

    batches = "spark.sql.execution.arrow.maxRecordsPerBatch"
    own = spark.conf.get(batches)
    spark.conf.set(batches, str(ROWS))
    texts = hold(spark.range(options.rows).selectExpr("repeat(cast(id AS string), 30) AS text").repartition(WORKERS))
    theirs = mlflow.pyfunc.spark_udf(spark, log_nothing(root / "nothing"), result_type="string", env_manager="local")
    ways = {
        "iterator": lambda: map_frames(texts, say_nothing, StructType([StructField("label", StringType())])),
        "spark_udf": lambda: texts.select(theirs("text").alias("label")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.udf_rounds + 1):
        for name, way in ways.items():
            begin = perf_counter()
            way().write.format("noop").mode("overwrite").save()
            seconds[name] += [perf_counter() - begin] if number else []
    spark.conf.set(batches, str(own))
    return {
        "rows": options.rows,
        "rows_a_second": {name: options.rows * len(each) / sum(each) for name, each in seconds.items()},
        "iterator / spark_udf": ratios(seconds["spark_udf"], seconds["iterator"]),
    }


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__, tickets=600, rounds=3, rows=500_000, udf_rounds=5, seed=3)
    options = parser.parse_args()
    torch_and_transformers()
    with lasting_session(Settings(spark=SparkSettings(master=f"local[{WORKERS}]"))) as (spark, root):
        result = run_nothing(spark, root, options) | label_end_to_end(spark, root, options)
    write_json(result | {"bars": BARS}, options.json)
    for name, told in result.items():
        print(f"{name}: {told}")


if __name__ == "__main__":
    main()
