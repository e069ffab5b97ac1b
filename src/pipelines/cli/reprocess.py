"""`reprocess`: do again what a mended rule would do otherwise."""

from datetime import datetime
from typing import Annotated

import typer

from pipelines.adapters.detectors import redaction_version
from pipelines.adapters.spark import hold
from pipelines.cli.opening import open_flow, open_spark, prepare_models
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import out, say, show_json, show_table
from pipelines.jobs.relabelling import Relabelled, count_former, find_former, relabel
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


@reprocess.command()
def labels(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many records it would touch.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a change of intents.yml: decide anew what `was` called otherwise, vote anew on `retired` labels.

    Votes that were cast stay as they are. Stop `run --continuous` before.
    """
    found = find_workspace(workspace)
    with open_spark(found) as spark:
        flow = open_flow(found, spark, None)
        former = hold(find_former(flow))
        counted = count_former(former)
        if counted.voted and not dry_run:
            prepare_models(found)
        if counted.by_label and not dry_run:
            relabel(flow, former, say)
    if as_json:
        show_json({**counted.as_dict(), "dry_run": dry_run})
    else:
        show_relabelled(counted, dry_run)


def show_relabelled(counted: Relabelled, dry_run: bool) -> None:
    """Say which records were touched, or would be."""
    if not counted.by_label:
        out.print("No decision names a label that intents.yml calls otherwise (`was`) or has retired.")
        return
    show_table("Records by former label", ("label", "records"), list(counted.by_label.items()))
    done = "would be" if dry_run else "were"
    out.print(
        f"{counted.renamed:,} records {done} decided anew under a name of today; {counted.voted:,} {done} voted on "
        "anew, because a label of theirs was retired. Votes that were cast stay as they are."
    )


def show_reprocessed(done: Reprocessed, vacuumed: bool) -> None:
    """Say what was done, and what the search found."""
    out.print(
        f"{done.redacted:,} records redacted again; {done.changed:,} of them read differently and were judged again; "
        f"{done.values:,} values that the old rules had left are gone."
    )
    show_table("Rows that still hold a value that is gone", ("table", "rows"), list(done.remaining.items()))
    if not vacuumed:
        out.print("Earlier versions of the tables still hold the old texts, until --vacuum deletes their files.")
