"""CSV row by row (RFC 4180), never losing a row to a broken one: quoted newlines, and each row's own source text."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_CELL_CHARS = 4_194_304
"""A cell beyond this is a quote that was never closed: the row is given up, the lines after it are not."""


@dataclass(frozen=True)
class CsvRow:
    """One row: its first line in the file (from 1), its cells (none when it is no CSV), its text as it stands."""

    line: int
    cells: list[str] | None
    raw: str


class LineFeed:
    """Hands lines to the CSV reader and remembers which of them its current row took."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = iter(lines)
        self.returned: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.taken.append(self.returned.popleft() if self.returned else next(self.lines))
        return self.taken[-1]

    def give_up(self) -> None:
        """Keep only the first line of the current row; the others come again."""
        self.returned.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def read_csv_rows(lines: Iterable[str]) -> Iterator[CsvRow]:
    """Split lines (ends kept) into rows; blank lines are no rows.

    A row that breaks the rules (text after a closing quote, a quote never closed) is one broken line: reading
    resumes at the line after it.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    feed, line = LineFeed(lines), 1
    reader = csv.reader(feed, strict=True)
    while True:
        feed.taken.clear()
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            feed.give_up()
            cells = None
        if cells != []:
            yield CsvRow(line, cells, "".join(feed.taken))
        line += len(feed.taken)


def unique_names(header: list[str]) -> list[str]:
    """Name every column once: stripped, blank ones by their place, repeated ones with their place added."""
    names: list[str] = []
    for place, cell in enumerate(header, 1):
        name = cell.strip() or f"column_{place}"
        names.append(f"{name}_{place}" if name in names else name)
    return names
