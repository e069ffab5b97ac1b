"""`evaluate`: gold against a file's own labels."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.files import read_ticket_file
from pipelines.cli.demo_screens import show_evaluation
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import IdColumn, JsonOption, Source, TextColumn, WorkspaceOption
from pipelines.cli.screens import counting, show_json
from pipelines.errors import InputDataError
from pipelines.jobs.evaluation import compare, read_gold_labels
from pipelines.transforms.payloads import Ticket, name_ticket, parse_ticket
from pipelines.workspace import find_workspace


def evaluate(
    file: Annotated[Path, typer.Argument(help="The file as it was ingested; its labels were never read.")],
    label_column: Annotated[str, typer.Option("--label-column", help="Column that holds the true label.")],
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    source: Source = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare gold with the labels of an ingested file; name the same columns as for ingest.

    Texts that are verified examples in intents.yml do not count: the voters have seen them.
    """
    found = find_workspace(workspace)
    examples = {text for intent in found.intents for text in intent.examples}
    truth = read_labels(file, label_column, (text_column, id_column, source), examples)
    with counting("reading gold"), open_spark(found) as spark:
        labels = read_gold_labels(spark, open_tables(found, spark))
    evaluation = compare(labels, truth, {intent.name for intent in found.intents})
    if as_json:
        show_json(evaluation.as_dict())
    else:
        show_evaluation(evaluation)


def read_labels(
    file: Path, label_column: str, options: tuple[str | None, str | None, str | None], examples: set[str]
) -> dict[str, str]:
    """Read the true label of each record a file makes."""
    truth: dict[str, str] = {}
    for row in read_ticket_file(file, *options):
        ticket = parse_ticket(row.message.value)
        if not isinstance(ticket, Ticket) or row.message.value is None:
            continue
        label = json.loads(row.message.value).get(label_column)
        name = name_ticket(ticket)
        if label is not None and name is not None and ticket.text not in examples:
            truth[name] = str(label)
    if not truth:
        raise InputDataError(
            f"{file}: no valid row has a value in {label_column!r}. Name its label column with --label-column."
        )
    return truth
