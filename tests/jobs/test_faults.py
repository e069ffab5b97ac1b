"""Crashes at 12 named points, by exception and by SIGKILL, in the first, middle and last batch: 72 in all.

After a run that is simply repeated, every table is as if nothing had happened, though the labeller never answers twice
the same. In each run of the suite a stage fails at all of its points, one after the other, in its first batch and then
in its last (24 exceptions), and three are killed; one crash at a time, in every batch, is slow.
"""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters import text_index
from pipelines.adapters.kafka import OutgoingMessage, ensure_topic
from pipelines.errors import PipelineError
from pipelines.faults import VARIABLE
from pipelines.settings import ClusterSettings, IntakeSettings, KafkaSettings, Settings, SparkSettings
from tests.crashes import failing_at
from tests.jobs.conftest import STAGES, Lake, by_chance, new_lake, ticket

POINTS = {
    "after_bronze": ("bronze", "bronze.tickets"),
    "after_label_files": ("bronze", "bronze.label_files"),
    "after_silver": ("silver", "silver.tickets"),
    "after_merges": ("silver", "silver.tickets"),
    "after_annotations": ("silver", "silver.tickets"),
    "after_embeddings": ("labels", "silver.embeddings"),
    "after_labels": ("labels", "silver.labels"),
    "after_decisions": ("gate", "gold.decisions"),
    "after_gold_training_examples": ("gate", "gold.decisions"),
    "after_quarantine_tickets": ("gate", "gold.decisions"),
    "after_quarantine_shed": ("gate", "gold.decisions"),
    "after_gold_review_queue": ("gate", "gold.decisions"),
}
"""Stage of each point, and a table that gets rows from every batch of it."""
BATCHES = ("first", "middle", "last")
KILLS_OF_EVERY_RUN = {("after_silver", "middle"), ("after_labels", "first"), ("after_decisions", "middle")}
WRITTEN = {
    "bronze": {
        "bronze.tickets": ("partition", "offset", "value", "record_id", "batch_id"),
        "bronze.label_files": ("path", "row_number", "label", "batch_id"),
    },
    "silver": {
        "silver.tickets": ("record_id", "text", "withheld", "kept_record_id", "cluster_id", "batch_id"),
        "silver.cluster_merges": ("absorbed_id", "cluster_id", "batch_id"),
        "silver.annotations": ("annotation_id", "record_id", "label", "batch_id"),
    },
    # What a model said is another thing each time; that it said it once is not.
    "labels": {
        "silver.embeddings": ("record_id", "text_hash", "batch_id"),
        "silver.labels": ("vote_id", "record_id", "voter", "batch_id"),
    },
    "gate": {
        "gold.decisions": ("record_id", "decision_no", "verdict", "label", "confidence", "batch_id"),
        "gold.training_examples": ("record_id", "decision_no", "label", "batch_id"),
        "quarantine.tickets": ("record_id", "decision_no", "reason", "batch_id"),
        "quarantine.shed": ("record_id", "kept_record_id", "batch_id"),
        "gold.review_queue": ("record_id", "decision_no", "task", "batch_id"),
    },
}
"""What is compared with the undisturbed control, by stage; the same batches have the same rows."""
Rows = dict[str, list[tuple[object, ...]]]


def written(lake: Lake, stage: str) -> Rows:
    """Read what a stage has written."""
    return {table: lake.rows(table, *names) for table, names in WRITTEN[stage].items()}


def batch_of_tickets(number: int) -> list[OutgoingMessage]:
    """Make one batch: three tickets of their own, a text that comes in every batch (over the limit at last)."""
    own = [ticket(10 * number + place, f"refund number {number}{place} of a thing") for place in range(3)]
    return [
        *own,
        ticket(10 * number + 3, "refund the very same thing, says a bot"),
        ticket(10 * number + 4, "refund it"),
    ]


@pytest.fixture(scope="module")
def pasts(
    spark: SparkSession, servers: str, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Lake]:
    """Give the undisturbed control: a lake as it stood before each stage, three batches waiting, and `end`."""
    root = tmp_path_factory.mktemp("faults")
    settings = Settings(
        kafka=KafkaSettings(topic=f"{root.name}-faults", partitions=1, max_messages_per_batch=5),
        intake=IntakeSettings(max_text_chars=500, daily_identical_limit=2, files_per_batch=1),
        clusters=ClusterSettings(),
        spark=SparkSettings(files_per_batch=1),
    )
    ensure_topic(settings.kafka, servers, root)
    lake = new_lake(spark, servers, empty_tables, root / "start", labeller=by_chance, settings=settings)
    for number in range(3):
        lake.send(*batch_of_tickets(number))
        rows = (
            "text,annotator_id,label,confidence_score",
            f"login fails {number},ann,login,0.9",
            "refund it,ann,refund,1",
        )
        lake.drop(f"2026/01/0{number + 1}/votes.csv", "\n".join(rows) + "\n")
    found = {}
    for stage in STAGES:
        found[stage] = lake
        lake = lake.copy(root / f"after_{stage}")
        lake.run(stage)
    return found | {"end": lake}


