"""A real broker for the run, empty tables copied per test, and labellers that stand in for models."""

import gc
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.broker import running_broker
from pipelines.adapters.checkpoints import StreamPlan
from pipelines.adapters.delta import TableStore
from pipelines.adapters.kafka import OutgoingMessage, ensure_topic, produce, spark_options
from pipelines.adapters.text_annotator import build_annotator
from pipelines.declaration import MapBatches
from pipelines.gate_rules import PinnedCalibration
from pipelines.intents import LabelSet
from pipelines.jobs.certification import read_rules
from pipelines.jobs.flow import Flow
from pipelines.jobs.reporting import Report, report
from pipelines.jobs.runner import drain
from pipelines.settings import ClusterSettings, IntakeSettings, KafkaSettings, Settings, SparkSettings
from pipelines.transforms.labelling import CAST
from pipelines.transforms.redaction import leave_texts
from tests.builders import voters

STAGES = ("bronze", "silver", "labels", "gate")
KEY = bytes(range(32))
MONDAY_MS = 1_767_600_000_000
LABELS = LabelSet(("card_lost", "refund", "login"))


@pytest.fixture(scope="module", autouse=True)
def streams_shuffle_in_one_task(single_task_shuffles: None) -> None:
    """All tests of streams have a few rows a batch; the test of partition counts asks for three itself."""


@pytest.fixture(autouse=True)
def release_queries() -> Iterator[None]:
    # A query that has ended holds a session of its own in the JVM.
    yield
    gc.collect()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("kafka")
    with running_broker(folder / "data", folder / "kafka.log") as address:
        yield address


def ticket(number: int, text: str, **fields: object) -> OutgoingMessage:
    payload = {
        "ticket_id": f"t{number}",
        "source": "email",
        "created_at": "2026-01-05T10:00:00Z",
        "text": text,
        **fields,
    }
    value = json.dumps(payload).encode()
    return OutgoingMessage(value=value, key=f"t{number}".encode(), timestamp_ms=MONDAY_MS + number)


def raw(value: bytes | None) -> OutgoingMessage:
    return OutgoingMessage(value=value, timestamp_ms=MONDAY_MS)


def votes_of(frame: pd.DataFrame, labels: list[str | None], confidences: list[float | None]) -> pd.DataFrame:
    votes = pd.DataFrame({name: pd.Series([None] * len(frame), dtype=object) for name in CAST.fieldNames()})
    votes["text_hash"] = frame["text_hash"].to_numpy()
    votes["voter"], votes["model_name"], votes["model_version"] = "memory", "stand-in", "1"
    votes["label"], votes["confidence"] = labels, confidences
    votes["alternatives"] = [
        [] if label is None else [{"label": label, "probability": confidence}]
        for label, confidence in zip(labels, confidences, strict=True)
    ]
    votes["tier"], votes["latency_ms"] = "model", 1.0
    return votes.astype({"confidence": "float64", "second_confidence": "float64", "latency_ms": "float64"})


def by_first_word(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Label a text by its first word; a text that begins with `maybe` gets too little confidence."""
    known = {"card": "card_lost", "refund": "refund", "login": "login", "weather": "unknown", "maybe": "refund"}
    for frame in frames:
        words = [str(text).split()[0].lower() for text in frame["voter_text"]]
        sure = [None if word not in known else 0.5 if word == "maybe" else 0.9 for word in words]
        yield votes_of(frame, [known.get(word) for word in words], sure)


def by_chance(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Label as a model that never answers twice the same: what makes routing from recomputed rows lose records."""
    import random

    for frame in frames:
        yield votes_of(frame, ["refund"] * len(frame), [random.choice([0.3, 0.95]) for _ in range(len(frame))])


@dataclass
class Lake:
    """A whole lakehouse for one test: send, run, count."""

    spark: SparkSession
    servers: str
    root: Path
    settings: Settings
    labeller: MapBatches = by_first_word
    model: MapBatches | None = None
    redactor: MapBatches = leave_texts
    new_epoch: bool = False
    labels: LabelSet = LABELS
    calibrated: PinnedCalibration | None = None

    @property
    def store(self) -> TableStore:
        return TableStore("", str(self.root / "tables"), "")

    def flow(self) -> Flow:
        plan = StreamPlan("", str(self.root / "checkpoints"), new_epoch=self.new_epoch)
        return Flow(
            spark=self.spark,
            store=self.store,
            settings=self.settings,
            plan=plan,
            landing_uri=str(self.root / "landing"),
            cache_folder=self.root / "cache",
            kafka_options=spark_options(self.settings.kafka, self.servers, self.root),
            pseudonym_key=KEY,
            labels=self.labels,
            redactor=self.redactor,
            pin_voters=lambda: voters(self.labeller, self.model),
            pin_rules=lambda: read_rules(self.spark, self.store, self.settings.gate, self.calibrated),
            load_annotator=lambda: build_annotator(self.spark, self.settings.features),
        )

    def send(self, *messages: OutgoingMessage) -> None:
        produce(self.settings.kafka, self.servers, self.root, messages, lambda count: None)

    def drop(self, name: str, content: str) -> Path:
        path = self.root / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def run(self, *stages: str) -> None:
        flow = self.flow()
        for stage in stages or STAGES:
            drain(flow, stage, lambda name, rows: None)

    def rows(self, full_name: str, *columns: str) -> list[tuple[object, ...]]:
        path = self.root / "tables" / full_name.replace(".", "/")
        return sorted(map(tuple, self.spark.read.format("delta").load(str(path)).select(*columns).collect()), key=repr)

    def count(self) -> Report:
        return report(self.spark, self.store, self.settings.labelling)

    def copy(self, root: Path) -> "Lake":
        """A second lake with the same past on the same topic, so that tests can share what led up to it."""
        return replace(self, root=Path(shutil.copytree(self.root, root)))


def new_lake(spark: SparkSession, servers: str, empty_tables: Path, root: Path, **changes: object) -> Lake:
    shutil.copytree(empty_tables, root / "tables")
    (root / "landing").mkdir()
    settings = Settings(
        kafka=KafkaSettings(topic=f"{root.parent.name}-{root.name}"[-200:], partitions=2),
        intake=IntakeSettings(max_text_chars=500, daily_identical_limit=2),
        clusters=ClusterSettings(),
        spark=SparkSettings(),
    )
    ensure_topic(settings.kafka, servers, root)
    return replace(Lake(spark, servers, root, settings), **changes)


@pytest.fixture
def make_lake(spark: SparkSession, servers: str, empty_tables: Path, tmp_path: Path) -> Callable[..., Lake]:
    numbers = count()

    def make(**changes: object) -> Lake:
        return new_lake(spark, servers, empty_tables, tmp_path / f"lake-{next(numbers)}", **changes)

    return make
