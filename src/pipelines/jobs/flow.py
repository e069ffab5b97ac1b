"""What the streams share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.checkpoints import StreamPlan
from pipelines.adapters.delta import TableStore
from pipelines.adapters.streams import read_appends
from pipelines.declaration import MapBatches, Table
from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.settings import Settings
from pipelines.transforms.labelling import Voters
from pipelines.transforms.text_features import TextAnnotator


@dataclass(frozen=True)
class Flow:
    """What the streams share: the session, the places, the settings, and the models as arguments.

    Attributes:
        cache_folder: on the driver's own disk; what is in it can be made again from the tables.
        pin_voters: called once a micro-batch; gives who votes, with every version pinned.
        pin_rules: called once a micro-batch of the gate; gives what decides its verdicts.
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
    labels: LabelSet
    redactor: MapBatches
    pin_voters: Callable[[], Voters]
    pin_rules: Callable[[], GateRules]
    load_annotator: Callable[[], TextAnnotator]

    def planned(self, name: str) -> StreamPlan:
        """The plan of one query."""
        return replace(self.plan, name=name)

    def read_appends(self, *sources: Table) -> DataFrame:
        """Stream the rows appended to tables."""
        return read_appends(self.spark, self.store, list(sources), self.settings.spark.files_per_batch)
