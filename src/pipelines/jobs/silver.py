"""Silver: each record once, redacted, in its cluster, and labelled rows beside the records that they are about."""

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from pipelines import contracts as tables
from pipelines.adapters.cluster_cache import ClusterCache
from pipelines.adapters.cluster_rows import clustering_frame, read_arrivals
from pipelines.adapters.delta import BatchWrite, append_once, read_batch, read_table, table_id
from pipelines.adapters.spark import hold
from pipelines.adapters.streams import rows_of, start
from pipelines.faults import hit
from pipelines.jobs.flow import Flow
from pipelines.transforms.clusters import add_clusters, merge_clusters
from pipelines.transforms.duplicates import first_deliveries, withhold
from pipelines.transforms.intake import match_annotations, read_label_rows, read_tickets, tickets_from_label_rows
from pipelines.transforms.redaction import redact


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
    sinks = (tables.TICKETS_SILVER, tables.CLUSTER_MERGES, tables.ANNOTATIONS)
    return start(arrivals, write_batch, flow.planned("silver"), flow.store, *sinks)


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
