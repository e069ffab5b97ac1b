"""The streams. Each micro-batch commits once what cannot be computed twice, then works from what is stored.

Kafka, landing -> bronze -> silver -> labels -> gate -> gold | quarantine | shed, review queue
                            silver -> features
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pipelines import contracts as tables
from pipelines.adapters.cluster_cache import ClusterCache
from pipelines.adapters.cluster_rows import clustering_frame, read_arrivals
from pipelines.adapters.delta import (
    BatchWrite,
    TableStore,
    append_once,
    read_batch,
    read_table,
    remove_superseded,
    table_id,
)
from pipelines.adapters.spark import hold
from pipelines.adapters.streams import StreamPlan, read_appends, read_dropped_files, read_kafka, rows_of, start
from pipelines.declaration import MapBatches, Table
from pipelines.faults import hit
from pipelines.settings import Settings
from pipelines.transforms.agreement import (
    judge,
    newest_decisions,
    place_decided,
    quarantined,
    shed_pointers,
    training_examples,
)
from pipelines.transforms.clusters import add_clusters, merge_clusters
from pipelines.transforms.duplicates import first_deliveries, withhold
from pipelines.transforms.intake import (
    match_annotations,
    parse_label_files,
    parse_messages,
    read_label_rows,
    read_tickets,
    tickets_from_label_rows,
)
from pipelines.transforms.labelling import cast_votes
from pipelines.transforms.redaction import redact
from pipelines.transforms.review import review_tasks
from pipelines.transforms.text_features import TextAnnotator, text_features


@dataclass(frozen=True)
class Flow:
    """What the streams share: the session, the places, the settings, and the models as arguments.

    Attributes:
        cache_folder: on the driver's own disk; what is in it can be made again from the tables.
        pin_labeller: called once a micro-batch; gives the labeller with every version pinned.
        load_annotator: called once a micro-batch; gives what reads the texts, built when first needed.
    """

    spark: SparkSession
    store: TableStore
    settings: Settings
    plan: StreamPlan
    landing_uri: str
    cache_folder: Path
    kafka_options: dict[str, str]
    pseudonym_key: bytes
    labels: list[str]
    redactor: MapBatches
    pin_labeller: Callable[[], MapBatches]
    load_annotator: Callable[[], TextAnnotator]

    def planned(self, name: str) -> StreamPlan:
        """The plan of one query."""
        return replace(self.plan, name=name)

    def read_appends(self, *sources: Table) -> DataFrame:
        """Stream the rows appended to tables."""
        return read_appends(self.spark, self.store, list(sources), self.settings.spark.files_per_batch)


def bronze_tickets(flow: Flow) -> StreamingQuery:
    """Kafka -> bronze.tickets: every message as it came."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        append_once(batch.transform(parse_messages, datetime.now(UTC)), flow.store, tables.TICKETS_BRONZE, write)
        hit("after_bronze")

    messages = read_kafka(flow.spark, flow.kafka_options)
    return start(messages, write_batch, flow.planned("bronze_tickets"), flow.store, tables.TICKETS_BRONZE)


def bronze_label_files(flow: Flow) -> StreamingQuery:
    """Dropped files -> bronze.label_files: every row as it came."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        rows = batch.transform(parse_label_files, datetime.now(UTC), flow.landing_uri)
        append_once(rows, flow.store, tables.LABEL_FILES, write)
        hit("after_label_files")

    files = read_dropped_files(flow.spark, flow.landing_uri)
    return start(files, write_batch, flow.planned("bronze_label_files"), flow.store, tables.LABEL_FILES)


def silver(flow: Flow) -> StreamingQuery:
    """Bronze -> silver.tickets and silver.annotations: once each, redacted, clustered, matched."""
    clusters = ClusterCache(flow.cache_folder, flow.settings.clusters)

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        messages, rows = rows_of(batch, tables.TICKETS_BRONZE), rows_of(batch, tables.LABEL_FILES)
        tickets = hold(messages.transform(read_tickets, flow.pseudonym_key))
        label_rows = hold(rows.transform(read_label_rows, flow.pseudonym_key))
        clean(tickets, label_rows, clusters, flow, write)
        annotate(label_rows, flow, write)

    arrivals = flow.read_appends(tables.TICKETS_BRONZE, tables.LABEL_FILES)
    return start(arrivals, write_batch, flow.planned("silver"), flow.store, tables.TICKETS_SILVER)


def clean(tickets: DataFrame, label_rows: DataFrame, clusters: ClusterCache, flow: Flow, write: BatchWrite) -> None:
    """Commit the new records of a batch: those of messages, and those of labelled rows that match nothing known."""
    history = read_table(tickets.sparkSession, flow.store, tables.TICKETS_SILVER)
    arrivals = tickets
    if not label_rows.isEmpty():
        unmatched = label_rows.transform(tickets_from_label_rows, known_records(tickets, history))
        arrivals = tickets.unionByName(unmatched)
    fresh = arrivals.transform(first_deliveries, history).transform(withhold, history, flow.settings.intake)
    # Read twice, to be clustered and to be written: without the hold, every text would be redacted twice.
    cluster(hold(fresh.transform(redact, flow.redactor)), clusters, flow, write)


def cluster(texts: DataFrame, clusters: ClusterCache, flow: Flow, write: BatchWrite) -> None:
    """Commit redacted records with their clusters, then the clusters that they have made one."""
    spark = texts.sparkSession
    log = read_table(spark, flow.store, tables.CLUSTER_MERGES)
    if not clusters.is_open:
        history = read_table(spark, flow.store, tables.TICKETS_SILVER)
        clusters.catch_up(history, log, table_id(spark, flow.store, tables.TICKETS_SILVER))
    assignment = clusters.index.assign(read_arrivals(texts))
    clustered = texts.transform(add_clusters, clustering_frame(spark, assignment))
    append_once(clustered, flow.store, tables.TICKETS_SILVER, write)
    hit("after_silver")
    clusters.learn(assignment, write)
    # A repeated batch has no new records, but its clusters that became one may still be untold.
    if assignment.has_merged or not len(assignment.members):
        stored = read_batch(spark, flow.store, tables.TICKETS_SILVER, write)
        merged = stored.transform(merge_clusters, log)
        if not merged.isEmpty():
            append_once(merged, flow.store, tables.CLUSTER_MERGES, write)
    hit("after_merges")


def annotate(label_rows: DataFrame, flow: Flow, write: BatchWrite) -> None:
    """Commit the labelled rows of a batch with the records they are about, read back from what is stored."""
    if not label_rows.isEmpty():
        stored = read_table(label_rows.sparkSession, flow.store, tables.TICKETS_SILVER)
        append_once(label_rows.transform(match_annotations, stored), flow.store, tables.ANNOTATIONS, write)
    hit("after_annotations")


def known_records(tickets: DataFrame, history: DataFrame) -> DataFrame:
    """Records a labelled row may belong to: stored ones and those of the same batch."""
    names = ["record_id", "ticket_key", "subject_key", "text_key", "position"]
    return history.select(*names).unionByName(tickets.select(*names))


def features(flow: Flow) -> StreamingQuery:
    """Silver -> silver.text_features: what each redacted text is about. Nothing else waits for it."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        described = rows_of(batch, tables.TICKETS_SILVER).transform(text_features, flow.load_annotator())
        append_once(described, flow.store, tables.TEXT_FEATURES, write)
        hit("after_features")

    arrivals = flow.read_appends(tables.TICKETS_SILVER)
    return start(arrivals, write_batch, flow.planned("features"), flow.store, tables.TEXT_FEATURES)


