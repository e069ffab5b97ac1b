"""`contracts`: what flows, as a page for people."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.screens import out
from pipelines.contracts import TABLES, VIEWS
from pipelines.contracts.exports import LAYERS
from pipelines.contracts.page import write_page


def contracts(
    out_file: Annotated[Path | None, typer.Option("--out", help="File to write; default: print it.")] = None,
) -> None:
    """Write every table, view and exported file, column by column, in Markdown."""
    page = write_page(TABLES, VIEWS, LAYERS)
    if out_file is None:
        out.file.write(page)
    else:
        out_file.parent.mkdir(parents=True, exist_ok=True)
        out_file.write_text(page, encoding="utf-8")
