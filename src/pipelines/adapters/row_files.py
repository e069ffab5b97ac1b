"""Files of rows, whatever their kind: CSV, JSON lines and Parquet, streamed row by row in bounded memory."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TextIO

from pipelines.errors import InputDataError, UsageError
from pipelines.transforms.csv_rows import MAX_CELL_CHARS, read_csv_rows, unique_names
from pipelines.transforms.payloads import decode_object
from pipelines.vocabulary import Reason

SNIFFED_BYTES = 65_536
SNIFFED_ROWS = 100
"""JSON lines have no header: their columns are the keys of this many rows."""
PARQUET_BATCH_ROWS = 1_000

Fields = dict[str, object]


@dataclass(frozen=True)
class SourceRow:
    """One row of a file.

    Attributes:
        line: its first line in the file (of Parquet: its row), from 1.
        number: which row it is, from 1, the broken ones counted.
        fields: its cells by column; none when it is broken.
        raw: its bytes as they stand, line end taken off; empty for Parquet.
        problem: why it is broken.
        progress: share of the file read so far, 0 to 1.
    """

    line: int
    number: int
    fields: Fields | None
    raw: bytes
    problem: Reason | None
    progress: float


@dataclass(frozen=True)
class RowFile:
    """A file whose kind and columns are known."""

    path: Path
    kind: str
    columns: tuple[str, ...]

    def rows(self) -> Iterator[SourceRow]:
        """Read it from its start; every call reads anew."""
        readers = {"csv": read_csv_file, "jsonl": read_json_lines, "parquet": read_parquet}
        return readers[self.kind](self.path)

    def count(self) -> int:
        """Count its rows, broken ones too."""
        if self.kind == "parquet":
            return count_parquet(self.path)
        with open_text(self.path) as file:
            if self.kind == "csv":
                return sum(1 for _ in read_csv_rows(read_lines(file))) - 1
            return sum(1 for line in read_lines(file) if line.strip())

    def require(self, column: str, option: str) -> None:
        """Refuse a column that the file does not have.

        Raises:
            InputDataError: naming the columns there are.
        """
        if column not in self.columns:
            raise InputDataError(
                f"{self.path} has no column {column!r}; it has: {', '.join(self.columns)}. Name one with {option}."
            )


def open_row_file(path: Path) -> RowFile:
    """Find out a file's kind from its content, and its columns.

    Raises:
        UsageError: when there is no such file, or it cannot be read.
        InputDataError: when it is no CSV, JSON lines or Parquet file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}). Name a CSV, JSONL or Parquet file.") from error
    kind = sniff(head, path)
    if kind == "csv":
        with open_text(path) as file:
            first = next(read_csv_rows(read_lines(file)), None)
        if first is None or first.cells is None:
            raise InputDataError(f"{path}: the first line is no CSV header; expected column names, comma-separated.")
        return RowFile(path, kind, tuple(unique_names(first.cells)))
    if kind == "parquet":
        return RowFile(path, kind, parquet_columns(path))
    fields = [row.fields or {} for row in islice(read_json_lines(path), SNIFFED_ROWS)]
    return RowFile(path, kind, tuple(dict.fromkeys(name for row in fields for name in row)))


def sniff(head: bytes, path: Path) -> str:
    """Tell a file's kind by its first bytes."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"["):
        raise InputDataError(f"{path} is one JSON array; expected one object a line: jq -c '.[]' FILE > FILE.jsonl")
    if head.startswith((b"\x1f\x8b", b"PK", b"\xff\xfe", b"\xfe\xff")) or b"\0" in head or not start:
        raise InputDataError(
            f"{path} is no CSV, JSONL or Parquet file that can be read: it is empty, compressed, a spreadsheet, "
            "or not in UTF-8. Unpack it, or save it as CSV in UTF-8."
        )
    return "jsonl" if start.startswith(b"{") else "csv"


def open_text(path: Path) -> TextIO:
    """Open a file so that every byte of it can be told and given back, whether it is UTF-8 or not."""
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def read_lines(file: TextIO) -> Iterator[str]:
    """Read lines with their ends; a line beyond the cell limit comes in pieces, so memory stays bounded."""
    while line := file.readline(MAX_CELL_CHARS):
        yield line


def read_csv_file(path: Path) -> Iterator[SourceRow]:
    """Read the rows of a CSV file after its header; a row with a wrong number of cells is broken."""
    size = max(path.stat().st_size, 1)
    with open_text(path) as file:
        rows = read_csv_rows(read_lines(file))
        header = unique_names(next(rows).cells or [])
        for number, row in enumerate(rows, 1):
            raw = row.raw.rstrip("\r\n").encode("utf-8", "surrogateescape")
            problem = None
            if not is_utf8(raw):
                problem = Reason.NOT_UTF8
            elif row.cells is None or len(row.cells) != len(header):
                problem = Reason.ROW_MALFORMED
            fields = dict(zip(header, row.cells or [], strict=False)) if problem is None else None
            yield SourceRow(row.line, number, {**fields} if fields else None, raw, problem, file.buffer.tell() / size)


def read_json_lines(path: Path) -> Iterator[SourceRow]:
    """Read one JSON object a line; blank lines are no rows."""
    size, number = max(path.stat().st_size, 1), 0
    with open_text(path) as file:
        for line, text in enumerate(read_lines(file), 1):
            if not text.strip():
                continue
            number += 1
            raw = text.rstrip("\r\n").encode("utf-8", "surrogateescape")
            content = decode_object(raw)
            problem = content if isinstance(content, Reason) else None
            fields = None if isinstance(content, Reason) else content
            yield SourceRow(line, number, fields, raw, problem, file.buffer.tell() / size)


def read_parquet(path: Path) -> Iterator[SourceRow]:
    """Read the rows of a Parquet file, values as JSON can write them."""
    from pyarrow import parquet

    total, number = max(count_parquet(path), 1), 0
    with refuse_damaged(path):
        file = parquet.ParquetFile(path)
        batches = file.iter_batches(batch_size=PARQUET_BATCH_ROWS)
        for batch in batches:
            for cells in batch.to_pylist():
                number += 1
                fields = {str(name): jsonable(value) for name, value in cells.items()}
                yield SourceRow(number, number, fields, b"", None, number / total)


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Read the column names of a Parquet file."""
    from pyarrow import parquet

    with refuse_damaged(path):
        schema = parquet.read_schema(path)
        return tuple(schema.names)


def count_parquet(path: Path) -> int:
    """Read the number of rows of a Parquet file."""
    from pyarrow import parquet

    with refuse_damaged(path):
        return int(parquet.read_metadata(path).num_rows)


@contextmanager
def refuse_damaged(path: Path) -> Iterator[None]:
    """Say that a Parquet file is damaged when reading it fails."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputDataError(f"{path} is a damaged Parquet file; write it anew.") from error


def is_utf8(raw: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def jsonable(value: object) -> object:
    """Give a Parquet value the form JSON has for it: times as ISO-8601, decimals as text, NaN as null."""
    if isinstance(value, dict):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) and not isinstance(value, Decimal) else str(value)


def dump_json(content: Fields) -> bytes:
    """Write an object as compact JSON in UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
