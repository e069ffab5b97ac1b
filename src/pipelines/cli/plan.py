"""`plan`: what labelling a file, or what stands in silver, would take and give, before anything runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.spark import worker_count
from pipelines.adapters.text_files import read_named_texts
from pipelines.cli.opening import open_spark, open_tables, open_trial
from pipelines.cli.options import (
    IdColumn,
    IntentsOption,
    JsonOption,
    SlmOption,
    TextColumn,
    WorkspaceOption,
)
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.errors import InputDataError, UsageError
from pipelines.jobs.label_application import label_texts
from pipelines.jobs.planning import Plan, Sample, asked_text, expect, sample_file, sample_since
from pipelines.transforms.redaction import leave_texts
from pipelines.workspace import find_workspace


def plan(
    file: Annotated[Path | None, typer.Argument(help="CSV, JSONL or Parquet; or --since.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="Instead of a file: records of silver from this day on."),
    ] = None,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Texts that are labelled to find out.")] = 100,
    intents: IntentsOption = None,
    slm: SlmOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what labelling a file would take (calls, tokens, minutes, money) and give, with one whole prompt to read.

    With --since it is the records that were received from a day on, as if none had been voted on.
    """
    if (file is None) == (since is None):
        raise UsageError("Name a file, or a day with --since: one of them.")
    # Before any session: a wrong call must not cost a start of Spark.
    chosen_texts = sample_file(read_named_texts(file, text_column, id_column), sample) if file else None
    found = workspace if file else find_workspace(workspace).root
    with open_trial(found, intents, slm) as (chosen, trial):
        with open_spark(chosen) as spark, counting("labelling a sample", sample) as count:
            if since:
                # What stands in silver has been redacted.
                trial = replace(trial, redactor=leave_texts)
                chosen_texts = sample_since(spark, open_tables(chosen, spark), since.date(), sample)
            asked = refuse_nothing(chosen_texts)
            labelled = [*label_texts(spark, asked.texts, trial)]
            count(len(labelled))
            workers = worker_count(spark)
        text, render = asked_text(labelled), trial.voters.render
        prompt = render(text) if render and text is not None else None
    names = trial.labels.names
    expected = expect(labelled, asked.total, workers, trial.settings.endpoint)
    if as_json:
        show_json({**expected.as_dict(), "labels": [*names], "prompt": prompt})
    else:
        show_plan(expected, names, prompt)


def refuse_nothing(sample: Sample | None) -> Sample:
    """Refuse a plan of nothing.

    Raises:
        InputDataError: when there is no text.
    """
    if sample is None or not sample.texts:
        raise InputDataError("There is nothing to plan: the file has no rows, or no record is that young.")
    return sample


def show_plan(expected: Plan, names: Sequence[str], prompt: str | None) -> None:
    """Print the prompt and what to expect."""
    if prompt is not None:
        out.print("One whole prompt, redacted as the model would read it:")
        out.print(prompt, markup=False, highlight=False)
    out.print(f"Labels that can come out ({len(names)}): {', '.join(names)}, unknown", markup=False)
    share, low, high = expected.coverage
    money = "not known: tokens were not counted" if expected.money is None else f"{expected.money:,.2f}"
    told = [
        ("texts", f"{expected.texts:,}"),
        ("of these labelled for this plan", f"{expected.sampled:,}"),
        ("the model is asked about", f"{expected.calls:,} ({expected.asked / expected.sampled:.0%})"),
        ("tokens in, out", f"{shown(expected.tokens_in)}, {shown(expected.tokens_out)}"),
        ("voters' time on this machine", f"{expected.minutes:,.1f} minutes"),
        ("money", money),
        ("would reach gold", f"{share:.0%} (95 % interval {low:.0%} to {high:.0%})"),
    ]
    show_table("What to expect", ("what", "figure"), told)


def shown(tokens: int | None) -> str:
    """Write a number of tokens."""
    return "not counted" if tokens is None else f"{tokens:,}"
