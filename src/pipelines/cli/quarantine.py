"""`quarantine`: look at what did not make it into gold, have it judged anew, or throw it away."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from pipelines import contracts as tables
from pipelines.adapters.delta import read_table
from pipelines.adapters.spark import hold
from pipelines.cli.named_versions import with_version
from pipelines.cli.opening import open_flow, open_spark, open_tables, prepare_models
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import out, say, show_json, show_table
from pipelines.errors import UsageError
from pipelines.jobs.commanding import KeptOut, count_kept_out, find_kept_out, list_kept_out, request, vote_again
from pipelines.jobs.records import find_records
from pipelines.transforms.commands import Choice, Command
from pipelines.vocabulary import Action, Reason
from pipelines.workspace import Workspace, find_workspace

quarantine = typer.Typer(name="quarantine", no_args_is_help=True)

REASONS = [str(reason) for reason in Reason]
SHOWN_CHARS = 60
SHOWN_ID = 12

ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only records with this reason code.")]
LabelOption = Annotated[str | None, typer.Option("--label", help="Only records whose best guess is this label.")]
SinceOption = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only what was decided from this day on (UTC).")
]
RecordIds = Annotated[
    list[str] | None, typer.Argument(metavar="[RECORD_ID]...", help="Records, by id or its first 8 characters or more.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All of quarantine: needed where nothing else says which.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many records it would touch.")]


@quarantine.callback()
def group() -> None:
    """What did not make it into gold: count it, look at it, have it judged anew, or throw it away."""


@quarantine.command()
def stats(
    reason: ReasonOption = None,
    label: LabelOption = None,
    since: SinceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count records in quarantine by reason, label and age."""
    found = find_workspace(workspace)
    with open_spark(found) as spark:
        decisions = read_table(spark, open_tables(found, spark), tables.DECISIONS)
        counted = count_kept_out(find_kept_out(decisions, chosen((), reason, label, since)), datetime.now(UTC))
    show_counted(counted, "Records in quarantine", as_json)


