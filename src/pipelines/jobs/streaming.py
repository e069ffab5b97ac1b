"""The streams. Each micro-batch commits once what cannot be computed twice, then works from what is stored.

Kafka, landing -> bronze -> silver -> labels -> gate -> gold | quarantine | shed, review queue
              commands ----------------------^
                            silver -> features
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from pipelines import contracts as tables
from pipelines.adapters.delta import (
    BatchWrite,
    append_once,
    read_batch,
    read_table,
    remove_superseded,
    with_rows,
)
from pipelines.adapters.landing import frame_names, list_landing, read_landed, read_names, refuse_named_files
from pipelines.adapters.spark import hold
from pipelines.adapters.streams import read_appends, read_kafka, read_ticks, rows_of, start
from pipelines.adapters.text_index import LookUp, TextIndex
from pipelines.declaration import Table
from pipelines.faults import hit
from pipelines.jobs.flow import Flow
from pipelines.jobs.judging import gather
from pipelines.jobs.labelling import labels, labels_again
from pipelines.jobs.silver import silver
from pipelines.transforms.agreement import (
    judge,
    newest_decisions,
    place_decided,
    quarantined,
    shed_pointers,
    superseded,
    training_examples,
)
from pipelines.transforms.commands import standing_commands, touched_texts
from pipelines.transforms.intake import parse_messages
from pipelines.transforms.landing import landed_files, parse_label_files, unread_files
from pipelines.transforms.review import review_tasks
from pipelines.transforms.text_features import text_features


def bronze_tickets(flow: Flow) -> StreamingQuery:
    """Kafka -> bronze.tickets: every message as it came."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        append_once(batch.transform(parse_messages, datetime.now(UTC)), flow.store, tables.TICKETS_BRONZE, write)
        hit("after_bronze")

    messages = read_kafka(flow.spark, flow.kafka_options)
    return start(messages, write_batch, flow.planned("bronze_tickets"), flow.store, tables.TICKETS_BRONZE)


def bronze_landed_files(flow: Flow) -> StreamingQuery:
    """Landing folder -> bronze.landed_files: the name of each dropped file, once, and nowhere else."""
    known: set[str] = set()

    def write_batch(tick: DataFrame, write: BatchWrite) -> None:
        spark = tick.sparkSession
        there = list_landing(spark, flow.landing_uri)
        if there <= known:
            return
        # Known is what the table says, never what was meant to be written: a repeated batch may write nothing.
        known.update(read_names(read_table(spark, flow.store, tables.LANDED_FILES)))
        if there <= known:
            return
        names = frame_names(spark, there - known).transform(landed_files, flow.pseudonym_key, datetime.now(UTC))
        append_once(names, flow.store, tables.LANDED_FILES, write, flow.settings.intake.files_per_batch)
        hit("after_landed_files")

    ticks = read_ticks(flow.spark)
    return start(ticks, write_batch, flow.planned("bronze_landed_files"), flow.store, tables.LANDED_FILES)


def bronze_label_files(flow: Flow) -> StreamingQuery:
    """Landed files -> bronze.label_files: every row as it came."""
    plan = flow.planned("bronze_label_files")
    refuse_named_files(flow.spark, plan)

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        landed = rows_of(batch, tables.LANDED_FILES)
        if write.epoch > 1:
            # Files that were read in an earlier epoch may be archived by now.
            landed = landed.transform(unread_files, read_table(batch.sparkSession, flow.store, tables.LABEL_FILES))
        files = read_landed(landed, flow.landing_uri)
        if files is not None:
            rows = files.transform(parse_label_files, datetime.now(UTC), flow.landing_uri)
            append_once(rows, flow.store, tables.LABEL_FILES, write)
            hit("after_label_files")

    # A file of this table holds the names of `files_per_batch` dropped files at most.
    landed = read_appends(flow.spark, flow.store, [tables.LANDED_FILES], files_per_batch=1)
    return start(landed, write_batch, plan, flow.store, tables.LABEL_FILES)


