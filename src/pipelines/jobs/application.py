"""The stream's own transforms over the texts of a file: to try settings before anything runs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.adapters.frames import stream_rows
from pipelines.adapters.spark import hold
from pipelines.adapters.text_files import NamedText
from pipelines.declaration import MapBatches
from pipelines.kernels.span_scores import Mark, Scores, score_texts
from pipelines.settings import Settings
from pipelines.transforms.offsets import source_spans
from pipelines.transforms.placeholders import Span
from pipelines.transforms.redaction import KEPT, READ, redact
from pipelines.vocabulary import Reason

EXAMPLES = 3
RAW = T.StructType([T.StructField(name, T.StringType()) for name in (*KEPT, "kept_record_id", *READ)])


@dataclass(frozen=True)
class Redacted:
    """One text of a file after redaction.

    Attributes:
        text: redacted; None when it was withheld.
        spans: what was found, in code points of `source`.
        withheld: why the text was not passed on.
    """

    id: str
    source: str
    text: str | None
    spans: tuple[Span, ...]
    withheld: str | None

    def as_dict(self) -> dict[str, object]:
        """One line of the output."""
        spans = [{"type": span.type, "start": span.start, "end": span.end, "score": span.score} for span in self.spans]
        withheld = {"withheld": self.withheld} if self.withheld else {}
        return {"id": self.id, "text": self.text, "spans": spans, **withheld}


@dataclass
class RedactionReport:
    """What redaction did to a file; examples show the shape of a value and never the value.

    Attributes:
        seconds: from the first text handed over to the last one back; the start of Spark and the model's loading are
            in it.
    """

    texts: int = 0
    changed: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    shapes: dict[str, Counter[str]] = field(default_factory=dict)
    seconds: float = 0.0
    scores: Scores | None = None

    def add(self, one: Redacted) -> None:
        """Count one text."""
        self.texts += 1
        self.changed += bool(one.spans)
        if one.withheld:
            self.withheld[one.withheld] += 1
        for span in one.spans:
            self.by_type[span.type] += 1
            self.shapes.setdefault(span.type, Counter())[shape(one.source[span.start : span.end])] += 1

    def examples(self, kind: str) -> list[str]:
        """The commonest shapes of a type."""
        return [value for value, _ in self.shapes[kind].most_common(EXAMPLES)]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        types = {kind: {"count": count, "shapes": self.examples(kind)} for kind, count in self.by_type.most_common()}
        return {
            "texts": self.texts, "changed": self.changed, "withheld": dict(self.withheld), "types": types,
            "seconds": self.seconds, "scores": self.scores.as_dict() if self.scores else None,
        }  # fmt: skip


def redact_texts(
    spark: SparkSession, texts: Sequence[NamedText], settings: Settings, redactor: MapBatches
) -> Iterator[Redacted]:
    """Redact the texts of a file as the silver stream does, in their order."""
    redacted = raw_texts(spark, texts, settings).transform(redact, redactor)
    # Held: a sort looks at its input first to find its ranges, and every text would be redacted twice.
    held = hold(redacted.select("position", "text", "spans", "withheld"))
    for one, row in zip(texts, stream_rows(held.sort("position")), strict=True):
        spans = [Span(span["start"], span["end"], span["type"], span["score"]) for span in row["spans"]]
        yield Redacted(one.id, one.text, row["text"], tuple(source_spans(one.text, spans)), row["withheld"])


def raw_texts(spark: SparkSession, texts: Sequence[NamedText], settings: Settings) -> DataFrame:
    """Make the records that the texts of a file would become, each one's place its name; ready for `redact`."""
    longest = settings.intake.max_text_chars
    rows = []
    for number, one in enumerate(texts):
        withheld = Reason.TEXT_TOO_LONG.value if len(one.text) > longest else None
        place = dict.fromkeys(("record_id", "text_key", "position"), f"{number:012d}")
        known = {**place, "withheld": withheld, "raw_text": one.text, "raw_customer": one.customer}
        rows.append(tuple(known.get(name) for name in RAW.names))
    return spark.createDataFrame(rows, RAW)


def report_redaction(
    redacted: Sequence[Redacted], truth: Sequence[Iterable[Mark]] | None, seconds: float
) -> RedactionReport:
    """Sum up what redaction did, and how much of the truth it found."""
    report = RedactionReport(seconds=seconds)
    for one in redacted:
        report.add(one)
    if truth is not None:
        marks = [[(span.start, span.end, span.type) for span in one.spans] for one in redacted]
        report.scores = score_texts([one.source for one in redacted], truth, marks)
    return report


def shape(value: str) -> str:
    """Mask a value to its shape: `Xxxx Xxxxx`, `999-99`."""
    return "".join(mask(letter) for letter in islice(value, 40))


def mask(letter: str) -> str:
    """Mask one character; marks and spaces stay."""
    if letter.isdigit():
        return "9"
    if not letter.isalpha():
        return letter if letter.isascii() and letter.isprintable() else " "
    return "X" if letter.isupper() else "x"