@quarantine.command("list")
def list_records(
    reason: ReasonOption = None,
    label: LabelOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, the newest first.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List records in quarantine with their redacted texts, the newest decision first."""
    found = find_workspace(workspace)
    with open_spark(found) as spark:
        store = open_tables(found, spark)
        kept_out = find_kept_out(read_table(spark, store, tables.DECISIONS), chosen((), reason, label, since))
        rows = list_kept_out(read_table(spark, store, tables.TICKETS_SILVER), kept_out, limit)
    if as_json:
        show_json(rows)
        return
    shown = [
        (str(row["record_id"])[:SHOWN_ID], row["reason"], row["label"], row["confidence"], shorten(row["text"]))
        for row in rows
    ]
    show_table(f"{len(rows):,} records", ("record_id", "reason", "label", "confidence", "text (redacted)"), shown)


@quarantine.command()
def show(
    record_id: Annotated[str, typer.Argument(help="Record, by id or its first 8 characters or more.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one record that is kept out of gold: its redacted text and why. `lakehouse explain` tells its whole life."""
    found = find_workspace(workspace)
    with open_spark(found) as spark:
        store = open_tables(found, spark)
        tickets = read_table(spark, store, tables.TICKETS_SILVER)
        (name,) = find_records(tickets, [record_id])
        kept_out = find_kept_out(read_table(spark, store, tables.DECISIONS), Choice((name,)))
        rows = list_kept_out(tickets, kept_out, 1)
    if not rows:
        raise UsageError(f"{name} is not kept out of gold. Type: lakehouse explain {name[:SHOWN_ID]}")
    if as_json:
        show_json(rows[0])
    else:
        show_table("Kept out of gold", ("what", "value"), [(key, told(value)) for key, value in rows[0].items()])


@quarantine.command()
def replay(
    record_ids: RecordIds = None,
    reason: ReasonOption = None,
    label: LabelOption = None,
    since: SinceOption = None,
    everything: AllOption = False,
    version: Annotated[
        str | None,
        typer.Option(
            "--version", help="Let this version vote anew first: NAME@NUMBER of a model or prompt that votes."
        ),
    ] = None,
    dry_run: DryRun = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gate to judge records anew, by the settings of today; what was discarded comes back by id or reason.

    The request is stored with the records it means; the next `lakehouse run gate` carries it out. A verdict that is the
    same again is not written again.
    """
    opened = find_workspace(workspace)
    refuse_everything(record_ids, reason, label, since, everything)
    voting = with_version(opened, version) if version else opened
    choice = chosen(tuple(record_ids or ()), reason, label, since)
    command = Command(Action.REPLAY, choice, datetime.now(UTC), version=version)
    carry(voting, command, dry_run, as_json)


@quarantine.command()
def discard(
    because: Annotated[str, typer.Option("--because", help="Why, in your words; stored, so no personal data here.")],
    record_ids: RecordIds = None,
    reason: ReasonOption = None,
    label: LabelOption = None,
    since: SinceOption = None,
    everything: AllOption = False,
    dry_run: DryRun = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the gate to take records out of quarantine for good; a trace stays, and `replay RECORD_ID` undoes it."""
    opened = find_workspace(workspace)
    refuse_everything(record_ids, reason, label, since, everything)
    if not because.strip():
        raise UsageError("--because is empty: say why these records are to be discarded.")
    choice = chosen(tuple(record_ids or ()), reason, label, since)
    carry(opened, Command(Action.DISCARD, choice, datetime.now(UTC), because=because), dry_run, as_json)


def carry(workspace: Workspace, command: Command, dry_run: bool, as_json: bool) -> None:
    """Choose the records, and store the request for each."""
    with open_spark(workspace) as spark:
        store = open_tables(workspace, spark)
        tickets = read_table(spark, store, tables.TICKETS_SILVER)
        names = tuple(find_records(tickets, [*command.choice.record_ids]))
        command = replace(command, choice=replace(command.choice, record_ids=names))
        found = hold(find_kept_out(read_table(spark, store, tables.DECISIONS), command.choice, command.action))
        counted = count_kept_out(found, command.requested_at)
        if left := len(set(names)) - counted.records if names else 0:
            say(f"{left:,} of the named records are not meant: not in quarantine, or not so by the filters.")
        if counted.records and not dry_run:
            if command.version:
                prepare_models(workspace)
                say(f"{command.version} votes on {counted.records:,} records")
                vote_again(open_flow(workspace, spark, None), found, command)
            request(store, found, command)
    done = "judged anew" if command.action is Action.REPLAY else "discarded"
    show_counted(counted, f"Records {'that would' if dry_run else 'to'} be {done}", as_json)
    if counted.records and not dry_run and not as_json:
        out.print("Stored. The gate carries it out: lakehouse run gate")


def chosen(record_ids: tuple[str, ...], reason: str | None, label: str | None, since: datetime | None) -> Choice:
    """Put filters together.

    Raises:
        UsageError: when there is no such reason.
    """
    if reason is not None and reason not in REASONS:
        raise UsageError(f"--reason {reason}: there is no such code. Known: {', '.join(REASONS)}.")
    day: date | None = since.date() if since else None
    return Choice(record_ids, reason, label, day)


def refuse_everything(record_ids: list[str] | None, *filters: object) -> None:
    """Refuse to touch all of quarantine by a forgotten filter.

    Raises:
        UsageError: when nothing says which records are meant.
    """
    if not record_ids and not any(filters):
        raise UsageError("Which records? Name them, or filter by --reason, --label or --since, or say --all.")


def show_counted(counted: KeptOut, title: str, as_json: bool) -> None:
    """Print how many records, by reason, label and age."""
    if as_json:
        show_json(counted.as_dict())
        return
    for name, counts in (("reason", counted.by_reason), ("label", counted.by_label), ("age", counted.by_age)):
        if counts:
            show_table(f"{title}, by {name}", (name, "records"), list(counts.items()))
    out.print(f"{title}: {counted.records:,}")


def shorten(text: object) -> str | None:
    """Cut a text to one line of a table."""
    line = " ".join(str(text).split()) if text else None
    return line if line is None or len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…"


def told(value: object) -> object:
    """Write a list as one cell."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value
