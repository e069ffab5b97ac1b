"""Labels: a vector for each new text, the cheap votes, then the language model's where it is asked.

All votes of a batch are one transaction, before anything is routed. What a voter failed on is shown to it again.
"""

from dataclasses import replace
from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from pipelines import contracts as tables
from pipelines.adapters.delta import BatchWrite, append_once, read_batches, read_table
from pipelines.adapters.spark import hold
from pipelines.adapters.streams import read_ticks, rows_of, start
from pipelines.adapters.survival import hold_surviving
from pipelines.faults import hit
from pipelines.jobs.flow import Flow
from pipelines.labelling_settings import LabellingSettings
from pipelines.transforms.cascade import asked_texts, plan_questions, same_answers, taken_votes
from pipelines.transforms.embedding import embedded, known_vectors, new_vectors, where_known, without_vector
from pipelines.transforms.frames import map_frames
from pipelines.transforms.labelling import CAST, Voters, cast_votes, distinct_texts, voter_texts, with_vectors
from pipelines.transforms.partitions import spread
from pipelines.transforms.retries import failed_pairs, lost_votes, records_of, tried_again

SEEN = ("text_hash", "voter_text", "vector", "latency_ms")
"""What voters are shown."""
QUESTIONS_A_CORE = 2
"""Tasks of the language model."""


def labels(flow: Flow) -> StreamingQuery:
    """Silver -> silver.embeddings and silver.labels."""

    def write_batch(batch: DataFrame, write: BatchWrite) -> None:
        label(rows_of(batch, tables.TICKETS_SILVER), rows_of(batch, tables.ANNOTATIONS), flow, write)

    arrivals = flow.read_appends(tables.TICKETS_SILVER, tables.ANNOTATIONS)
    return start(arrivals, write_batch, flow.planned("labels"), flow.store, tables.LABELS, tables.EMBEDDINGS)


def labels_again(flow: Flow) -> StreamingQuery:
    """Ticks -> silver.labels: at each tick one more try at what voters failed on; see `transforms.retries`."""

    def write_batch(tick: DataFrame, write: BatchWrite) -> None:
        try_again(flow, write)

    plan = replace(flow.planned("labels_again"), trigger_seconds=flow.settings.labelling.retry_seconds)
    return start(read_ticks(flow.spark), write_batch, plan, flow.store, tables.LABELS)


def label(
    records: DataFrame, annotations: DataFrame, flow: Flow, write: BatchWrite, command_id: str | None = None
) -> None:
    """Commit the vectors of a batch's texts, then all votes on its records (`command_id`: see `cast_votes`)."""
    texts = hold(records.transform(voter_texts))
    votes = flow.spark.createDataFrame([], CAST) if texts.isEmpty() else ask_all(texts, flow, write)
    cast = votes.transform(cast_votes, texts, annotations, datetime.now(UTC), command_id)
    append_once(cast, flow.store, tables.LABELS, write)
    hit("after_labels")


def try_again(flow: Flow, write: BatchWrite) -> None:
    """Show texts to those who failed on them once more; nobody leads or follows: each text is asked about itself."""
    stored = read_table(flow.spark, flow.store, tables.LABELS)
    failed = hold(stored.transform(failed_pairs))
    if failed.isEmpty():
        return
    records = read_table(flow.spark, flow.store, tables.TICKETS_SILVER).join(
        stored.transform(records_of, failed), on="record_id", how="left_semi"
    )
    texts = hold(records.transform(voter_texts).join(failed, on="text_hash", how="left_semi"))
    alone = replace(flow.settings, labelling=replace(flow.settings.labelling, slm_clusters=False))
    votes = ask_all(texts, replace(flow, settings=alone), write).transform(tried_again, failed, stored)
    nobody = read_table(flow.spark, flow.store, tables.ANNOTATIONS).limit(0)
    append_once(votes.transform(cast_votes, texts, nobody, datetime.now(UTC)), flow.store, tables.LABELS, write)
    hit("after_labels_again")


def ask_all(texts: DataFrame, flow: Flow, write: BatchWrite) -> DataFrame:
    """Let everybody vote on texts (what `voter_texts` gave) as stored votes leave it open; gives `CAST`'s columns."""
    voters, once = flow.pin_voters(), hold(texts.transform(distinct_texts))
    seen = once.transform(with_vectors, embed(texts, once, voters, flow, write))
    return vote(seen, voters, flow.settings.labelling, read_table(flow.spark, flow.store, tables.LABELS))


def embed(texts: DataFrame, once: DataFrame, voters: Voters, flow: Flow, write: BatchWrite) -> DataFrame:
    """Commit a vector for each record, encoding only texts that have none; gives them, one row a text.

    What is encoded again after a crash is equal to the last bit: a vector does not depend on the texts beside it.
    """
    stored = read_table(flow.spark, flow.store, tables.EMBEDDINGS)
    batches = once.transform(where_known, stored, voters)
    there = read_batches(stored, batches)

    def find_or_make(rows: DataFrame) -> DataFrame:
        known = rows.transform(known_vectors, there, voters)
        return known.unionByName(rows.transform(new_vectors, known, voters))

    vectors = hold_surviving(once, "text_hash", find_or_make, without_vector)
    append_once(texts.transform(embedded, vectors, voters, there), flow.store, tables.EMBEDDINGS, write)
    hit("after_embeddings")
    return vectors


def vote(seen: DataFrame, voters: Voters, settings: LabellingSettings, past: DataFrame) -> DataFrame:
    """Let everybody vote on texts; the language model where it is asked, and nobody answered before.

    Args:
        seen: text_hash, voter_text, cluster_id, position, vector; one row a text.
        voters: with every version pinned.
        settings: when the language model is asked.
        past: rows of silver.labels.

    Returns:
        `CAST`'s columns.
    """
    near = hold(map_frames(seen.select(*SEEN), voters.recall, CAST))
    if voters.ask is None:
        return near
    answers = past.transform(same_answers, voters.asked_by)
    planned = hold(seen.transform(asked_texts, near, settings).transform(plan_questions, answers, settings))
    if planned.isEmpty():
        return near
    ask, asked = voters.ask, planned.where("asks").select(*SEEN)
    answered = hold_surviving(
        asked,
        "text_hash",
        lambda rows: map_frames(spread(rows, tasks_a_core=QUESTIONS_A_CORE, tasks=voters.gpus), ask, CAST),
        lambda rows: rows.transform(lost_votes, voters.asked_by),
    )
    return near.unionByName(answered).unionByName(planned.transform(taken_votes, answered))
