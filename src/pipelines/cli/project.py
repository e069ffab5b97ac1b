"""`init` and `ingest`: a user's own workspace, and their own files into its topic."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.files import count_rows, file_digest, read_labelled_examples, read_ticket_file
from pipelines.adapters.kafka import OutgoingMessage, produce
from pipelines.cli.opening import open_broker
from pipelines.cli.options import IdColumn, JsonOption, Source, TextColumn, WorkspaceOption
from pipelines.cli.screens import counting, out, say, show_json, show_next, show_table
from pipelines.errors import UsageError
from pipelines.intents import MAX_EXAMPLES, Intent, load_intents
from pipelines.settings_base import fingerprint
from pipelines.workspace import Workspace, find_workspace, init_workspace

SHOWN_PROBLEMS = 10
INGESTED = "ingested.jsonl"


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new workspace.")],
    intents: Annotated[Path | None, typer.Option("--intents", help="intents.yml: name, description, examples.")] = None,
    from_labelled: Annotated[
        Path | None, typer.Option("--from-labelled", help="CSV, JSONL or Parquet file of labelled texts.")
    ] = None,
    text_column: TextColumn = None,
    label_column: Annotated[
        str | None,
        typer.Option("--label-column", help="Column that holds the label; default: label, intent, category."),
    ] = None,
    examples: Annotated[
        int, typer.Option("--examples", min=0, max=MAX_EXAMPLES, help="Examples taken per intent.")
    ] = 5,
    place: Annotated[str, typer.Option("--place", help="local, or databricks for conf/databricks.yml.")] = "local",
) -> None:
    """Make a workspace: intents.yml, settings overlay, secret key."""
    if (intents is None) == (from_labelled is None):
        raise UsageError("Say where the intents come from: --intents FILE, or --from-labelled FILE (one of the two).")
    if intents is not None:
        chosen = load_intents(intents)
    else:
        chosen = read_labelled_examples(labelled_path(from_labelled), text_column, label_column, examples)
    workspace = init_workspace(folder, chosen, place)
    show_workspace(workspace, chosen)


def labelled_path(path: Path | None) -> Path:
    """The labelled file, which the caller has made sure is named."""
    if path is None or not path.is_file():
        raise UsageError(f"{path} is not a file. Name a CSV, JSONL or Parquet file of labelled texts.")
    return path


def show_workspace(workspace: Workspace, intents: list[Intent]) -> None:
    """Say what stands in a new workspace and what comes next."""
    shown = sum(len(intent.examples) for intent in intents)
    out.print(f"Workspace {workspace.root}: {len(intents)} intents, {shown} verified examples.")
    if shown == 0:
        out.print(
            "No examples yet: names and descriptions stand in for them. Add up to 5 texts per intent to intents.yml."
        )
    out.print("intents.yml      the labels; edit freely")
    out.print("lakehouse.yml    settings; any key of conf/base.yml may be changed there")
    out.print(
        "pseudonym.key    secret; without it pseudonyms of old and new rows do not match. Keep it, share it with nobody"
    )
    show_next("ingest FILE --text-column C", workspace.root)


def ingest(
    files: Annotated[list[Path], typer.Argument(help="CSV, JSONL or Parquet files of tickets.")],
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    source: Source = None,
    workspace: WorkspaceOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send a file that was sent before; adds re-deliveries only.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send files to the tickets topic, row by row; a broken row is reported with its line and goes in as it is."""
    found = find_workspace(workspace)
    # Before the broker starts: a wrong path or column is said at once, and no file is half sent because of a later one.
    for path in files:
        next(read_ticket_file(path, text_column, id_column, source), None)
    options = (text_column, id_column, source)
    with open_broker(found) as servers:
        reports = [ingest_file(found, servers, path, options, again) for path in files]
    if as_json:
        show_json(reports)
        return
    rows = [tuple(report[key] for key in ("file", "rows", "sent", "broken", "note")) for report in reports]
    show_table("Sent to the topic", ("file", "rows", "messages", "broken rows", "note"), rows)
    show_next("run all", found.root)


def ingest_file(
    workspace: Workspace,
    servers: str,
    path: Path,
    options: tuple[str | None, str | None, str | None],
    again: bool,
) -> dict[str, object]:
    """Send one file, unless the same file was sent whole before with the same options."""
    name = fingerprint("ingest", file_digest(path), options, workspace.settings.kafka.topic)
    if name in sent_before(workspace) and not again:
        return {
            "file": str(path),
            "rows": 0,
            "sent": 0,
            "broken": 0,
            "note": "sent before: nothing added (--again sends it)",
        }
    problems: list[str] = []

    def messages() -> Iterator[OutgoingMessage]:
        for row in read_ticket_file(path, *options):
            if row.problem:
                problems.append(f"{path.name}, line {row.line}: {row.problem}; goes in as it is")
            yield row.message

    with counting(f"sending {path.name}", count_rows(path)) as count:
        produced = produce(workspace.settings.kafka, servers, workspace.root, messages(), count)
    for problem in problems[:SHOWN_PROBLEMS]:
        say(problem)
    if len(problems) > SHOWN_PROBLEMS:
        say(f"... and {len(problems) - SHOWN_PROBLEMS} more broken rows")
    remember(workspace, name, path, produced.acknowledged)
    sent = produced.acknowledged
    return {"file": str(path), "rows": sent, "sent": sent, "broken": len(problems), "note": ""}


def sent_before(workspace: Workspace) -> set[str]:
    """Fingerprints of what was sent whole from this workspace."""
    path = workspace.root / INGESTED
    if not path.exists():
        return set()
    return {str(json.loads(line)["name"]) for line in path.read_text(encoding="utf-8").splitlines() if line}


def remember(workspace: Workspace, name: str, path: Path, messages: int) -> None:
    """Note that a file was sent whole."""
    entry = {
        "name": name,
        "file": path.name,
        "messages": messages,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with (workspace.root / INGESTED).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
