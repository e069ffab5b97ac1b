"""`apply redact`: what a policy takes out of a file, and how that compares with the truth."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.text_files import read_named_texts, read_true_spans, write_lines
from pipelines.cli.opening import open_scratch_spark, settings_or_defaults
from pipelines.cli.options import FileArgument, IdColumn, JsonOption, OutFile, TextColumn, WorkspaceOption
from pipelines.cli.redaction_page import render_page
from pipelines.cli.screens import counting, out, show_json, show_table
from pipelines.jobs.application import RedactionReport, redact_texts, report_redaction
from pipelines.kernels.span_scores import Score
from pipelines.kernels.statistics import clopper_pearson

HOW_SCORED = (
    "Recall: nine tenths of a true span's letters and digits are covered, by whatever type. Precision: half of a "
    "mark's are personal. Marks on what is kept by default (dates, titles, organisations) count neither way: "
    "fewer are marked here than found above."
)


def redact(
    file: FileArgument,
    out_file: OutFile,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    customer_column: Annotated[
        str | None, typer.Option("--customer-column", help="What each text's customer is called: goes from the text.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="JSONL with `id` and true `spans` (type, start, end): scores.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="HTML page to write: a sample with everything found marked.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Redact a file as the stream would: `id, text, spans` a line, spans in code points of the text as it came."""
    settings = settings_or_defaults(workspace)
    texts = read_named_texts(file, text_column, id_column, customer_column)
    true_spans = read_true_spans(truth, [one.id for one in texts]) if truth else None
    redactor = build_redactor(settings.redaction)
    with open_scratch_spark() as spark, counting("redacting", len(texts)) as count:
        began = time.monotonic()
        redacted = []
        for one in redact_texts(spark, texts, settings, redactor):
            redacted.append(one)
            count(len(redacted))
        seconds = time.monotonic() - began
    write_lines(out_file, (json.dumps(one.as_dict(), ensure_ascii=False) for one in redacted))
    if page:
        write_lines(page, [render_page(redacted, true_spans)])
    report = report_redaction(redacted, true_spans, seconds)
    show_json(report.as_dict()) if as_json else show_redaction(report, out_file, page)


def show_redaction(report: RedactionReport, out_file: Path, page: Path | None) -> None:
    """Print what was found, by type, and how that compares with the truth."""
    rows = [(kind, count, "   ".join(report.examples(kind))) for kind, count in report.by_type.most_common()]
    show_table("Found", ("type", "spans", "commonest shapes"), rows)
    if report.scores:
        scores = report.scores
        named = [*scores.by_type.items(), ("all", scores.overall)]
        headers = ("type", "true", "recall", "95 %", "marked", "precision", "95 %", "F2", "95 %")
        show_table("Against the truth", headers, [score_row(kind, score) for kind, score in named])
        out.print(HOW_SCORED)
        out.print(
            f"Texts with anything left: {scores.leaking_texts:,} of {scores.texts:,}; "
            f"letters and digits left: {scores.leaked_chars:,} of {scores.true_chars:,}."
        )
    for reason, count in report.withheld.items():
        out.print(f"Withheld, not passed on: {count:,} ({reason})")
    speed = report.texts / report.seconds if report.seconds else 0.0
    out.print(f"{report.changed:,} of {report.texts:,} texts changed; {speed:,.0f} texts/s, loading included.")
    out.print(f"Written: {out_file}" + (f" and {page}" if page else ""), markup=False)


def score_row(kind: str, score: Score) -> tuple[object, ...]:
    """One line of the comparison with the truth."""
    recall, precision = clopper_pearson(score.found, score.true), clopper_pearson(score.right, score.marked)
    return (
        kind, score.true, score.recall, interval(recall), score.marked, score.precision, interval(precision),
        score.f2, interval(score.f2_interval),
    )  # fmt: skip


def interval(bounds: tuple[float, float]) -> str:
    """Write an interval."""
    return f"{bounds[0]:.3f}-{bounds[1]:.3f}"
