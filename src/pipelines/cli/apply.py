"""`apply`: the stream's own transforms on a file, before anything runs."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.storage import open_folder, publish, store
from pipelines.adapters.text_files import read_named_texts, read_true_spans
from pipelines.cli.opening import open_scratch_spark, settings_or_defaults
from pipelines.cli.options import IdColumn, JsonOption, TextColumn, WorkspaceOption
from pipelines.cli.redaction_page import render_page
from pipelines.cli.screens import counting, out, say, show_json, show_table
from pipelines.errors import MissingDependencyError, SettingsError
from pipelines.jobs.application import RedactionReport, redact_texts, report_redaction
from pipelines.jobs.clustering import ClusterReport, cluster_frame
from pipelines.kernels.span_scores import Score
from pipelines.kernels.statistics import clopper_pearson
from pipelines.settings import Settings
from pipelines.transforms.redaction import READ

apply = typer.Typer(name="apply", help="Try redaction or clustering on a file of your own.", no_args_is_help=True)

EXAMPLE_CHARS = 160

ALONE: dict[str, object] = {"id": "", "cluster_id": "", "duplicate_of": None, "similarity": None}

FileArgument = Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")]
OutFile = Annotated[Path, typer.Option("--out", help="JSONL to write, one line a text, in the file's order.")]


@apply.command()
def redact(
    file: FileArgument,
    out_file: OutFile,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
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
    texts = read_named_texts(file, text_column, id_column)
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


@apply.command()
def cluster(
    file: FileArgument,
    out_file: OutFile,
    text_column: TextColumn = None,
    id_column: IdColumn = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Jaccard similarity of near-duplicates, 0 to 1.")
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cluster the near-duplicates of a file: `id, cluster_id, duplicate_of, similarity` a line.

    The texts are compared as they are; to cluster redacted ones, as the stream does, name the output of `apply redact`.
    """
    settings = settings_or_defaults(workspace)
    chosen = settings.clusters if threshold is None else replace(settings.clusters, similarity_threshold=threshold)
    rows = read_named_texts(file, text_column, id_column)
    texts = [one for one in rows if one.text.strip()]
    began = time.monotonic()
    frame = pd.DataFrame({"id": [one.id for one in texts], "text": [one.text for one in texts]})
    clustered, report = cluster_frame(frame, chosen)
    seconds = time.monotonic() - began
    found = iter(clustered.to_dict(orient="records"))
    # Rows without text resemble each other in nothing: each stands alone.
    lines = (next(found) if one.text.strip() else ALONE | {"id": one.id, "cluster_id": one.id} for one in rows)
    write_lines(out_file, (json.dumps(line, ensure_ascii=False) for line in lines))
    examples = redact_examples([texts[one.row].text for one in report.biggest], settings)
    if as_json:
        biggest = [asdict(one) | {"example": text} for one, text in zip(report.biggest, examples, strict=True)]
        without = len(rows) - len(texts)
        show_json({**report.as_dict(), "biggest": biggest, "without_text": without, "seconds": seconds})
    else:
        show_clusters(report, examples)
        if len(rows) > len(texts):
            out.print(f"{len(rows) - len(texts):,} rows without text stand alone.")
        out.print(f"{report.texts:,} texts in {seconds:,.1f} s. Written: {out_file}", markup=False)


def redact_examples(texts: list[str], settings: Settings) -> list[str | None]:
    """Redact a few texts in this process, cut to one line; None where that is not possible."""
    if not texts:
        return []
    nothing = [None] * len(texts)
    try:
        redactor = build_redactor(settings.redaction)
    except (MissingDependencyError, SettingsError) as error:
        say(f"No examples: {error}")
        return [*nothing]
    cut = [text[: 4 * EXAMPLE_CHARS] for text in texts]
    frame = pd.DataFrame({"raw_text": cut}, columns=READ, dtype=object)
    redacted = [text for part in redactor([frame]) for text in part["text"]]
    return [" ".join(text.split())[:EXAMPLE_CHARS] if isinstance(text, str) else None for text in redacted]


def show_clusters(report: ClusterReport, examples: list[str | None]) -> None:
    """Print the sizes, the biggest clusters, and what other thresholds would do."""
    out.print(
        f"{report.texts:,} texts, {report.distinct:,} different; at {report.threshold:g} {report.clusters:,} clusters "
        f"hold {report.texts - report.alone:,} of them, {report.alone:,} stand alone."
    )
    show_table("Clusters by size", ("texts", "clusters"), [(size, count) for size, count in report.sizes.items()])
    named = zip(report.biggest, examples, strict=True)
    rows = [(one.cluster_id, one.texts, one.distinct, "(no text)" if text == "" else text) for one, text in named]
    show_table("Biggest clusters", ("cluster_id", "texts", "different", "earliest member, redacted"), rows)
    effects = [(f"{one.threshold:g}", one.pairs, one.clusters, one.clustered, one.biggest) for one in report.effects]
    headers = ("threshold", "pairs", "clusters", "texts in clusters", "biggest")
    show_table("What another threshold would do", headers, effects)
    if report.capped_buckets:
        out.print(
            f"Capped: {report.capped_texts:,} different texts stood in {report.capped_buckets:,} buckets too big to "
            "compare each with each other; among them links may be missing (clusters.max_bucket raises the limit)."
        )


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a file aside, read it back, and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = open_folder(str(path.parent))
    store(folder, path.name, lines)
    publish(folder, [path.name])


def show_redaction(report: RedactionReport, out_file: Path, page: Path | None) -> None:
    """Print what was found, by type, and how that compares with the truth."""
    rows = [(kind, count, "   ".join(report.examples(kind))) for kind, count in report.by_type.most_common()]
    show_table("Found", ("type", "spans", "commonest shapes"), rows)
    if report.scores:
        scores = report.scores
        named = [*scores.by_type.items(), ("all", scores.overall)]
        headers = ("type", "true", "recall", "95 %", "marked", "precision", "95 %", "F2", "95 %")
        show_table("Against the truth", headers, [score_row(kind, score) for kind, score in named])
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
