"""Files of texts, and of the truth about them, for trying a policy before anything runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.adapters.files import TEXT_COLUMNS, cell, choose_column
from pipelines.adapters.row_files import open_row_file
from pipelines.adapters.storage import open_folder, publish, store
from pipelines.errors import InputDataError


@dataclass(frozen=True)
class NamedText:
    """One text of a file, and what it is called there."""

    id: str
    text: str
    customer: str | None = None


def read_named_texts(
    path: Path, text_column: str | None, id_column: str | None, customer_column: str | None = None
) -> list[NamedText]:
    """Read the texts of a file, in its order; a row without one has an empty text, so that no row is lost.

    Args:
        path: CSV, JSONL or Parquet.
        text_column: None for the first usual one.
        id_column: None for the number of the row.
        customer_column: what the customer is called; None when no column says it.

    Raises:
        InputDataError: when there is no such column, with those there are.
    """
    rows = open_row_file(path)
    chosen = choose_column(rows, text_column, TEXT_COLUMNS, "--text-column")
    for column, option in ((id_column, "--id-column"), (customer_column, "--customer-column")):
        if column is not None:
            rows.require(column, option)
    texts = []
    for row in rows.rows():
        value = (row.fields or {}).get(chosen)
        name = cell(row, id_column) if id_column else ""
        customer = cell(row, customer_column) if customer_column else None
        texts.append(NamedText(name or str(row.number), "" if value is None else str(value), customer))
    return texts


def read_true_spans(path: Path, ids: list[str]) -> list[list[tuple[int, int, str]]]:
    """Read the true spans of texts: JSON lines with `id` and `spans`, each span with type, start and end.

    Raises:
        InputDataError: when a line is no such thing, or a text has no line.
    """
    truth: dict[str, list[tuple[int, int, str]]] = {}
    for row in open_row_file(path).rows():
        fields = row.fields or {}
        spans = fields.get("spans")
        try:
            marks = [(int(one["start"]), int(one["end"]), str(one["type"])) for one in as_list(spans)]
        except (KeyError, TypeError, ValueError) as error:
            raise InputDataError(
                f"{path}, line {row.line}: expected `spans`, a list of objects with type, start and end."
            ) from error
        truth[str(fields.get("id"))] = marks
    missing = [name for name in ids if name not in truth]
    if missing:
        raise InputDataError(
            f"{path} has no line for {len(missing)} of {len(ids)} texts, first {missing[0]!r}. Name the texts' own ids "
            "with --id-column."
        )
    return [truth[name] for name in ids]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file of this machine aside, read it back, and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = open_folder(str(path.parent))
    store(folder, path.name, lines)
    publish(folder, [path.name])


def as_list(value: object) -> list[dict[str, str | int]]:
    """Refuse what is no list.

    Raises:
        TypeError: when it is something else.
    """
    if not isinstance(value, list):
        raise TypeError
    return value
