"""Tickets per second through Silver on two cores, and the share of each stage: is Spark NLP worth its time?

    python -m tests.benchmarks.silver_stages --json result.json             # batches of 5,000: ten minutes
    python -m tests.benchmarks.silver_stages --tickets 3000 --batch 500     # small ones

Made-up tickets, each different, of some 45 words, go through what the streams call: `read_tickets`, `clean`,
`text_features`, into real Delta tables, batch after batch, so that history grows, in a session like that of
`run --continuous`. The first three batches load what is left to load and warm Java up; they run and are not counted.
A batch is by default what bronze commits at a time when tickets wait (`kafka.max_messages_per_batch`); each has fixed
costs (plans, commits), so that small ones are dearer a ticket. Stages are timed where `clean` computes its frames
(`hold`) and commits them (`append_once`); clustering is what `cluster` takes besides. Processor time stands beside it,
because a machine may be busy with other things. Two policies, each in a session of its own: all types of the settings,
and structured types alone (no language model needed).
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter
from unittest.mock import patch

import psutil
from pyspark.sql import DataFrame

from pipelines import contracts as tables
from pipelines.adapters.cluster_cache import ClusterCache
from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_batch
from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.spark import hold
from pipelines.adapters.text_annotator import annotator_problem, build_annotator
from pipelines.configuration import load_settings
from pipelines.declaration import Table
from pipelines.jobs import silver
from pipelines.jobs.flow import Flow
from pipelines.redaction_policy import RedactionSettings
from pipelines.settings import Settings
from pipelines.transforms.intake import parse_messages, read_tickets
from pipelines.transforms.placeholders import INFERRED_ENTITIES
from pipelines.transforms.text_features import TextAnnotator, text_features
from tests.benchmarks.flows import lasting_session, make_flow
from tests.benchmarks.made_up_tickets import make_tickets
from tests.benchmarks.report import make_parser, say, write_json
from tests.builders import message, messages

KEY = bytes(range(32))
WARMING = 3
BARS = {"ner and features": 100, "ner": 150, "structured": 1_500}
"""Tickets a second that Silver is to reach on two cores."""


@dataclass
class Clock:
    """Seconds of each stage over the counted batches."""

    seconds: Counter[str] = field(default_factory=Counter)
    work: Counter[str] = field(default_factory=Counter)
    tickets: int = 0

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        began, worked = perf_counter(), processor_seconds()
        yield
        self.seconds[stage] += perf_counter() - began
        self.work[stage] += processor_seconds() - worked

    def add(self, other: "Clock") -> None:
        """Add what another one counted."""
        self.seconds.update(other.seconds)
        self.work.update(other.work)
        self.tickets += other.tickets

    def rate(self, *left_out: str) -> float:
        """Tickets a second, as if the stages left out did not exist."""
        counted = sum(seconds for stage, seconds in self.seconds.items() if stage not in left_out)
        return self.tickets / counted if counted else 0.0


def processor_seconds() -> float:
    """Processor time of this process, its JVM and its workers: what others do on the machine is not in it."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            spent = process.cpu_times()
            total += spent.user + spent.system
    return total


@contextmanager
def stages_timed(clock: Clock) -> Iterator[None]:
    """Time redaction, clustering and the commit inside `clean`."""

    def held(frame: DataFrame) -> DataFrame:
        with clock.timing("redaction"):
            return hold(frame)

    def appended(frame: DataFrame, store: TableStore, table: Table, write: BatchWrite) -> None:
        with clock.timing("write"):
            append_once(frame, store, table, write)

    def clustered(texts: DataFrame, clusters: ClusterCache, flow: Flow, write: BatchWrite) -> None:
        written, worked = clock.seconds["write"], clock.work["write"]
        with clock.timing("clustering"):
            cluster(texts, clusters, flow, write)
        clock.seconds["clustering"] -= clock.seconds["write"] - written
        clock.work["clustering"] -= clock.work["write"] - worked

    cluster = silver.cluster
    with (
        patch.object(silver, "hold", held),
        patch.object(silver, "append_once", appended),
        patch.object(silver, "cluster", clustered),
    ):
        yield


def fill_bronze(flow: Flow, texts: list[str], batch: int) -> int:
    """Put tickets into bronze, a batch number for each batch that Silver will read; give how many there are."""
    starts = range(0, len(texts), batch)
    for number, start in enumerate(starts):
        rows = [
            message(payload(start + place, text), offset=start + place)
            for place, text in enumerate(texts[start : start + batch])
        ]
        parsed = messages(flow.spark, *rows).transform(parse_messages, datetime.now(UTC))
        append_once(parsed, flow.store, tables.TICKETS_BRONZE, BatchWrite("bronze", 1, number))
    return len(starts)


def payload(number: int, text: str) -> bytes:
    """A ticket as a channel sends it."""
    fields = {"ticket_id": str(number), "source": "mail", "created_at": "2026-01-05T10:00:00Z", "text": text}
    return json.dumps(fields).encode()


