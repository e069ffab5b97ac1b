"""`apply cluster`: the near-duplicates of a file, and what another threshold would make of them."""

import json
import time
from dataclasses import asdict, replace
from typing import Annotated

import pandas as pd
import typer

from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.text_files import read_named_texts, write_lines
from pipelines.cli.opening import settings_or_defaults
from pipelines.cli.options import FileArgument, IdColumn, JsonOption, OutFile, TextColumn, WorkspaceOption
from pipelines.cli.screens import out, say, show_json, show_table
from pipelines.errors import MissingDependencyError, SettingsError
from pipelines.jobs.clustering import ClusterReport, cluster_frame
from pipelines.settings import Settings
from pipelines.transforms.redaction import READ

EXAMPLE_CHARS = 160

ALONE: dict[str, object] = {"id": "", "cluster_id": "", "duplicate_of": None, "similarity": None}


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
    try:
        redactor = build_redactor(settings.redaction)
    except (MissingDependencyError, SettingsError) as error:
        say(f"No examples: {error}")
        return [None] * len(texts)
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
    rows = [(one.cluster_id, one.texts, one.distinct, text) for one, text in named]
    show_table("Biggest clusters", ("cluster_id", "texts", "different", "earliest member, redacted"), rows)
    effects = [(f"{one.threshold:g}", one.pairs, one.clusters, one.clustered, one.biggest) for one in report.effects]
    headers = ("threshold", "pairs", "clusters", "texts in clusters", "biggest")
    show_table("What another threshold would do", headers, effects)
    if report.capped_buckets:
        out.print(
            f"Capped: {report.capped_texts:,} different texts stood in {report.capped_buckets:,} buckets too big to "
            "compare each with each other; among them links may be missing (clusters.max_bucket raises the limit)."
        )
