"""What a batch of the gate costs when its log is long: 1,000 votes against 1,000,000 decisions and against 10,000.

    python -m tests.benchmarks.gate_batches --json gate_batches.json --table tests/benchmarks/gate_batches.md

Two workspaces with a past of votes, decisions and places get the same batches in turn: 1,000 tickets with a vote each,
of which a tenth repeats an old text. `maintain` was there before the last twentieth of the past, whose files are as
streams leave them; with `--never-tidied` all are. The gate's own stream judges and places what comes, with an index of
texts that lasts, as that of `run --continuous` does; its time is Spark's own for the whole trigger.
Beside it a MERGE of as many decisions into one table of the newest decision of each record, as a peer would keep it.
Ratios are taken within a round; the first is not counted.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import contracts as tables
from pipelines.adapters.checkpoints import StreamPlan
from pipelines.adapters.delta import read_table
from pipelines.adapters.table_creation import ensure_tables
from pipelines.adapters.text_index import TextIndex
from pipelines.adapters.tidying import tidy_files
from pipelines.declaration import Table
from pipelines.intents import LabelSet
from pipelines.jobs import streaming
from pipelines.settings import Settings
from pipelines.transforms.redaction import leave_texts
from tests.benchmarks.flows import lasting_session, make_flow
from tests.benchmarks.report import make_parser, ratios, say, write_json

SMALL, BATCH, ROWS_PER_FILE, BAR = 10_000, 1_000, 5_000, 1.15
NAMED = {"record_id": "sha2(concat('r', id), 256)", "text_key": "sha2(concat('t', text), 256)"}
CONFIDENCE = "if(text % 5 = 0, 0.5D, 0.9D)"
STANDING = "if(text % 5 = 0, array(), array('refund'))"
MOMENT = "timestamp'2026-01-05 10:00:00'"
JUDGED = {"decision_no": "1", "label": "'refund'", "confidence": CONFIDENCE}
PLACED = {**JUDGED, "source": "'email'", "text": "concat('refund number ', text, ' of a thing that broke')"}
COLUMNS: dict[Table, dict[str, str]] = {
    tables.TICKETS_SILVER: {
        **{"source": "'email'", "text": "concat('refund number ', text, ' of a thing that broke')"},
        **{"received_day": "date'2026-01-05'", "position": "lpad(id, 15, '0')", "redaction_version": "'benchmark'"},
        **{"cluster_id": NAMED["record_id"], "cluster_no": "id", "arrival_no": "id"},
    },
    tables.LABELS: {
        **{"vote_id": "sha2(concat('v', id), 256)", "voter": "'memory'", "label": "'refund'"},
        **{"confidence": CONFIDENCE, "tier": "'model'", "latency_ms": "1.0D", "try_no": "1", "voted_at": MOMENT},
        **{"alternatives": f"array(named_struct('label', 'refund', 'probability', {CONFIDENCE}))"},
        **{"model_name": "'memory'", "model_version": "'1'", "text_hash": "sha2(concat('h', text), 256)"},
    },
    tables.DECISIONS: {
        **JUDGED,
        **{"verdict": "if(text % 5 = 0, 'low_confidence', 'accepted')", "labels": STANDING},
        **{"reason": "if(text % 5 = 0, 'confidence_below_threshold', null)", "decided_at": MOMENT},
        **{"place": "if(text % 5 = 0, 'quarantine', 'gold')", "gate_version": "'benchmark'"},
        **{"parts": f"array(named_struct('label', 'memory', 'probability', {CONFIDENCE}))"},
        **{"versions": "array('memory=memory@1')"},
    },
    tables.TRAINING_EXAMPLES: {**PLACED, "voters": "array('memory')", "versions": "array('memory=memory@1')"},
    tables.QUARANTINE: {**PLACED, "verdict": "'low_confidence'", "labels": STANDING},
}
"""What stands in the columns that are not empty, as SQL over `id` (of the record) and `text` (of its text)."""
WHERE = {tables.TRAINING_EXAMPLES: "text % 5 != 0", tables.QUARANTINE: "text % 5 = 0"}


def rows_of_table(numbers: DataFrame, table: Table, batch: str, epoch: str = "past/1") -> DataFrame:
    """Lay out rows of a table for numbered records, in files' worth of batches."""
    values: Mapping[str, str] = {**NAMED, **COLUMNS[table], "query_epoch": f"'{epoch}'", "batch_id": batch}
    told = [F.expr(values.get(field.name, "null")).cast(field.dataType).alias(field.name) for field in table.columns]
    return numbers.where(WHERE.get(table, "true")).select(*told)


