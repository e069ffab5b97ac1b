"""Files that people fill in: CSV for spreadsheets, JSON lines for tools."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pipelines.adapters.text_files import write_lines
from pipelines.errors import UsageError

COLUMNS = ("record_id", "text", "candidates", "purpose", "label", "annotator_id")
"""The last two are for people to fill in."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the beginning of a cell."""


class Question(Protocol):
    """A text that a person is asked about."""

    @property
    def record_id(self) -> str:
        """Its record."""

    @property
    def text(self) -> str:
        """Redacted."""

    @property
    def candidates(self) -> list[str]:
        """Labels that voters named."""

    @property
    def purpose(self) -> str:
        """Why it is asked about."""


def refuse_ending(path: Path) -> None:
    """Refuse a file whose ending names no kind that can be written.

    Raises:
        UsageError: with the endings there are.
    """
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise UsageError(f"--out {path}: expected a name that ends with .csv or .jsonl.")


def write_questions(path: Path, questions: Sequence[Question]) -> None:
    """Write questions as CSV or JSON lines, by the file's ending.

    Raises:
        UsageError: when the ending is neither.
        StorageError: when the file cannot be written.
    """
    refuse_ending(path)
    lines = csv_lines if path.suffix.lower() == ".csv" else json_lines
    write_lines(path.resolve(), lines(questions))


def csv_lines(questions: Sequence[Question]) -> Iterator[str]:
    """Write a header and a line for each question; no cell can be taken for a formula."""
    yield ",".join(COLUMNS)
    for one in questions:
        cells = io.StringIO()
        text = f"'{one.text}" if one.text.startswith(FORMULA) else one.text
        row = (one.record_id, text, " | ".join(one.candidates), one.purpose, "", "")
        csv.writer(cells, lineterminator="").writerow(row)
        yield cells.getvalue()


def json_lines(questions: Sequence[Question]) -> Iterator[str]:
    """Write an object for each question."""
    for one in questions:
        row = (one.record_id, one.text, one.candidates, one.purpose, "", "")
        yield json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=True)
