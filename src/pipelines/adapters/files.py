"""A user's own files: tickets to produce to the topic, and labelled examples to start a workspace with."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.adapters.kafka import OutgoingMessage
from pipelines.adapters.row_files import Fields, RowFile, SourceRow, dump_json, open_row_file
from pipelines.errors import InputDataError, UsageError
from pipelines.intents import USUAL_EXAMPLES, Intent, check_intents
from pipelines.transforms.payloads import SOURCE, is_blank, normalise_text, parse_time
from pipelines.vocabulary import UNKNOWN_LABEL, Reason

TEXT_COLUMNS = ("text", "utterance", "message", "body", "ticket", "description", "content", "query", "instruction")
LABEL_COLUMNS = ("intent", "label", "category", "class", "topic", "label_text")
MAX_LABELS = 1_000
"""A column with more different values than this is no label."""
GOOD_EXAMPLE_CHARS = 600
"""Longer texts are taken only where there are no others: the sentence encoder reads their beginning only."""


@dataclass(frozen=True)
class FileRow:
    """One row on its way to the topic; `problem` says why it is broken and will be invalid in bronze."""

    line: int
    message: OutgoingMessage
    problem: Reason | None
    progress: float


@dataclass(frozen=True)
class Mapping:
    """Which column is which field, and what stands in for a field that is missing."""

    file: str
    text: str
    ticket_id: str
    source: str | None
    default_source: str
    modified_at: str


def read_ticket_file(
    path: Path, text_column: str | None = None, id_column: str | None = None, source: str | None = None
) -> Iterator[FileRow]:
    """Turn every row of a CSV, JSONL or Parquet file into a message, in bounded memory.

    A row that is a ticket payload already goes through as it is, as far as it is complete. Missing fields are filled
    with what does not change between two readings of the file: the ticket_id with its SHA-256 and the row's number,
    created_at with its modification time. Other columns go along as unknown fields. A broken row goes as its bytes.

    Args:
        path: the file.
        text_column: column of the text; without it, `text`.
        id_column: column of the ticket_id; without it, `ticket_id` where there is one.
        source: the tickets' source; without it, the column `source`, else the file's name.

    Raises:
        UsageError: when the file cannot be read, or the source is no short name.
        InputDataError: when a column is missing, or the file is none of the three kinds.
    """
    if source is not None and not SOURCE.fullmatch(source):
        raise UsageError(f"--source {source!r}: expected up to 64 letters, digits, spaces and _.:/- (no address).")
    rows = open_row_file(path)
    rows.require(text_column or "text", "--text-column")
    if id_column is not None:
        rows.require(id_column, "--id-column")
    digest = file_digest(path)
    modified_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).isoformat()
    mapping = Mapping(digest, text_column or "text", id_column or "ticket_id", source, slug(path.stem), modified_at)
    return (outgoing(row, mapping) for row in rows.rows())


def file_digest(path: Path) -> str:
    """Name a file by the SHA-256 (hex) of its bytes.

    Raises:
        UsageError: when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}). Name a CSV, JSONL or Parquet file.") from error


def count_rows(path: Path) -> int:
    """Count the rows of a file, broken ones too."""
    return open_row_file(path).count()


def slug(name: str) -> str:
    """Make a source of a file's name."""
    return re.sub(r"[^A-Za-z0-9 _.:/-]+", "-", name)[:64].strip(" _.:/-") or "file"


def outgoing(row: SourceRow, mapping: Mapping) -> FileRow:
    """Make the message of one row; its headers say which file and line it came from."""
    headers = (("file_sha256", mapping.file.encode()), ("file_line", str(row.line).encode()))
    if row.fields is None:
        return FileRow(row.line, OutgoingMessage(row.raw, None, headers), row.problem, row.progress)
    payload = build_payload(row, row.fields, mapping)
    value = row.raw if payload == row.fields and row.raw else dump_json(payload)
    return FileRow(row.line, OutgoingMessage(value, str(payload["ticket_id"]).encode(), headers), None, row.progress)


