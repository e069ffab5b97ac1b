"""The four streams on a real broker and real Delta tables."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.metrics import StreamMetrics
from pipelines.errors import CheckpointMismatchError, PipelineError, StorageError
from pipelines.jobs.observing import Observer
from pipelines.jobs.runner import run_continuously
from tests.crashes import failing_at
from tests.jobs.conftest import STAGES, Lake, by_chance, new_lake, raw, ticket
from tests.small_disk import SmallDisk
from tests.spark_line import needs_spark_nlp

MakeLake = Callable[..., Lake]

POISON = [
    raw(b"not json"), raw(None), raw(b""), raw(b"[1, 2]"), raw(b"\xff\xfe\x00"), raw(b'{"text": "no source"}'),
    raw(b'{"source": "email", "created_at": "2026-01-05", "text": 7}'), raw(b'{"a": 1} trailing'),
    raw(b'{"source": "email", "created_at": "yesterday", "text": "when?"}'), raw(b"[" * 5_000),
]  # fmt: skip
TICKETS = [
    ticket(1, "card gone since yesterday, please help me with it"),
    ticket(2, "card gone since yesterday, please help me with it!"),
    ticket(3, "refund my broken toaster"),
    ticket(4, "Refund my broken   toaster"),
    ticket(5, "refund my broken toaster"),
    ticket(6, "weather is nice today"),
    ticket(7, "maybe a refund, maybe not"),
    ticket(8, "login " + "x" * 600),
    ticket(9, "something nobody knows"),
]

PLACES = ("gold.training_examples", "quarantine.tickets", "quarantine.shed")


def outcome(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """What a reader sees in the end, without the traces of how it was batched."""
    return {
        "silver": lake.rows("silver.tickets", "record_id", "text", "withheld", "kept_record_id", "cluster_id"),
        "votes": lake.rows("silver.labels", "vote_id", "record_id", "label", "confidence"),
        "gold": lake.rows("gold.training_examples", "record_id", "label", "confidence", "voters"),
        "quarantine": lake.rows("quarantine.tickets", "record_id", "verdict", "reason", "labels"),
        "shed": lake.rows("quarantine.shed", "record_id", "kept_record_id"),
        "tasks": lake.rows("gold.review_queue", "record_id", "task"),
    }


@pytest.fixture
def drained(make_lake: MakeLake) -> Lake:
    lake = make_lake()
    lake.send(*TICKETS, *POISON, TICKETS[0])
    lake.run()
    return lake


def test_every_message_is_in_bronze_and_every_record_in_one_place(drained: Lake) -> None:
    stored = drained.rows("bronze.tickets", "value")
    sent = [message.value for message in (*TICKETS, *POISON, TICKETS[0])]
    assert stored == sorted([(None if value is None else bytearray(value),) for value in sent], key=repr)
    books = drained.count().ledger
    expected = {
        "messages": 20, "records": 9, "redeliveries": 1, "invalid": 10, "waiting": 0, "gold": 4, "quarantine": 4,
        "shed": 1, "discarded": 0, "pending": 0, "in_two_places": 0, "unplaced": 0, "difference": 0,
    }  # fmt: skip
    assert {name: books[name] for name in expected} == expected
    assert drained.count().quarantine == {
        "confidence_below_threshold": 1, "confidence_missing": 1, "intent_unknown": 1, "text_too_long": 1,
    }  # fmt: skip
    # Near-duplicates are one cluster; the record over the limit of 2 points to the first with its text.
    clusters = {cluster for (cluster,) in drained.rows("silver.tickets", "cluster_id") if cluster}
    assert len(clusters) == 5
    before = outcome(drained)
    drained.run()
    assert outcome(drained) == before, "running every job twice adds nothing"


def test_batch_size_and_partition_count_change_nothing(make_lake: MakeLake) -> None:
    small, large = make_lake(), make_lake()
    small.send(*TICKETS[:7], POISON[0], TICKETS[0])
    kafka, spark = (
        replace(small.settings.kafka, max_messages_per_batch=5),
        replace(small.settings.spark, files_per_batch=2),
    )
    small.settings = replace(small.settings, kafka=kafka, spark=spark)
    small.run("bronze")
    # The same bronze order: what is compared are the stages after it.
    shutil.rmtree(large.root / "tables" / "bronze")
    shutil.copytree(small.root / "tables" / "bronze", large.root / "tables" / "bronze")
    large.run("silver", "labels", "gate")
    small.spark.conf.set("spark.sql.shuffle.partitions", "3")
    try:
        small.run("silver", "labels", "gate")
    finally:
        small.spark.conf.set("spark.sql.shuffle.partitions", "1")
    batches = [{batch for (batch,) in lake.rows("silver.tickets", "batch_id")} for lake in (small, large)]
    assert len(batches[0]) > len(batches[1]) == 1
    assert outcome(small) == outcome(large)


def test_the_daily_limit_counts_on_after_a_restart(make_lake: MakeLake) -> None:
    lake = make_lake()
    for start in (0, 2):
        lake.send(*[ticket(number, "the very same text of a bot") for number in range(start, start + 2)])
        lake.run("bronze", "silver")
    rows = lake.rows("silver.tickets", "record_id", "kept_record_id", "withheld", "position")
    kept = sorted((position, record_id) for record_id, _, withheld, position in rows if withheld is None)
    assert [(pointer, withheld) for _, pointer, withheld, _ in rows if withheld] == [
        (kept[0][1], "over_daily_limit")
    ] * 2


def test_a_text_that_comes_again_is_not_encoded_again(make_lake: MakeLake) -> None:
    lake = make_lake()
    for number, texts in enumerate((["refund a", "login b"], ["refund a", "card c"])):
        lake.send(*[ticket(10 * number + place, text) for place, text in enumerate(texts)])
        lake.run("bronze", "silver", "labels")
    rows = lake.rows("silver.embeddings", "batch_id", "text_hash", "vector", "latency_ms")
    # The stand-in takes a millisecond for each text it is shown; what was taken over took none.
    took = [sorted(latency for batch, _, _, latency in rows if batch == number) for number in (0, 1)]
    assert took == [[1.0, 1.0], [0.0, 1.0]]
    assert len({text_hash for _, text_hash, _, _ in rows}) == 3
    assert len(lake.rows("silver.labels", "vote_id")) == 4


def test_continuous_streams_carry_what_comes_later_all_the_way(make_lake: MakeLake) -> None:
    lake = make_lake()
    deadline = time.monotonic() + 240
    turns = count()
    looks = Observer(lake.spark, lake.store, StreamMetrics(), every=5, since=datetime.now(UTC))

    def go_on(name: str, batches: int) -> None:
        looks.look_if_due()
        # Not before all streams have looked once and found nothing: a stream that drains has ended by then.
        if next(turns) == 4:
            lake.send(*TICKETS)

    def is_under_way() -> bool:
        placed = [row for place in PLACES for row in lake.rows(place, "record_id")]
        return len(placed) < len(TICKETS) and time.monotonic() < deadline

    lake.spark.streams.addListener(looks.metrics)
    run_continuously(lake.flow(), list(STAGES), go_on, is_under_way)
    lake.spark.streams.removeListener(looks.metrics)
    assert_metrics_tell(looks, [reason for (reason,) in lake.rows("gold.decisions", "reason")])
    books = lake.count().ledger
    assert (books["gold"], books["quarantine"], books["shed"], books["difference"]) == (4, 4, 1, 0)
    before = outcome(lake)
    lake.run()
    assert outcome(lake) == before


def assert_metrics_tell(looks: Observer, reasons: list[str | None]) -> None:
    looks.look()
    looks.look()  # what was counted is not counted again
    told = {sample.labels["reason"]: sample.value for metric in looks.metrics.registry.collect()
            for sample in metric.samples if sample.name == "lakehouse_decisions_total"}  # fmt: skip
    assert told == Counter(reason or "" for reason in reasons)
    for stream in ("bronze_tickets", "silver", "labels", "gate"):
        assert (looks.metrics.registry.get_sample_value("lakehouse_batches_total", {"stream": stream}) or 0) >= 1


@pytest.fixture(scope="module")
def cleaned(spark: SparkSession, servers: str, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = new_lake(spark, servers, empty_tables, tmp_path_factory.mktemp("cleaned") / "lake", labeller=by_chance)
    lake.send(*[ticket(number, f"refund number {number} of a thing") for number in range(60)])
    lake.run("bronze", "silver")
    return lake


@pytest.mark.parametrize("stage", [pytest.param("labels", marks=pytest.mark.slow), "gate"])
def test_a_full_disk_stops_a_stage_with_one_sentence_and_loses_nothing(
    cleaned: Lake, small_disk: SmallDisk, stage: str
) -> None:
    lake = cleaned.copy(small_disk.root / "lake")
    if stage == "gate":
        lake.run("labels")
    with (
        small_disk.full(),
        pytest.raises(StorageError, match=r"(the disk is full|No space left on device)\. Free some"),
    ):
        lake.run(stage)
    lake.run("labels", "gate")
    assert_all_are_routed_by_their_stored_votes(lake)


def assert_all_are_routed_by_their_stored_votes(lake: Lake) -> None:
    gold = {record for (record,) in lake.rows("gold.training_examples", "record_id")}
    quarantine = {record for (record,) in lake.rows("quarantine.tickets", "record_id")}
    sure = {record for record, confidence in lake.rows("silver.labels", "record_id", "confidence") if confidence > 0.8}
    assert gold & quarantine == set()
    assert len(gold) + len(quarantine) == 60
    assert gold == sure
    assert len(lake.rows("silver.labels", "vote_id")) == 60
    assert lake.count().ledger["difference"] == 0


def test_a_lost_checkpoint_is_refused_and_a_new_epoch_recovers_without_a_row_twice(drained: Lake) -> None:
    before = outcome(drained)
    bronze = drained.rows("bronze.tickets", "topic", "partition", "offset")
    shutil.rmtree(drained.root / "checkpoints")
    with pytest.raises(CheckpointMismatchError, match="--new-epoch"):
        drained.run("bronze")
    drained.send(ticket(50, "refund the new one"))
    drained.new_epoch = True
    drained.run()
    assert len(drained.rows("bronze.tickets", "topic", "partition", "offset")) == len(bronze) + 1
    after = outcome(drained)
    assert len(after["gold"]) == len(before["gold"]) + 1
    assert set(map(repr, before["gold"])) <= set(map(repr, after["gold"]))
    assert drained.count().ledger["difference"] == 0


def test_labelled_files_vote_move_records_and_bring_their_own(make_lake: MakeLake) -> None:
    lake = make_lake()
    lake.send(ticket(1, "refund my toaster"), ticket(2, "maybe a refund, maybe not"), ticket(3, "card is lost"))
    lake.drop("2026/01/05/first.csv", "text,annotator_id,label,confidence_score\nlogin fails,ann,login,0.9\n")
    lake.run()
    assert len(lake.rows("gold.training_examples", "record_id")) == 3
    # Reordered header, another name, and far older than the file that was read first.
    late = lake.drop(
        "2025/06/01/votes of june.txt",
        "label,confidence_score,text,annotator_id\nlogin,0.95,refund my toaster,ann\n"
        'refund,0.9,"maybe a refund, maybe not",ann\nlogin,,card is lost,ann\n',
    )
    os.utime(late, (1_748_736_000, 1_748_736_000))
    lake.run()
    votes = lake.rows("silver.labels", "voter", "label", "confidence")
    assert [row for row in votes if row[0] == "human"] == [
        ("human", "login", 0.9), ("human", "login", 0.95), ("human", "login", None), ("human", "refund", 0.9),
    ]  # fmt: skip
    assert lake.rows("quarantine.tickets", "text", "decision_no", "verdict") == [
        ("refund my toaster", 2, "disagreement")
    ]
    assert lake.rows("gold.training_examples", "text", "label", "decision_no") == [
        ("card is lost", "card_lost", 1), ("login fails", "login", 1), ("maybe a refund, maybe not", "refund", 2),
    ]  # fmt: skip
    books = lake.count().ledger
    assert (books["label_rows"], books["difference"], books["in_two_places"]) == (4, 0, 0)


@needs_spark_nlp
def test_features_describe_each_record_once_with_a_version_on_every_row(make_lake: MakeLake) -> None:
    lake = make_lake()
    lake.send(*TICKETS)
    lake.run("bronze", "silver", "features")
    names = ("record_id", "features_version", "stems", "key_phrases", "query_epoch", "batch_id")
    first = lake.rows("silver.text_features", *names)
    # Of nine records one is too long and one over the daily limit: neither has a text that could be read.
    readable = lake.rows("silver.tickets", "record_id", "withheld")
    assert [row[0] for row in first] == [record_id for record_id, withheld in readable if withheld is None]
    assert len(first) == 7
    assert {row[1] for row in first} == {f"{lake.settings.features.fingerprint()}/spark-nlp@5.5.3/rules@1"}
    lake.run("features")
    assert lake.rows("silver.text_features", *names) == first
    lake.send(ticket(60, "a new one about my parcel"))
    lake.run("bronze", "silver", "features")
    later = lake.rows("silver.text_features", *names)
    assert len(later) == 8
    assert set(map(repr, first)) < set(map(repr, later))


@needs_spark_nlp
def test_a_batch_of_features_that_is_written_twice_stands_once(make_lake: MakeLake) -> None:
    lake = make_lake()
    lake.send(*TICKETS)
    lake.run("bronze", "silver")
    with failing_at("after_features"), pytest.raises(PipelineError, match="InjectedFaultError"):
        lake.run("features")
    before = lake.rows("silver.text_features", "record_id", "key_phrases")
    lake.run("features")
    assert len(before) == 7
    assert lake.rows("silver.text_features", "record_id", "key_phrases") == before
    lake.new_epoch = True
    lake.run("features")
    assert lake.rows("silver.text_features", "record_id", "key_phrases") == before
