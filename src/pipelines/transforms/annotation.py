"""Votes of people as they come in files: each row judged on its own, the good ones written as a labelled file.

A refusal names the row's line and the reason, never what stands in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.intents import LabelSet
from pipelines.transforms.label_rows import cell, read_confidence, read_time
from pipelines.transforms.payloads import is_blank, is_identifier
from pipelines.vocabulary import UNKNOWN_LABEL, Reason

CONFIDENCE = ("confidence", "confidence_score")
"""Names of the column; a person who says nothing of it is sure."""
GIVEN = "line long, about string, annotator_id string, label string, annotated_micros long"
"""Votes of a file as a frame: `about` is the record's id, else the text."""


@dataclass(frozen=True)
class GivenVote:
    """A vote as a file gives it; `text` is the file's, or the record's own once that is known."""

    line: int
    record_id: str | None
    text: str | None
    annotator_id: str
    label: str
    confidence: float
    time: str | None

    @property
    def about(self) -> str:
        """What it is about: the record's id, else the text."""
        return self.record_id or self.text or ""

    def as_row(self) -> tuple[int, str, str, str, int | None]:
        """Give it as a row of GIVEN."""
        return self.line, self.about, self.annotator_id, self.label, read_time(self.time)

    def as_line(self, text: str | None) -> str:
        """Write it as a line of a labelled file, with the text of its record where it names one."""
        fields = {"record_id": self.record_id, "text": text or self.text, "annotator_id": self.annotator_id}
        votes = {"label": self.label, "confidence_score": self.confidence, "time": self.time}
        return json.dumps({**fields, **votes}, ensure_ascii=True, sort_keys=True)


@dataclass(frozen=True)
class Refusal:
    """A row that is no vote: where it stands, why, and in which column."""

    line: int
    reason: Reason
    column: str = ""


def read_vote(line: int, fields: Mapping[str, object], labels: LabelSet, annotator: str | None) -> GivenVote | Refusal:
    """Judge one row of a file: record_id or text, label, annotator_id; where they stand there, time and confidence.

    Args:
        line: where the row stands.
        fields: its cells by column; columns of other names are not looked at.
        labels: those that are known; `unknown`, and names that became others, are too.
        annotator: who labelled where the row does not say.
    """
    record_id, text, label = (cell(fields.get(name)) for name in ("record_id", "text", "label"))
    who, time = cell(fields.get("annotator_id")) or annotator, cell(fields.get("time"))
    given = next((fields[name] for name in CONFIDENCE if cell(fields.get(name))), 1.0)
    confidence = read_confidence(given)
    problem: tuple[Reason, str] | None = None
    if label is None:
        problem = Reason.LABEL_EMPTY, "label"
    elif label not in {*labels.names, *labels.renamed, UNKNOWN_LABEL}:
        problem = Reason.LABEL_UNKNOWN, "label"
    elif record_id is None and (text is None or is_blank(text)):
        problem = Reason.FIELD_MISSING, "record_id or text"
    elif who is None:
        problem = Reason.FIELD_MISSING, "annotator_id"
    elif not is_identifier(fields.get("annotator_id")):
        problem = Reason.FIELD_INVALID, "annotator_id"
    elif confidence is None:
        problem = Reason.FIELD_INVALID, "confidence"
    elif time is not None and read_time(time) is None:
        problem = Reason.FIELD_INVALID, "time"
    if problem or label is None or who is None or confidence is None:
        return Refusal(line, *(problem or (Reason.ROW_MALFORMED, "")))
    return GivenVote(line, record_id, text, who, label, confidence, time)


def known_texts(tickets: DataFrame, given: DataFrame) -> DataFrame:
    """Find the records that votes name: record_id, text (redacted), withheld.

    Args:
        tickets: silver.tickets.
        given: votes of a file, `GIVEN`.
    """
    named = given.select(F.col("about").alias("record_id"))
    return tickets.join(named, on="record_id", how="left_semi").select("record_id", "text", "withheld")


def repeated_votes(given: DataFrame, rows: DataFrame) -> DataFrame:
    """Find the votes that bronze has already: line. The same person said the same of the same, at the same time.

    Args:
        given: votes of a file, `GIVEN`.
        rows: bronze.label_files.
    """
    stored = rows.where(F.col("error_code").isNull()).select(
        F.coalesce("record_id", "text").alias("stored_about"),
        F.col("annotator_id").alias("stored_annotator"),
        F.col("label").alias("stored_label"),
        F.unix_micros("annotated_at").alias("stored_micros"),
    )
    is_same = (
        (F.col("about") == F.col("stored_about"))
        & (F.col("annotator_id") == F.col("stored_annotator"))
        & (F.col("label") == F.col("stored_label"))
        & F.col("annotated_micros").eqNullSafe(F.col("stored_micros"))
    )
    return given.join(stored, on=is_same, how="left_semi").select("line")