class Lake:
    """A workspace's tables and its gate; its past came by commits that streams pass over."""

    def __init__(self, spark: SparkSession, root: Path, decisions: int, tidied: bool) -> None:
        flow = make_flow(spark, root, Settings(), leave_texts)
        ensure_tables(spark, flow.store)
        plan = StreamPlan("", str(root / "checkpoints"))
        self.flow, self.decisions, self.rounds = replace(flow, labels=LabelSet(("refund",)), plan=plan), decisions, 0
        self.index = TextIndex()
        self.send(spark.range(1).selectExpr("id", "id AS text"))
        # From here on the stream passes over the past.
        self.judge()
        recent = decisions - decisions // 20
        self.remember(spark.range(1, recent + 1))
        if tidied:
            for table in COLUMNS:
                tidy_files(spark, flow.store, table, keep_days=30)
        self.remember(spark.range(recent + 1, decisions + 1))
        self.index = TextIndex()
        self.index.catch_up(partial(read_table, spark, flow.store))

    def remember(self, numbers: DataFrame) -> None:
        """Add to the past by commits that streams pass over."""
        past = numbers.selectExpr("id", "id AS text")
        for table in COLUMNS:
            rows = rows_of_table(past, table, f"cast(id / {ROWS_PER_FILE} AS bigint)")
            writer = rows.coalesce(1).write.format("delta").mode("append").option("dataChange", "false")
            writer.option("maxRecordsPerFile", ROWS_PER_FILE).save(self.flow.store.path(table))

    def send(self, numbers: DataFrame) -> None:
        """Append tickets and a vote on each, as silver and labels do."""
        for table in (tables.TICKETS_SILVER, tables.LABELS):
            rows = rows_of_table(numbers, table, str(self.rounds), "new/1").coalesce(1)
            rows.write.format("delta").mode("append").save(self.flow.store.path(table))

    def judge(self) -> float:
        """Run the gate; gives the seconds of its micro-batches."""
        with patch.object(streaming, "TextIndex", lambda: self.index):
            query = streaming.gate(self.flow)
        query.awaitTermination()
        took = [told["durationMs"] for told in query.recentProgress if "addBatch" in told["durationMs"]]
        return sum(each["triggerExecution"] for each in took) / 1_000

    def take(self, first: int) -> float:
        """Judge one batch; every tenth of its texts is an old one."""
        self.rounds += 1
        old = f"if(id % 10 = 0, 1 + pmod(hash(id), {self.decisions}), id)"
        self.send(self.flow.spark.range(first, first + BATCH).selectExpr("id", f"{old} AS text"))
        return self.judge()


class Merged:
    """The peer: one row a record, its newest decision, kept by MERGE."""

    def __init__(self, lake: Lake, root: Path) -> None:
        self.spark, self.path, self.decisions = lake.flow.spark, str(root / "merged"), lake.decisions
        stored = self.spark.read.format("delta").load(lake.flow.store.path(tables.DECISIONS))
        writer = stored.coalesce(1).write.format("delta").option("maxRecordsPerFile", ROWS_PER_FILE)
        writer.save(self.path)

    def take(self, first: int) -> float:
        """Merge one batch of decisions, of which a tenth replaces old ones; gives the seconds."""
        old = f"if(id % 10 = 0, 1 + pmod(hash(id), {self.decisions}), id)"
        numbers = self.spark.range(first, first + BATCH).selectExpr(f"{old} AS id").selectExpr("id", "id AS text")
        fresh = rows_of_table(numbers.dropDuplicates(["id"]), tables.DECISIONS, "0")
        begin = perf_counter()
        merge = DeltaTable.forPath(self.spark, self.path).alias("old")
        merge.merge(fresh.alias("new"), "old.record_id = new.record_id").whenMatchedUpdateAll().whenNotMatchedInsertAll(
        ).execute()  # fmt: skip
        return perf_counter() - begin


def measure(spark: SparkSession, root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Send batches to both in turn."""
    sizes = {"small": SMALL, "big": options.decisions}
    lakes = {name: Lake(spark, root / name, count, not options.never_tidied) for name, count in sizes.items()}
    peers = {name: Merged(lake, root / name) for name, lake in lakes.items()}
    ways: dict[str, Callable[[int], float]] = {name: lake.take for name, lake in lakes.items()}
    ways |= {f"merge {name}": peer.take for name, peer in peers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        first = options.decisions + 1 + number * BATCH
        for name, way in ways.items():
            took = way(first)
            seconds[name] += [took] if number else []
            say(f"round {number}: {name} {took:.2f} s")
    return {
        "decisions": sizes,
        "seconds": seconds,
        "big / small": ratios(seconds["big"], seconds["small"]),
        "merge big / small": ratios(seconds["merge big"], seconds["merge small"]),
        "bar": BAR,
        "judged": {name: lakes[name].flow.spark.read.format("delta").load(
            lakes[name].flow.store.path(tables.DECISIONS)).where("query_epoch = 'gate/1'").count() for name in lakes},
    }  # fmt: skip


def page(result: dict[str, Any], tidied: bool) -> str:
    """Write the table."""
    few, many = (f"{count:,}" for count in result["decisions"].values())
    lines = [
        "# What a batch of the gate costs when its log is long\n",
        f"Made by `python -m tests.benchmarks.gate_batches{'' if tidied else ' --never-tidied'}`: batches of "
        f"{BATCH:,} tickets with\na vote each, a tenth of them of old texts, against {few} and {many} decisions in the "
        f"log,\n{'tidied by `maintain` but for the last twentieth' if tidied else 'never tidied'}. Seconds are of one "
        "machine on one day;\nthe ratios count (median, least to greatest of the rounds).\n",
        f"| way | {few} | {many} | ratio |",
        "|---|---|---|---|",
    ]
    for name, way in {"the gate, a batch": "", "MERGE into a table of newest decisions": "merge "}.items():
        took = [statistics.median(result["seconds"][f"{way}{size}"]) for size in result["decisions"]]
        told = result[f"{way}big / small"]
        ratio = f"{told['median']:.2f} ({told['least']:.2f} to {told['greatest']:.2f})"
        lines.append(f"| {name} | {took[0]:.2f} s | {took[1]:.2f} s | {ratio} |")
    judged = " and ".join(f"{count:,}" for count in result["judged"].values())
    return "\n".join([*lines, f"\nThe bar is {BAR}. Records judged: {judged}.\n"])


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__, decisions=1_000_000, rounds=7)
    parser.add_argument("--never-tidied", action="store_true")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    with lasting_session(Settings()) as (spark, root):
        result = measure(spark, root, options)
    write_json(result, options.json)
    told = page(result, not options.never_tidied)
    print(told)
    if options.table:
        options.table.write_text(told, encoding="utf-8")


if __name__ == "__main__":
    main()