def build_payload(row: SourceRow, fields: Fields, mapping: Mapping) -> Fields:
    """Lay the cells of a row out as a ticket payload; a column whose name is taken by another goes as original_NAME."""
    ticket_id, created_at = fields.get(mapping.ticket_id), fields.get("created_at")
    named = ticket_id is not None and str(ticket_id).strip() != ""
    own_source = fields.get("source")
    chosen: Fields = {
        "ticket_id": as_identifier(ticket_id) if named else f"{mapping.file}:{row.number}",
        "source": mapping.source or (mapping.default_source if own_source in (None, "") else own_source),
        "created_at": created_at if parse_time(created_at) else mapping.modified_at,
        "text": fields.get(mapping.text),
    }
    if isinstance(tags := fields.get("tags"), str):
        chosen["tags"] = [tag.strip() for tag in re.split(r"[,;|]", tags) if tag.strip()]
    used = {mapping.text, mapping.ticket_id}
    others = {name: value for name, value in fields.items() if name not in used and name not in chosen}
    displaced = {
        f"original_{name}": fields[name]
        for name in chosen
        if name in fields and name not in used and name != "tags" and fields[name] not in (None, "", chosen[name])
    }
    return {**chosen, **others, **displaced}


def as_identifier(value: object) -> object:
    """Keep a text or a whole number; write anything else as text."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else str(value)


def read_labelled_examples(
    path: Path, text_column: str | None = None, label_column: str | None = None, per_label: int = USUAL_EXAMPLES
) -> list[Intent]:
    """Take a label's verified examples from a labelled file: one intent a label, by name.

    Which examples are taken is decided by the hash of their text, not by their place in the file. A text that stands
    there with two labels is no example of either; rows labelled `unknown` name no intent.

    Raises:
        UsageError: when the file cannot be read.
        InputDataError: when it has no such columns, no labelled rows, or a label that cannot be a name.
    """
    rows = open_row_file(path)
    text_column = choose_column(rows, text_column, TEXT_COLUMNS, "--text-column")
    label_column = choose_column(rows, label_column, LABEL_COLUMNS, "--label-column")
    labels_of: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    found: set[str] = set()
    for row in rows.rows():
        label, text = cell(row, label_column), cell(row, text_column)
        if is_blank(label) or label == UNKNOWN_LABEL:
            continue
        found.add(label)
        if len(found) > MAX_LABELS:
            raise InputDataError(f"{path}: {label_column!r} has over {MAX_LABELS} values; name the labels' column.")
        if not is_blank(text):
            digest = hashlib.sha256(normalise_text(text).encode()).hexdigest()
            labels_of.setdefault(digest, set()).add(label)
            texts[digest] = min(text, texts.get(digest, text))
    if not found:
        raise InputDataError(f"{path}: no row has a label in the column {label_column!r}.")
    return check_intents([make_intent(label, labels_of, texts, per_label) for label in sorted(found)], path)


def make_intent(label: str, labels_of: dict[str, set[str]], texts: dict[str, str], count: int) -> Intent:
    """Give a label its first examples by hash, long texts last."""
    own = [digest for digest, labels in labels_of.items() if labels == {label}]
    own.sort(key=lambda digest: (len(texts[digest]) > GOOD_EXAMPLE_CHARS, digest))
    return Intent(label, "", tuple(texts[digest] for digest in own[:count]))


def cell(row: SourceRow, column: str) -> str:
    """Read a cell as trimmed text; a broken row has empty cells."""
    value = (row.fields or {}).get(column)
    return "" if value is None else str(value).strip()


def choose_column(rows: RowFile, wanted: str | None, usual: tuple[str, ...], option: str) -> str:
    """Take the column a person names, else the first of the usual ones."""
    if wanted is not None:
        rows.require(wanted, option)
        return wanted
    by_name = {column.lower(): column for column in reversed(rows.columns)}
    found = next((by_name[name] for name in usual if name in by_name), None)
    if found is None:
        rows.require(usual[0], option)
    return found or usual[0]
