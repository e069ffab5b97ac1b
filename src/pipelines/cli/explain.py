"""`explain`: one ticket's whole life on one screen."""

from typing import Annotated

import typer

from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.jobs.lineage import Lineage, Told, lineage
from pipelines.workspace import find_workspace

BAR_CHARS = 24
SHOWN_ID = 12


def explain(
    record_id: Annotated[str, typer.Argument(help="Record, by id or its first 8 characters or more.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell one ticket's whole life: where it came from, what was redacted, who voted, what was decided and why."""
    found = find_workspace(workspace)
    with counting("reading the tables"), open_spark(found) as spark:
        life = lineage(spark, open_tables(found, spark), record_id)
    if as_json:
        show_json(life.as_dict())
    else:
        show_life(life, found.settings.gate.min_confidence)


def show_life(life: Lineage, min_confidence: float) -> None:
    """Print a record's life for a person."""
    out.print(f"[bold]Record {life.record_id}[/]")
    show_table("What came", ("what", "value"), [*told_origin(life), *told_text(life)])
    if life.look_alikes:
        rows = [(alike["record_id"], alike["similarity"], alike["came"]) for alike in life.look_alikes]
        show_table("Look-alikes", ("record_id", "similarity", "came"), rows)
    show_votes(life.votes)
    show_decisions(life.decisions)
    if life.decisions:
        show_parts(life.decisions[-1], min_confidence)
    if life.requests:
        rows = [(one["requested_at"], one["action"], one["because"] or one["version"]) for one in life.requests]
        show_table("Asked for", ("when (UTC)", "what", "why, or with which version"), rows)
    out.print(f"Now: {life.place}{told_tasks(life.tasks)}", markup=False)


def told_origin(life: Lineage) -> list[tuple[str, object]]:
    """Say where a record came from."""
    origin = [
        (f"delivery {number}", f"topic {one['topic']}, partition {one['partition']}, offset {one['offset']}")
        for number, one in enumerate(life.deliveries, 1)
    ]
    if life.file:
        origin = [("labelled file", f"file_key {life.file['file_key']}, row {life.file['row']}")]
    written = life.ticket["created_at"] or life.ticket["received_day"]
    return [*origin, ("source", life.ticket["source"]), ("written", written)]


def told_text(life: Lineage) -> list[tuple[str, object]]:
    """Say how it reads, what was redacted, and which cluster it is in."""
    ticket, redacted = life.ticket, ", ".join(f"{kind} {count}" for kind, count in life.redactions.items())
    text = "\n".join(str(ticket[name]) for name in ("subject", "text") if ticket[name])
    told = [("text (redacted)", text or None), ("redacted", redacted or "nothing"), ("cluster", ticket["cluster_id"])]
    withheld = [("withheld from labelling", ticket["withheld"])] if ticket["withheld"] else []
    kept = [("the record kept instead", ticket["kept_record_id"])] if ticket["kept_record_id"] else []
    return [*told, *withheld, *kept]


def show_votes(votes: list[Told]) -> None:
    """Print who said what, with which probability, by which version."""
    if not votes:
        out.print("No votes yet.")
        return
    rows = [
        (
            f"{one['voter']}{' (on a copy)' if one['on_copy'] else ''}",
            one["label"],
            drawn(one["confidence"]),
            one["second_label"],
            one["tier"],
            str(one["version"]).partition("=")[2] or None,
            one["annotated_at"] or one["voted_at"],
        )
        for one in votes
    ]
    show_table("Votes", ("voter", "label", "probability", "second", "tier", "version", "when (UTC)"), rows)


def show_decisions(decisions: list[Told]) -> None:
    """Print the verdicts in their order."""
    if not decisions:
        out.print("No decision yet: lakehouse run gate")
        return
    rows = [
        (
            one["decision_no"],
            one["verdict"],
            one["reason"],
            one["label"],
            one["confidence"],
            one["place"],
            one["decided_at"],
        )
        for one in decisions
    ]
    headers = ("no", "verdict", "reason", "label", "confidence", "place", "decided (UTC)")
    show_table("Decisions", headers, rows)


def show_parts(decision: Told, min_confidence: float) -> None:
    """Draw what the newest verdict's confidence is made of."""
    parts = decision["parts"] if isinstance(decision["parts"], list) else []
    rows = [(part["label"], drawn(part["probability"])) for part in parts]
    rows += [("together", drawn(decision["confidence"])), ("gate", drawn(min_confidence))]
    show_table(f"Why {decision['confidence'] or 0:.3f} for {decision['label']}", ("part", "probability"), rows)


def drawn(probability: object) -> str | None:
    """Draw a probability as a bar with its number."""
    if not isinstance(probability, float):
        return None
    filled = round(max(0.0, min(1.0, probability)) * BAR_CHARS)
    return "█" * filled + "·" * (BAR_CHARS - filled) + f" {probability:.3f}"


def told_tasks(tasks: list[Told]) -> str:
    """Say what people are asked."""
    asked = [f"{task['task']} ({', '.join(map(str, as_list(task['labels'])))})" for task in tasks]
    return f"; people are asked: {'; '.join(asked)}" if asked else ""


def as_list(value: object) -> list[object]:
    """Take a value that should be a list as one."""
    return value if isinstance(value, list) else []
