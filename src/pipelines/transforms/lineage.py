"""The life of one record, table by table; each function keeps the rows that tell it, in their order."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.evidence import vote_version

MOST_LOOK_ALIKES = 10


def beginning_with(tickets: DataFrame, beginnings: Sequence[str]) -> DataFrame:
    """Find the records whose id begins with one of some texts: record_id."""
    fits = [F.col("record_id").startswith(beginning) for beginning in beginnings]
    return tickets.where(reduce(or_, fits, F.lit(False))).select("record_id")


def ticket_of(tickets: DataFrame, merges: DataFrame, record_id: str) -> DataFrame:
    """Tell one record as silver has it, in the cluster that its own has become part of; redactions only by type.

    Args:
        tickets: silver.tickets.
        merges: silver.cluster_merges.
        record_id: of the record.
    """
    row = tickets.where(F.col("record_id") == record_id).transform(current_clusters, merges)
    told = ["record_id", "ticket_key", "subject_key", "source", "created_at", "received_day", "subject", "text"]
    return row.select(
        *told,
        *("withheld", "kept_record_id", "cluster_id", "links_capped", "redaction_version", "position"),
        F.transform("spans", lambda span: span["type"]).alias("redacted"),
    )


def deliveries_of(bronze: DataFrame, record_id: str) -> DataFrame:
    """List the messages that brought a record: topic, partition, offset, kafka_time, ingested_at."""
    rows = bronze.where((F.col("record_id") == record_id) & F.col("error_code").isNull())
    return rows.select("topic", "partition", "offset", "kafka_time", "ingested_at").orderBy("ingested_at", "offset")


def look_alikes(tickets: DataFrame, record_id: str) -> DataFrame:
    """List the records that one is linked with, the most similar first: record_id, similarity (Jaccard), came."""
    own = tickets.where(F.col("record_id") == record_id).select(F.explode("links").alias("link"))
    earlier = own.select("link.record_id", "link.similarity", F.lit("earlier").alias("came"))
    linked = tickets.select("record_id", F.explode("links").alias("link"))
    to_it = linked.where(F.col("link.record_id") == record_id)
    later = to_it.select("record_id", "link.similarity", F.lit("later").alias("came"))
    return earlier.unionByName(later).orderBy(F.desc("similarity"), "record_id").limit(MOST_LOOK_ALIKES)


def votes_on(votes: DataFrame, tickets: DataFrame, record_id: str) -> DataFrame:
    """List the votes on a record's text, on whatever copy they were cast, in the order of time.

    Returns:
        voter, label, confidence, second_label, second_confidence, tier, version, model_hash, prompt_hash, annotator_id,
        on_copy (cast on another record with the same text), annotated_at, voted_at.
    """
    text = tickets.where(F.col("record_id") == record_id).select("text_key")
    cast = votes.join(text, on="text_key", how="left_semi")
    return cast.select(
        *("voter", "label", "confidence", "second_label", "second_confidence", "tier"),
        vote_version().alias("version"),
        *("model_hash", "prompt_hash", "annotator_id"),
        (F.col("record_id") != record_id).alias("on_copy"),
        *("annotated_at", "voted_at"),
    ).orderBy("voted_at", "voter", "label", "on_copy")


def decisions_on(decisions: DataFrame, record_id: str) -> DataFrame:
    """List the verdicts on a record in their order, with what they were made of."""
    rows = decisions.where(F.col("record_id") == record_id).orderBy("decision_no")
    told = ["decision_no", "verdict", "reason", "place", "label", "confidence", "labels", "parts", "versions"]
    return rows.select(*told, "gate_version", "decided_at")


def tasks_on(queue: DataFrame, decisions: DataFrame, record_id: str) -> DataFrame:
    """List what people are asked about a record by its newest decision: task, labels."""
    newest = decisions.where(F.col("record_id") == record_id).transform(newest_decisions)
    open_tasks = queue.join(newest.select("record_id", "decision_no"), on=["record_id", "decision_no"], how="left_semi")
    return open_tasks.select("task", "labels").orderBy("task")


def commands_on(commands: DataFrame, record_id: str) -> DataFrame:
    """List what people asked the gate to do with a record, in the order of time: action, because, version, time."""
    rows = commands.where(F.col("record_id") == record_id)
    return rows.select("action", "because", "version", "requested_at").distinct().orderBy("requested_at")
