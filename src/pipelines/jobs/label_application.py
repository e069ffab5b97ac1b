"""The stream's own voters and gate over the texts of a file: to see what they say before anything runs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.frames import stream_rows
from pipelines.adapters.spark import hold
from pipelines.adapters.text_files import NamedText
from pipelines.contracts import ANNOTATIONS, DECISIONS, LABELS
from pipelines.declaration import MapBatches
from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.jobs.application import raw_texts
from pipelines.jobs.labelling import vote
from pipelines.labelling_settings import LabellingSettings
from pipelines.settings import Settings
from pipelines.transforms.agreement import explain, judge
from pipelines.transforms.embedding import encoded
from pipelines.transforms.labelling import Voters, cast_votes, distinct_texts, unclustered, voter_texts, with_vectors
from pipelines.transforms.redaction import redact
from pipelines.vocabulary import Verdict


@dataclass(frozen=True)
class Labelled:
    """What the voters say of one text, and the gate of their votes.

    Attributes:
        label: the most confident vote's; None when there was no vote, or none with a label.
        confidence: the mean of all voters' probabilities of it.
        verdict: the gate's, with its reason; a text that was shown to nobody has one too.
        votes: as `evidence.list_votes` tells them.
        text: redacted.
    """

    id: str
    label: str | None
    confidence: float | None
    verdict: str | None
    reason: str | None
    votes: tuple[dict[str, Any], ...]
    text: str | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, object]:
        """One line of the output."""
        said = {"label": self.label, "confidence": self.confidence, "votes": [*self.votes]}
        return {"id": self.id, **said, "verdict": self.verdict, "reason": self.reason}


@dataclass
class LabelReport:
    """What the voters said of a file, and what the gate would make of it."""

    texts: int = 0
    accepted: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    by_label: Counter[str] = field(default_factory=Counter)
    by_voter: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        counters = {"by_reason": self.by_reason, "by_label": self.by_label, "by_voter": self.by_voter}
        figures = {"texts": self.texts, "accepted": self.accepted, "seconds": self.seconds}
        return {**figures, **{name: dict(one) for name, one in counters.items()}}


@dataclass(frozen=True)
class Trial:
    """What labels a file on trial: the stream's own settings, redactor, voters and rules, and the labels."""

    settings: Settings
    labels: LabelSet
    redactor: MapBatches
    voters: Voters
    rules: GateRules


def label_texts(spark: SparkSession, texts: Sequence[NamedText], trial: Trial) -> Iterator[Labelled]:
    """Redact the texts of a file, let every voter vote and the gate judge, as the streams do; in their order."""
    now = datetime.now(UTC)
    records = hold(raw_texts(spark, texts, trial.settings).transform(redact, trial.redactor))
    nobody, nothing = (spark.createDataFrame([], table.columns) for table in (ANNOTATIONS, DECISIONS))
    told = hold(records.transform(unclustered).transform(voter_texts))
    votes = hold(vote_unstored(told, trial.voters, trial.settings.labelling).transform(cast_votes, told, nobody, now))
    decided = records.transform(judge, votes, nothing, trial.labels, trial.rules, now)
    for one, row in zip(texts, stream_rows(records.transform(explain, decided, votes)), strict=True):
        said = tuple(vote.asDict(recursive=True) for vote in row["votes"] or ())
        yield Labelled(one.id, row["label"], row["confidence"], row["verdict"], row["reason"], said, row["text"])


def vote_unstored(told: DataFrame, voters: Voters, settings: LabellingSettings) -> DataFrame:
    """Let everybody vote on texts of which nothing is stored; gives `CAST`'s columns."""
    once = hold(told.transform(distinct_texts))
    seen = hold(once.transform(with_vectors, once.transform(encoded, voters)))
    return vote(seen, voters, settings, told.sparkSession.createDataFrame([], LABELS.columns))


def report_labels(labelled: Iterable[Labelled], seconds: float) -> LabelReport:
    """Sum up what the voters said, and what the gate would make of it."""
    report = LabelReport(seconds=seconds)
    for one in labelled:
        report.texts += 1
        report.accepted += one.verdict == Verdict.ACCEPTED.value
        report.by_reason.update([one.reason] if one.reason else [])
        report.by_label.update([one.label] if one.label else [])
        report.by_voter.update(str(vote["voter"]) for vote in one.votes)
    return report
