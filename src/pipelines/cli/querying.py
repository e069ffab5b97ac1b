"""`sql`: one query over tables and views, for a person or a program."""

import csv
import json
import os
from collections import Counter
from enum import StrEnum
from typing import Annotated

import typer

from pipelines.adapters.queries import Answer, Value, run_query
from pipelines.adapters.views import register_views
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import out, say, show_json, show_table
from pipelines.errors import UsageError
from pipelines.workspace import find_workspace


class Form(StrEnum):
    """How rows are printed."""

    PRETTY = "pretty"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[
        str, typer.Argument(help='One SELECT, e.g. "select label, count(*) from gold.training_examples group by 1".')
    ],
    workspace: WorkspaceOption = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="How to print rows; default: pretty on a terminal, csv elsewhere.")
    ] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="How many rows at most.")] = 1_000,
    as_json: JsonOption = False,
) -> None:
    """Run one query over the tables and views (docs/contracts.md); docs/questions.md has ten to begin with."""
    chosen = choose_form(form, as_json)
    found = find_workspace(workspace)
    with open_spark(found) as spark:
        register_views(spark, open_tables(found, spark))
        answer = run_query(spark, query, most)
    show_answer(answer, chosen)
    if answer.is_cut:
        say(f"There are more rows than these {most:,}: ask for them with --limit, or for less with LIMIT or WHERE.")


def choose_form(form: Form | None, as_json: bool) -> Form:
    """Take what was asked for; --json is short for --format json.

    Raises:
        UsageError: when both were given and differ.
    """
    if as_json and form not in (None, Form.JSON):
        raise UsageError(f"--json and --format {form} were given together: expected one of them.")
    default = Form.PRETTY if os.isatty(1) else Form.CSV
    return Form.JSON if as_json else form or default


def show_answer(answer: Answer, form: Form) -> None:
    """Print rows.

    Raises:
        UsageError: when two columns have one name, and rows are JSON objects.
    """
    if form is Form.PRETTY:
        shown = [[flat(value) for value in row] for row in answer.rows]
        show_table(f"{len(shown):,} rows", answer.columns, shown)
        return
    if form is Form.CSV:
        writer = csv.writer(out.file, lineterminator="\n")
        writer.writerow(answer.columns)
        for row in answer.rows:
            writer.writerow([str(value).lower() if isinstance(value, bool) else flat(value) for value in row])
        return
    twice = [name for name, count in Counter(answer.columns).items() if count > 1]
    if twice:
        raise UsageError(f"Several columns are called {', '.join(twice)}: give each a name of its own with AS.")
    show_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])


def flat(value: Value) -> Value:
    """Write what is nested as JSON, for rows of plain cells."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