def labels(flow: Flow) -> StreamingQuery:
    """Silver -> silver.labels: all votes of a batch in one transaction, before anything is routed."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        records = rows_of(batch, tables.TICKETS_SILVER)
        annotations = rows_of(batch, tables.ANNOTATIONS)
        votes = records.transform(cast_votes, annotations, flow.pin_labeller(), datetime.now(UTC))
        append_once(votes, flow.store, tables.LABELS, write)
        hit("after_labels")

    arrivals = flow.read_appends(tables.TICKETS_SILVER, tables.ANNOTATIONS)
    return start(arrivals, write_batch, flow.planned("labels"), flow.store, tables.LABELS)


def gate(flow: Flow) -> StreamingQuery:
    """Votes -> decisions -> places: commit each verdict once, then route from what is stored."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        touched = hold(batch.select("text_key").distinct())

        def read_touched(table: Table) -> DataFrame:
            return read_table(batch.sparkSession, flow.store, table).join(touched, on="text_key", how="left_semi")

        records = hold(read_touched(tables.TICKETS_SILVER))
        votes, previous = read_touched(tables.LABELS), read_touched(tables.DECISIONS)
        judged = records.transform(judge, votes, previous, flow.labels, flow.settings.gate, datetime.now(UTC))
        append_once(judged, flow.store, tables.DECISIONS, write)
        hit("after_decisions")
        # An earlier epoch may have ended between a decision and its place: then what is newest is routed, once.
        stored = read_batch(batch.sparkSession, flow.store, tables.DECISIONS, write)
        decided = stored if write.epoch == 1 else read_touched(tables.DECISIONS).transform(newest_decisions)
        route(hold(decided.transform(place_decided, records)), flow, write)

    arrivals = flow.read_appends(tables.TICKETS_SILVER, tables.LABELS)
    return start(arrivals, write_batch, flow.planned("gate"), flow.store, tables.DECISIONS)


def route(placed: DataFrame, flow: Flow, write: BatchWrite) -> None:
    """Put decided records into their place: insert first, then delete where a decision moved one.

    A repeated batch finds the same stored decisions, so it routes the same rows to the same places.
    """
    arrivals = {
        tables.TRAINING_EXAMPLES: placed.transform(training_examples),
        tables.QUARANTINE: placed.transform(quarantined),
        tables.SHED: placed.transform(shed_pointers),
        tables.REVIEW_QUEUE: placed.transform(review_tasks, flow.settings.gate),
    }
    for table, rows in arrivals.items():
        # A commit costs about a second, finding out that there is nothing to write a tenth of it.
        if not rows.isEmpty():
            append_once(rows, flow.store, table, write)
        hit(f"after_{table.schema}_{table.name}")
    moved = placed.where("decision_no > 1")
    if not moved.isEmpty():
        for table in arrivals:
            remove_superseded(moved, flow.store, table)
            hit(f"after_move_{table.schema}_{table.name}")


STREAMS: dict[str, tuple[Callable[[Flow], StreamingQuery], ...]] = {
    "bronze": (bronze_tickets, bronze_label_files),
    "silver": (silver,),
    "labels": (labels,),
    "gate": (gate,),
    "features": (features,),
}
SINKS: dict[str, tuple[Table, ...]] = {
    "bronze": (tables.TICKETS_BRONZE, tables.LABEL_FILES),
    "silver": (tables.TICKETS_SILVER,),
    "labels": (tables.LABELS,),
    "gate": (tables.DECISIONS,),
    "features": (tables.TEXT_FEATURES,),
}
