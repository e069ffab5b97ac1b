"""What a person sees: tables, progress and JSON. Tables go to standard output, everything else to standard error."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

# Piped output keeps whole lines: a table cut at 80 columns loses the hashes people came for.
WIDTH = None if os.isatty(1) else 160

out = Console(width=WIDTH, highlight=False)
err = Console(stderr=True, highlight=False)

Row = Sequence[object]


def show_table(title: str, headers: Sequence[str], rows: Sequence[Row], caption: str | None = None) -> None:
    """Print a table; numbers are right-aligned and grouped by thousands."""
    table = Table(
        title=escape(title), title_justify="left", title_style="bold", caption=caption, caption_justify="left"
    )
    for position, header in enumerate(headers):
        numeric = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        table.add_column(header, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # A ticket's text may hold what reads as markup.
        table.add_row(*(escape(cell(value)) for value in row))
    out.print(table)


def show_next(command: str, workspace: Path) -> None:
    """Say what to type next, in one line that can be copied from any folder."""
    out.print(escape(f"Next: lakehouse {command} --workspace {workspace}"), soft_wrap=True)


def cell(value: object) -> str:
    """Write one value for a person."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}" if isinstance(value, float) else str(value)


def show_json(content: Mapping[str, object] | Sequence[object]) -> None:
    """Print one JSON document, for programs."""
    out.file.write(json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n")


def say(message: str) -> None:
    """Print one line about what is happening."""
    # Wrapped at the edge of a terminal, a command or a path could not be copied.
    err.print(message, markup=False, soft_wrap=True)


@contextmanager
def counting(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress while a block works; the block calls back with the count so far."""
    bar = (BarColumn(), MofNCompleteColumn()) if total else (TextColumn("{task.completed:,.0f}"),)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *bar, TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.update(task, completed=count)


def tell(count: Callable[[int], None], stage: str, rows: int) -> None:
    """Pass the rows of the stage that runs on to its progress line."""
    count(rows)
