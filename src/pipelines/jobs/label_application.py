"""The stream's own voters over the texts of a file: to see what they say before anything runs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from pipelines.adapters.frames import stream_rows
from pipelines.adapters.spark import hold
from pipelines.adapters.text_files import NamedText
from pipelines.contracts import ANNOTATIONS
from pipelines.declaration import MapBatches
from pipelines.jobs.application import raw_texts
from pipelines.settings import Settings
from pipelines.transforms.evidence import tell_labels
from pipelines.transforms.labelling import cast_votes
from pipelines.transforms.redaction import redact


@dataclass(frozen=True)
class Labelled:
    """What the voters say of one text.

    Attributes:
        label: the most confident vote's; None when there was no vote, or none with a label.
        confidence: the mean of all voters' probabilities of it.
        labels: those that stand; several are a disagreement.
        withheld: why the text was shown to nobody.
    """

    id: str
    label: str | None
    confidence: float | None
    labels: tuple[str, ...]
    votes: tuple[dict[str, object], ...]
    withheld: str | None

    def as_dict(self) -> dict[str, object]:
        """One line of the output."""
        withheld = {"withheld": self.withheld} if self.withheld else {}
        return {"id": self.id, "label": self.label, "confidence": self.confidence, "votes": [*self.votes], **withheld}


@dataclass
class LabelReport:
    """What the voters said of a file.

    Attributes:
        accepted: texts that the gate would let into gold: one label stands, and reaches its confidence.
        by_voter: votes, by voter.
    """

    texts: int = 0
    accepted: int = 0
    disagreeing: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    by_label: Counter[str] = field(default_factory=Counter)
    by_voter: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        counters = {"withheld": self.withheld, "by_label": self.by_label, "by_voter": self.by_voter}
        figures = {"texts": self.texts, "accepted": self.accepted, "disagreeing": self.disagreeing}
        return {**figures, "seconds": self.seconds, **{name: dict(one) for name, one in counters.items()}}


def label_texts(
    spark: SparkSession, texts: Sequence[NamedText], settings: Settings, redactor: MapBatches, labeller: MapBatches
) -> Iterator[Labelled]:
    """Redact the texts of a file and let every voter vote on them, as the streams do; in their order."""
    records = hold(raw_texts(spark, texts, settings).transform(redact, redactor))
    nobody = spark.createDataFrame([], ANNOTATIONS.columns)
    votes = hold(records.transform(cast_votes, nobody, labeller, datetime.now(UTC)))
    told = records.transform(tell_labels, votes, settings.gate)
    for one, row in zip(texts, stream_rows(told), strict=True):
        said = tuple(vote.asDict(recursive=True) for vote in row["votes"] or ())
        yield Labelled(one.id, row["label"], row["confidence"], tuple(row["labels"] or ()), said, row["withheld"])


def report_labels(
    labelled: Iterable[Labelled], known: Sequence[str], settings: Settings, seconds: float
) -> LabelReport:
    """Sum up what the voters said, and what the gate would make of it."""
    report = LabelReport(seconds=seconds)
    for one in labelled:
        report.texts += 1
        report.withheld.update([one.withheld] if one.withheld else [])
        report.by_label.update([one.label] if one.label else [])
        report.by_voter.update(str(vote["voter"]) for vote in one.votes)
        report.disagreeing += len(one.labels) > 1
        sure = one.confidence is not None and one.confidence >= settings.gate.min_confidence
        report.accepted += sure and len(one.labels) == 1 and one.label in known
    return report
