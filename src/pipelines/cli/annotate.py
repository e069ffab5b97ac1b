"""`annotate`: what people are asked to label, and what they answered."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.annotation_files import refuse_ending, write_questions
from pipelines.adapters.row_files import open_row_file
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.errors import InputDataError
from pipelines.jobs.annotating import Imported, import_votes, judge_row
from pipelines.jobs.sampling import sample
from pipelines.workspace import find_workspace

annotate = typer.Typer(name="annotate", no_args_is_help=True)


@annotate.callback()
def group() -> None:
    """What people are asked to label, and what they answered."""


@annotate.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV or JSONL: record_id or text, label, annotator_id.")],
    annotator: Annotated[
        str | None, typer.Option("--annotator", help="Who labelled, where the file has no annotator_id.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take people's labels from a file; they become votes at the next run.

    Optional columns: time (ISO-8601), confidence (0 to 1; without it 1). Of one annotator's votes on a text the newest
    counts: by time, then by arrival. Rows that are no votes are told by line and reason, the rest goes in; the same
    file again adds nothing.
    """
    found = find_workspace(workspace)
    rows, labels = open_row_file(file), found.label_set
    if "label" not in rows.columns:
        raise InputDataError(
            f"{file} has no column 'label'; it has: {', '.join(rows.columns)}. Expected: record_id or text, label, "
            "annotator_id; time and confidence if you like."
        )
    judged = [judge_row(row, labels, annotator) for row in rows.rows()]
    with open_spark(found) as spark:
        done = import_votes(spark, open_tables(found, spark), found.uri(found.settings.storage.landing_uri), judged)
    if as_json:
        show_json(done.as_dict())
    else:
        show_imported(done)
    if done.refused and not done.votes + done.repeated:
        raise InputDataError(f"{file}: no row is a vote; see the reasons above. Known labels stand in intents.yml.")


@annotate.command("sample")
def sample_texts(
    budget: Annotated[int, typer.Option("--budget", min=1, max=100_000, help="How many texts.")],
    out_file: Annotated[Path, typer.Option("--out", help="CSV or JSONL to write (by its ending).")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the next texts worth a person's label; without new answers the same ones again. Redacted text only.

    First checks of gold, then further votes where a person contradicted models, then a random sample for calibration,
    then what would teach most. Fill in `label` and `annotator_id`, and give the file to `annotate import`.
    """
    refuse_ending(out_file)
    found = find_workspace(workspace)
    settings = found.settings
    with counting("choosing"), open_spark(found) as spark:
        asked = sample(spark, open_tables(found, spark), settings.gate, settings.annotation, budget)
    write_questions(out_file, asked)
    counted = Counter(str(one.purpose) for one in asked)
    if as_json:
        show_json({"file": str(out_file), "texts": len(asked), "by_purpose": dict(counted)})
        return
    show_table("Texts to label", ("purpose", "texts"), list(counted.items()))
    done = f"{len(asked):,} texts in {out_file}. Filled in, it goes to: lakehouse annotate import {out_file}"
    out.print(done, markup=False, soft_wrap=True)


def show_imported(done: Imported) -> None:
    """Say what became of the rows; never what stands in them."""
    if done.refused:
        rows = [(str(one.line), str(one.reason), one.column or None) for one in done.refused]
        show_table("Rows that are no votes", ("line", "reason", "column"), rows)
    out.print(
        f"{done.votes:,} votes taken, {done.repeated:,} were there already, {done.unfilled:,} rows have no label yet, "
        f"{len(done.refused):,} refused."
    )
    if done.votes:
        out.print("They count after: lakehouse run all")
