"""The figures of `tests.benchmarks.labels` as a page."""

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.several_intents import several_table

Figures = Mapping[str, Any]

STREAM = """\
`after a stream`: the student has also learnt what memory and student found likely of the other half's texts, whose
labels nobody was told; how likely a text must be was chosen with the halves the other way round,
the penalty after a look at both."""

HEAD = """# How right the voters are
Made by `make bench-labels`. 10 verified examples an intent, {seeds} seeds: mean (least to greatest).
Confidences are as the voters give them, before any calibration."""


def make_table(result: Figures) -> str:
    """Write the page."""
    banking, unknown, several = (result[name] for name in ("banking77", "clinc150", "nlupp"))
    parts = [
        HEAD.format(seeds=result["seeds"]),
        f"## banking77: 77 intents, {banking['texts a seed']:,} texts a seed",
        voters_table(banking["voters"]),
        STREAM,
        f"Right label on the memory's shortlist: {shortlists(banking['shortlist recall'])}.",
        "## Reliability on banking77: share that is right, by the voter's own confidence",
        curves_table(banking["voters"]),
        f"## clinc150: 150 intents, {unknown['known']:,} texts of these and {unknown['unknown']:,} of none",
        unknown_table(unknown),
        f"## nlupp: {several['intents']} intents, {several['texts']:,} texts, several intents a text",
        several_table(several),
    ]
    return "\n\n".join(parts)


def voters_table(voters: Figures) -> str:
    """One row a voter."""
    rows = [
        "| voter | accuracy | 95 % interval of the mean | AUROC of its confidence | ECE | at 0.8: kept | and right |",
        "|---|---|---|---|---|---|---|",
    ]
    for voter, figures in voters.items():
        low, high = figures["interval"]
        sure = figures["at 0.8"]
        rows.append(
            f"| {voter} | {ranged(figures['accuracy'])} | {low:.3f} to {high:.3f} | {ranged(figures['auroc'])} "
            f"| {figures['ece']:.3f} | {sure['kept']:.3f} | {sure['right']:.3f} |"
        )
    return "\n".join(rows)


def curves_table(voters: Figures) -> str:
    """One row a tenth of confidence: mean confidence, share right, texts of all seeds."""
    names = list(voters)
    rows = ["| confidence | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    bins = {voter: {row["from"]: row for row in figures["curve"]} for voter, figures in voters.items()}
    for start in sorted({start for curve in bins.values() for start in curve}):
        cells = [cell(bins[voter].get(start)) for voter in names]
        rows.append(f"| {start:.1f} to {start + 0.1:.1f} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def cell(row: Figures | None) -> str:
    """Say how sure and how right the texts of a bin were."""
    return f"{row['right']:.3f} at {row['confidence']:.3f} ({row['texts']:,})" if row else "none"


def unknown_table(figures: Figures) -> str:
    """The figures of `unknown`."""
    words = {
        "auroc": "AUROC of `unknown`",
        "unknown found": "texts of no intent called unknown (at the default threshold)",
        "known lost": "texts of an intent called unknown",
        "accuracy": "memory's accuracy on texts of an intent",
    }
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {words[key]} | {ranged(figures[key])} |" for key in words)],
    )


def shortlists(recalls: Figures) -> str:
    """Say the recall at each length."""
    return ", ".join(f"{ranged(found)} at {most} labels" for most, found in recalls.items())


def ranged(figures: Figures) -> str:
    """Mean (least to greatest)."""
    return f"{figures['mean']:.3f} ({figures['least']:.3f} to {figures['greatest']:.3f})"
