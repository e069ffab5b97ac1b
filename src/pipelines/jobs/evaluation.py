"""Comparing gold with labels that are known to be true, and that the pipeline never read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, read_place
from pipelines.kernels.statistics import clopper_pearson
from pipelines.vocabulary import Place


@dataclass(frozen=True)
class Evaluation:
    """How right gold is.

    Attributes:
        known: records whose true label is known and is one of the intents.
        gold: records in gold whose true label is known, unknown intents among them.
        right: those whose label is the true one.
        mistakes: the commonest (true label, label in gold) pairs with their counts.
    """

    known: int
    gold: int
    right: int
    mistakes: tuple[tuple[str, str, int], ...]

    @property
    def precision(self) -> float:
        """Share of gold that is right."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the precision."""
        return clopper_pearson(self.right, self.gold)

    @property
    def coverage(self) -> float:
        """Share of the records with a known intent that reached gold with the right label."""
        return self.right / self.known if self.known else 0.0

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "precision": self.precision, "interval": self.interval, "coverage": self.coverage}


def compare(labels: Mapping[str, str], truth: Mapping[str, str], intents: set[str]) -> Evaluation:
    """Compare labels with the truth, both by record id; records without a truth do not count."""
    judged = {record: label for record, label in labels.items() if record in truth}
    wrong = Counter((truth[record], label) for record, label in judged.items() if truth[record] != label)
    return Evaluation(
        known=sum(label in intents for label in truth.values()),
        gold=len(judged),
        right=len(judged) - wrong.total(),
        mistakes=tuple((true, given, count) for (true, given), count in wrong.most_common(5)),
    )


def read_gold_labels(spark: SparkSession, store: TableStore) -> dict[str, str]:
    """Read the label of every record in gold."""
    rows = read_place(spark, store, Place.GOLD).select("record_id", "label").toLocalIterator()
    return {row["record_id"]: row["label"] for row in rows}