def run_batch(flow: Flow, clusters: ClusterCache, number: int, clock: Clock, annotator: TextAnnotator | None) -> None:
    """Run one batch through Silver and, where it can be had, Spark NLP."""
    spark, write = flow.spark, BatchWrite("silver", 1, number)
    with clock.timing("intake"):
        stored = read_batch(spark, flow.store, tables.TICKETS_BRONZE, BatchWrite("bronze", 1, number))
        tickets = hold(stored.transform(read_tickets, KEY))
    with stages_timed(clock):
        silver.clean(tickets, spark.range(0), clusters, flow, write)
    if annotator is not None:
        with clock.timing("features"):
            records = read_batch(spark, flow.store, tables.TICKETS_SILVER, write)
            described = records.transform(text_features, annotator)
            append_once(described, flow.store, tables.TEXT_FEATURES, BatchWrite("features", 1, number))
    clock.tickets += read_batch(spark, flow.store, tables.TICKETS_SILVER, write).count()


def measure(settings: Settings, texts: list[str], batch: int, with_features: bool) -> Clock:
    """Run all batches over empty tables, in a session such as `run --continuous` has with these settings."""
    clock = Clock()
    with lasting_session(settings) as (spark, root):
        annotator = build_annotator(spark, settings.features) if with_features else None
        flow = make_flow(spark, root, settings, build_redactor(settings.redaction, KEY), KEY, annotator)
        clusters = ClusterCache(flow.cache_folder, settings.clusters)
        for number in range(fill_bronze(flow, texts, batch)):
            taken = Clock()
            run_batch(flow, clusters, number, taken, annotator)
            say(f"batch {number}: {taken.rate():.0f} tickets/s{'' if number >= WARMING else ' (warming up)'}")
            if number >= WARMING:
                clock.add(taken)
    return clock


def structured_only(policy: RedactionSettings) -> RedactionSettings:
    """Leave out the types that a language model infers."""
    return replace(policy, entities=tuple(one for one in policy.entities if one.name not in INFERRED_ENTITIES))


def summarise(clocks: Mapping[str, Clock], with_features: bool) -> dict[str, object]:
    """Everything measured, ready for JSON."""
    ner, structured = clocks["ner"], clocks["structured"]
    rates = {"ner": ner.rate("features"), "structured": structured.rate()}
    if with_features:
        rates = {"ner and features": ner.rate(), **rates}
    return {
        "tickets": {name: clock.tickets for name, clock in clocks.items()},
        "milliseconds_a_ticket": {
            name: {stage: 1_000 * seconds / clock.tickets for stage, seconds in clock.seconds.items()}
            for name, clock in clocks.items()
        },
        "processor_milliseconds_a_ticket": {
            name: {stage: 1_000 * seconds / clock.tickets for stage, seconds in clock.work.items()}
            for name, clock in clocks.items()
        },
        "tickets_a_second": {
            name: {"measured": rate, "bar": BARS[name], "reached": rate >= BARS[name]} for name, rate in rates.items()
        },
    }


def show(clocks: Mapping[str, Clock], result: dict[str, object]) -> None:
    """Print the tables."""
    for name, clock in clocks.items():
        whole = sum(clock.seconds.values())
        print(f"{name}: {clock.tickets} tickets in {whole:.1f} s")
        for stage, seconds in clock.seconds.items():
            each, work = 1_000 * seconds / clock.tickets, 1_000 * clock.work[stage] / clock.tickets
            print(f"  {stage:12}{each:10.2f} ms a ticket{seconds / whole:8.0%}{work:10.2f} ms of processor")
    for name, rate in result["tickets_a_second"].items():
        verdict = "reached" if rate["reached"] else "missed"
        print(f"{name:20}{rate['measured']:10.0f} tickets/s, bar {rate['bar']}: {verdict}")


def run(options: argparse.Namespace) -> None:
    """Measure both policies and print; structured types alone, quickly read, over six times as many tickets."""
    settings = load_settings([])
    problem = annotator_problem()
    say(f"Without text features: {problem}" if problem else "With text features")
    plain = replace(settings, redaction=structured_only(settings.redaction))
    measured: dict[str, Callable[[], Clock]] = {
        "ner": lambda: measure(settings, different(options.tickets, options), options.batch, not problem),
        "structured": lambda: measure(plain, different(6 * options.tickets, options), options.batch, False),
    }
    clocks = {name: begin() for name, begin in measured.items()}
    result = summarise(clocks, not problem)
    write_json(result, options.json)
    show(clocks, result)


def different(count: int, options: argparse.Namespace) -> list[str]:
    """Made-up tickets without duplicates."""
    return make_tickets(count, options.seed, exact_share=0.0, near_share=0.0)


def main() -> None:
    """Read the options and measure."""
    batch = load_settings([]).kafka.max_messages_per_batch
    run(make_parser(__doc__, tickets=(WARMING + 2) * batch, batch=batch, seed=1).parse_args())


if __name__ == "__main__":
    main()
