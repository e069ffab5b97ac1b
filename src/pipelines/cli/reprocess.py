"""`reprocess`: do again what a mended rule would do otherwise."""

from datetime import datetime
from typing import Annotated

import typer

from pipelines.adapters.detectors import redaction_version
from pipelines.cli.opening import open_flow, open_spark, prepare_models
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import out, say, show_json, show_table
from pipelines.jobs.reprocessing import Reprocessed, delete_old_files, reprocess_silver
from pipelines.workspace import find_workspace

reprocess = typer.Typer(name="reprocess", no_args_is_help=True)


@reprocess.callback()
def group() -> None:
    """Do again what a mended rule would do otherwise."""


@reprocess.command()
def silver(
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only records received from this day on.")
    ] = None,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Also delete the files of earlier table versions: no way back in time.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Redact again, from bronze, what was redacted by other rules; vote and judge again where the text has changed.

    Then looks through the tables for values that should be gone. Stop `run --continuous` before.
    """
    found = find_workspace(workspace)
    with open_spark(found) as spark:
        prepare_models(found)
        flow = open_flow(found, spark, None)
        day = since.date() if since else None
        done = reprocess_silver(flow, redaction_version(found.settings.redaction), day, say)
        if vacuum:
            delete_old_files(flow)
    if as_json:
        show_json(done.as_dict())
    else:
        show_reprocessed(done, vacuum)
    done.check()


def show_reprocessed(done: Reprocessed, vacuumed: bool) -> None:
    """Say what was done, and what the search found."""
    out.print(
        f"{done.redacted:,} records redacted again; {done.changed:,} of them read differently and were judged again; "
        f"{done.values:,} values that the old rules had left are gone."
    )
    show_table("Rows that still hold a value that is gone", ("table", "rows"), list(done.remaining.items()))
    if not vacuumed:
        out.print("Earlier versions of the tables still hold the old texts, until --vacuum deletes their files.")