@pytest.fixture(autouse=True)
def index_of_texts(pasts: dict[str, Lake], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the gate look texts up as over a long log; the control, made before, read its tables whole."""
    for name, batches in {"LONG": 0, "LASTING": 1, "STEP": 1}.items():
        monkeypatch.setattr(text_index, name, batches)


def batches_of(lake: Lake, table: str) -> int:
    """Count the batches that a table has rows of."""
    return len({number for (number,) in lake.rows(table, "batch_id")})


def passage(control: Lake, table: str, batch: str) -> int:
    """Number the passage of a point that is in a first, middle or last batch."""
    batches = batches_of(control, table)
    assert batches >= 3, f"{table} was written in {batches} batches"
    return {"first": 1, "middle": (batches + 1) // 2, "last": batches}[batch]


def fail(lake: Lake, stage: str, fault: str) -> None:
    """Run a stage into a fault that raises."""
    with failing_at(fault), pytest.raises(PipelineError, match="InjectedFaultError"):
        lake.run(stage)


def kill(lake: Lake, stage: str, fault: str) -> None:
    """Run a stage in a process of its own into a fault that kills it."""
    pickled = lake.root.parent / "lake.pickle"
    pickled.write_bytes(pickle.dumps(replace(lake, spark=None)))
    run = [sys.executable, "-m", "tests.jobs.killed_run", str(pickled), stage]
    ended = subprocess.run(run, env=os.environ | {VARIABLE: fault}, capture_output=True, timeout=300, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2_000:]


def assert_nothing_happened(lake: Lake, pasts: dict[str, Lake], stage: str) -> None:
    """Compare with the control; where models voted anew, judge and compare with what they said."""
    control = pasts["end"]
    assert written(lake, stage) == written(control, stage)
    if stage == "labels":
        lake.run("gate")
        assert_routed_by_stored_votes(lake)
    if stage in ("labels", "gate"):
        books = lake.count().ledger
        assert (books["difference"], books["in_two_places"], books["unplaced"]) == (0, 0, 0)


def assert_routed_by_stored_votes(lake: Lake) -> None:
    """Expect every text that models alone voted on where the newest of their stored votes sends its records."""
    votes = lake.rows("silver.labels", "text_key", "voter", "voted_at", "vote_id", "confidence")
    people = {text for text, voter, *_ in votes if voter == "human"}
    newest = {text: confidence for text, *_, confidence in sorted(votes, key=lambda vote: vote[2:4])}
    gold = {text for (text,) in lake.rows("gold.training_examples", "text_key")}
    assert gold - people == {text for text, confidence in newest.items() if confidence > 0.8} - people


# Bronze has two streams: when the second is stopped in its first batch, the first has come to its end.
STOPPED_IN = [
    ("bronze", ["first"]), ("bronze", ["last"]), *((stage, ["first", "last"]) for stage in STAGES if stage != "bronze"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "batches"), STOPPED_IN)
def test_exceptions_at_one_point_after_the_other_change_nothing_in_the_end(
    pasts: dict[str, Lake], tmp_path: Path, stage: str, batches: list[str]
) -> None:
    lake, completed = pasts[stage].copy(tmp_path / "lake"), 0
    for batch in batches:
        for point, (_, table) in ((point, of) for point, of in POINTS.items() if of[0] == stage):
            every = batches_of(pasts["end"], table)
            # The batch that was stopped passes all points again, those before it do not.
            fail(lake, stage, f"{point}:raise@{every - completed if batch == 'last' else 1}")
            assert (batches_of(lake, table) >= every - 1) == (batch == "last")
            completed = every - 1 if batch == "last" and stage != "bronze" else 0
    lake.run(stage)
    assert_nothing_happened(lake, pasts, stage)


@pytest.mark.slow
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("point", POINTS)
def test_an_exception_between_writes_changes_nothing_in_the_end(
    pasts: dict[str, Lake], tmp_path: Path, point: str, batch: str
) -> None:
    stage, table = POINTS[point]
    lake = pasts[stage].copy(tmp_path / "lake")
    fail(lake, stage, f"{point}:raise@{passage(pasts['end'], table, batch)}")
    lake.run(stage)
    assert_nothing_happened(lake, pasts, stage)


@pytest.mark.parametrize(
    ("point", "batch"),
    [
        pytest.param(point, batch, marks=() if (point, batch) in KILLS_OF_EVERY_RUN else pytest.mark.slow)
        for point in POINTS
        for batch in BATCHES
    ],
)
def test_a_process_killed_between_writes_changes_nothing_in_the_end(
    pasts: dict[str, Lake], tmp_path: Path, point: str, batch: str
) -> None:
    stage, table = POINTS[point]
    lake = pasts[stage].copy(tmp_path / "lake")
    kill(lake, stage, f"{point}:kill@{passage(pasts['end'], table, batch)}")
    lake.run(stage)
    assert_nothing_happened(lake, pasts, stage)
