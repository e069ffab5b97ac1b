"""`apply label`: what the voters say of a file, and what the gate would make of it."""

import json
import time
from pathlib import Path

from pipelines.adapters.text_files import read_named_texts, write_lines
from pipelines.cli.opening import open_spark, open_trial
from pipelines.cli.options import (
    FileArgument,
    IdColumn,
    IntentsOption,
    JsonOption,
    OutFile,
    SlmOption,
    TextColumn,
    WorkspaceOption,
)
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.jobs.label_application import LabelReport, label_texts, report_labels

MOST_LABELS = 20


def label(
    file: FileArgument,
    out_file: OutFile,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    intents: IntentsOption = None,
    slm: SlmOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label a file as the stream would: `id, label, confidence, votes, verdict, reason` a line; nothing is stored."""
    texts = read_named_texts(file, text_column, id_column)
    with (
        open_trial(workspace, intents, slm) as (chosen, trial),
        open_spark(chosen) as spark,
        counting("labelling", len(texts)) as count,
    ):
        began = time.monotonic()
        labelled = []
        for one in label_texts(spark, texts, trial):
            labelled.append(one)
            count(len(labelled))
        seconds = time.monotonic() - began
    write_lines(out_file, (json.dumps(one.as_dict(), ensure_ascii=False) for one in labelled))
    report = report_labels(labelled, seconds)
    show_json(report.as_dict()) if as_json else show_labels(report, out_file)


def show_labels(report: LabelReport, out_file: Path) -> None:
    """Print the labels, who voted, and what would reach gold."""
    show_table("Labels", ("label", "texts"), report.by_label.most_common(MOST_LABELS))
    show_table("Votes", ("voter", "votes"), report.by_voter.most_common())
    show_table("Would not reach gold", ("reason", "texts"), report.by_reason.most_common())
    speed = report.texts / report.seconds if report.seconds else 0.0
    out.print(
        f"{report.accepted:,} of {report.texts:,} texts would reach gold; {speed:,.0f} texts/s, loading included."
    )
    out.print(f"Written: {out_file}", markup=False)
