"""Silver's tables and session for benchmarks, in a folder that goes with them; nothing here votes or reads Kafka."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession

from pipelines import contracts as tables
from pipelines.adapters.checkpoints import StreamPlan
from pipelines.adapters.delta import TableStore
from pipelines.adapters.spark import open_session, session
from pipelines.adapters.table_creation import ensure_tables
from pipelines.declaration import MapBatches
from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.jobs.flow import Flow
from pipelines.settings import Settings
from pipelines.transforms.labelling import Voters
from pipelines.transforms.text_features import TextAnnotator
from tests.benchmarks.report import say


@contextmanager
def lasting_session(settings: Settings) -> Iterator[tuple[SparkSession, Path]]:
    """Open a session as `run --continuous` does, and a folder for what it writes."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-bench-") as folder:
        root = Path(folder)
        own = partial(open_session, settings.spark, root, root / "logs", say, lasting=True)
        with session(partial(own, warm=("silver", "labels"), policy=settings.redaction)) as spark:
            yield spark, root


def make_flow(
    spark: SparkSession,
    root: Path,
    settings: Settings,
    redactor: MapBatches,
    key: bytes = b"",
    annotator: TextAnnotator | None = None,
) -> Flow:
    """Put together what silver asks for, over empty tables in a folder."""
    store = TableStore("", str(root / "tables"), "")
    ensure_tables(
        spark, store, (tables.TICKETS_BRONZE, tables.TICKETS_SILVER, tables.CLUSTER_MERGES, tables.TEXT_FEATURES)
    )

    def load_annotator() -> TextAnnotator:
        if annotator is None:
            raise RuntimeError("No text features were asked for.")
        return annotator

    def nobody() -> Voters:
        raise RuntimeError("Nobody votes here.")

    return Flow(
        spark=spark,
        store=store,
        settings=settings,
        plan=StreamPlan("silver", str(root / "checkpoints")),
        landing_uri="",
        cache_folder=root / "cache",
        kafka_options={},
        pseudonym_key=key,
        labels=LabelSet(),
        redactor=redactor,
        pin_voters=nobody,
        pin_rules=lambda: GateRules(settings.gate),
        load_annotator=load_annotator,
    )
