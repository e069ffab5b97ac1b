"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.labelling_settings import SlmMode

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="Folder of the workspace; default: the current folder or one above it."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
TextColumn = Annotated[str | None, typer.Option("--text-column", help="Column or field that holds the ticket's text.")]
IdColumn = Annotated[str | None, typer.Option("--id-column", help="Column or field that identifies the ticket.")]
SlmOption = Annotated[SlmMode | None, typer.Option("--slm", help="Override labelling.slm for this run.")]
FileArgument = Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")]
OutFile = Annotated[Path, typer.Option("--out", help="JSONL to write, one line a text, in the file's order.")]
IntentsOption = Annotated[
    Path | None, typer.Option("--intents", help="Other intents than the workspace's; without one, these alone.")
]
Source = Annotated[str | None, typer.Option("--source", help="Name of the channel; default: the file's name.")]
