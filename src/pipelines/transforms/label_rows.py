"""A labelled file in, its rows out: CSV or JSON lines, told apart by their content, every row judged on its own."""

import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.transforms.csv_rows import read_csv_rows, unique_names
from pipelines.transforms.payloads import decode_object, is_blank, is_identifier, parse_time
from pipelines.vocabulary import Reason

COLUMNS = ("text", "annotator_id", "label", "confidence_score")
KEYS = COLUMNS[:3]
"""What a JSON line must have; a line may leave out its confidence, as JSON writers do with nulls."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATED_PATH = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}/.+$")
LOCAL = re.compile(r"^(?:(?:file|dbfs):/*|/+)")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class LabelRow:
    """One row of a labelled file; `error_code` is null when it is a vote.

    `annotated_micros` is when the annotator labelled, in microseconds since 1970 (UTC).
    """

    row_number: int
    raw: str
    text: str | None = None
    annotator_id: str | None = None
    label: str | None = None
    confidence_score: float | None = None
    record_id: str | None = None
    error_code: str | None = None
    annotated_micros: int | None = None


def parse_label_file(content: bytes) -> Iterator[LabelRow]:
    """Read a labelled file's bytes; nothing throws, every row comes out once.

    Undecodable bytes make their own row `not_utf8`, not the file. A CSV file without the needed columns, or without
    rows, is one row, number 0, that says so: every file leaves a trace.
    """
    text = content.decode("utf-8-sig", "surrogateescape")
    return parse_json_lines(text) if text.lstrip().startswith("{") else parse_csv(text)


def parse_csv(text: str) -> Iterator[LabelRow]:
    """Read a CSV file by the names of its header, whatever their order."""
    rows = read_csv_rows(io.StringIO(text, newline=""))
    first = next(rows, None)
    written = first.cells if first is not None and first.cells is not None else []
    header = unique_names(written)
    names = [name.lower() for name in header]
    # A needed column that stands there twice is as good as missing: which one was meant cannot be known.
    if any(sum(name.strip().lower() == column for name in written) != 1 for column in COLUMNS):
        yield LabelRow(0, write_json({"header": header}), error_code=Reason.COLUMNS_MISSING)
        return
    number = 0
    for number, row in enumerate(rows, 1):
        if not is_clean(row.raw):
            yield LabelRow(number, write_json({"row": row.raw}), error_code=Reason.NOT_UTF8)
        elif row.cells is None or len(row.cells) != len(header):
            yield LabelRow(number, write_json({"row": row.raw}), error_code=Reason.ROW_MALFORMED)
        else:
            raw = write_json(dict(zip(header, row.cells, strict=True)))
            yield judge_row(number, raw, dict(zip(names, row.cells, strict=True)))
    if not number:
        yield LabelRow(0, write_json({"header": header}), error_code=Reason.ROWS_MISSING)


def parse_json_lines(text: str) -> Iterator[LabelRow]:
    """Read one JSON object a line; blank lines are no rows."""
    lines = (line for line in io.StringIO(text, newline="") if line.strip())
    for number, line in enumerate(lines, 1):
        fields = decode_object(line.encode("utf-8", "surrogateescape"))
        if isinstance(fields, Reason):
            reason = fields if fields is Reason.NOT_UTF8 else Reason.ROW_MALFORMED
            yield LabelRow(number, write_json({"row": line}), error_code=reason)
        elif any(key not in fields for key in KEYS):
            yield LabelRow(number, write_json(fields), error_code=Reason.COLUMNS_MISSING)
        else:
            yield judge_row(number, write_json(fields), fields)


def judge_row(number: int, raw: str, fields: dict[str, object]) -> LabelRow:
    """Type the fields of one row and say whether it is a vote."""
    text, label = fields["text"], fields["label"]
    annotator, record_id = fields["annotator_id"], fields.get("record_id")
    texts_are_texts = isinstance(text, str | None) and isinstance(label, str | None)
    if not (texts_are_texts and is_identifier(annotator) and is_identifier(record_id)):
        return LabelRow(number, raw, error_code=Reason.ROW_MALFORMED)
    error = None
    if is_blank(str(text or "")):
        error = Reason.TEXT_EMPTY
    elif is_blank(str(label or "")):
        error = Reason.LABEL_EMPTY
    return LabelRow(
        number,
        raw,
        text=None if text is None else str(text),
        annotator_id=cell(annotator),
        label=cell(label),
        confidence_score=read_confidence(fields.get("confidence_score")),
        record_id=cell(record_id),
        error_code=error,
        annotated_micros=read_time(fields.get("time")),
    )


def read_time(value: object) -> int | None:
    """Read an ISO-8601 time as microseconds since 1970; none when it is missing or no time."""
    time = parse_time(value)
    return None if time is None else (time - EPOCH) // timedelta(microseconds=1)


def cell(value: object) -> str | None:
    """Trim a cell; a blank one is none."""
    return (str(value).strip() or None) if value is not None else None


def read_confidence(value: object) -> float | None:
    """Read a probability; none when it is missing, no plain decimal number, or not between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and 0 <= number <= 1 else None


def is_clean(text: str) -> bool:
    """Tell whether a row decoded without a byte that is no UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def write_json(content: dict[str, object] | dict[str, str] | dict[str, list[str]]) -> str:
    """Write a row as JSON; bytes that are no UTF-8 stand there escaped, so that they can still be told."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def relative_path(path: str, landing_root: str) -> str:
    """Name a file by its path inside the landing folder, so that the name survives a move of the workspace.

    Without a root: from its `YYYY/MM/DD` folders on, else its whole path: two files must never have one name.
    """
    bare, root = without_scheme(path), without_scheme(landing_root).rstrip("/")
    if landing_root and bare.startswith(root + "/"):
        return bare.removeprefix(root + "/")
    dated = DATED_PATH.search(bare)
    return dated.group() if dated else bare


def without_scheme(uri: str) -> str:
    """Take `file:` or `dbfs:` and slashes off: Spark writes file:/path for /path, and dbfs:/Volumes for /Volumes."""
    return LOCAL.sub("/", uri)