def features(flow: Flow) -> StreamingQuery:
    """Silver -> silver.text_features: what each redacted text is about. Nothing else waits for it."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        described = rows_of(batch, tables.TICKETS_SILVER).transform(text_features, flow.load_annotator())
        append_once(described, flow.store, tables.TEXT_FEATURES, write)
        hit("after_features")

    arrivals = flow.read_appends(tables.TICKETS_SILVER)
    return start(arrivals, write_batch, flow.planned("features"), flow.store, tables.TEXT_FEATURES)


def gate(flow: Flow) -> StreamingQuery:
    """Votes and commands -> decisions -> places: commit each verdict once, then route from what is stored."""
    index = TextIndex()

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        decisions = read_table(batch.sparkSession, flow.store, tables.DECISIONS)
        # A certificate may move the threshold for all that was judged by the one before.
        judged_before = decisions if not rows_of(batch, tables.CERTIFICATES).isEmpty() else decisions.limit(0)
        touched = hold(batch.transform(touched_texts, judged_before))
        read = partial(read_table, batch.sparkSession, flow.store)
        look_up = partial(index.look_up, read)
        due = gather(touched, read, look_up, flow.settings.gate.look_alikes_on_one_word)
        asked, now = due.rows(tables.COMMANDS).transform(standing_commands), datetime.now(UTC)
        told = (due.votes, due.rows(tables.DECISIONS), flow.labels, flow.pin_rules(), now, asked, due.crowds)
        append_once(due.records.transform(judge, *told), flow.store, tables.DECISIONS, write)
        hit("after_decisions")
        # An earlier epoch may have ended between a decision and its place: then what is newest is routed, once.
        stored = read_batch(batch.sparkSession, flow.store, tables.DECISIONS, write)
        decided = stored if write.epoch == 1 else due.rows(tables.DECISIONS).transform(newest_decisions)
        route(hold(decided.transform(place_decided, due.records_of(decided))), look_up, flow, write)
        index.keep_up(read, write)

    sources = (tables.TICKETS_SILVER, tables.CLUSTER_MERGES, tables.LABELS, tables.COMMANDS, tables.CERTIFICATES)
    arrivals = flow.read_appends(*sources)
    sinks = (tables.DECISIONS, *tables.PLACES.values(), tables.REVIEW_QUEUE)
    return start(arrivals, write_batch, flow.planned("gate"), flow.store, *sinks)


def route(placed: DataFrame, look_up: LookUp, flow: Flow, write: BatchWrite) -> None:
    """Put decided records into their place: insert first, then delete where a decision moved one.

    A repeated batch finds the same stored decisions, so it routes the same rows to the same places.

    Args:
        placed: what `place_decided` gave; held.
        look_up: gives what reads the rows of a table that are about some texts.
        flow: where the tables stand.
        write: the micro-batch.
    """
    arrivals = {
        tables.TRAINING_EXAMPLES: placed.transform(training_examples),
        tables.QUARANTINE: placed.transform(quarantined),
        tables.SHED: placed.transform(shed_pointers),
        tables.REVIEW_QUEUE: placed.transform(review_tasks, flow.settings.gate),
    }
    # A commit costs about a second, finding out for all tables at once where there is anything to write a tenth of it.
    filled = with_rows(arrivals)
    for table, rows in arrivals.items():
        if table in filled:
            append_once(rows, flow.store, table, write)
        hit(f"after_{table.schema}_{table.name}")
    moved = placed.where("decision_no > 1")
    if not moved.isEmpty():
        # Of these records, whatever the batch was about: repeated, it may be about less than when it decided.
        rows_about = look_up(moved)
        left = {table: rows_about(table).transform(superseded, moved) for table in arrivals}
        for table in with_rows(left):
            remove_superseded(moved, flow.store, table)
            hit(f"after_move_{table.schema}_{table.name}")


STREAMS: dict[str, tuple[Callable[[Flow], StreamingQuery], ...]] = {
    "bronze": (bronze_tickets, bronze_landed_files, bronze_label_files),
    "silver": (silver,),
    "labels": (labels, labels_again),
    "gate": (gate,),
    "features": (features,),
}
SINKS: dict[str, tuple[Table, ...]] = {
    "bronze": (tables.TICKETS_BRONZE, tables.LANDED_FILES, tables.LABEL_FILES),
    "silver": (tables.TICKETS_SILVER,),
    "labels": (tables.LABELS, tables.LABELS),
    "gate": (tables.DECISIONS,),
    "features": (tables.TEXT_FEATURES,),
}
