"""Tickets with several intents: how often the second label that gold keeps is one of them, by its threshold.

nlupp: real messages to a bank and a hotel, each with a set of intents. 10 texts of each intent are its examples (a text
may be one of several intents); of the others the first label is the likeliest by the mean of memory and student, as at
the gate, the second the next likely one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.kernels.neighbours import build_memory, compare_many
from pipelines.kernels.student import fit_student, predict
from pipelines.labelling_settings import LabellingSettings

PER_LABEL = 10
LEAST_TEXTS = 20
"""An intent with fewer texts would have hardly any left to be asked about."""
THRESHOLDS = (0.03, 0.05, 0.1, 0.15, 0.2, 0.3)

Encode = Callable[[Sequence[str]], np.ndarray]
Figures = dict[str, Any]


def read_messages(path: Path) -> tuple[list[str], np.ndarray, list[str]]:
    """Read the texts that have intents, which they have, shape (texts, intents), and what these are called."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    told = [(str(row["text"]), set(row["intents"])) for row in rows if row["intents"]]
    named = sorted({name for _, names in told for name in names})
    known = [name for name in named if sum(name in names for _, names in told) >= LEAST_TEXTS]
    kept = [(text, names) for text, names in told if names <= set(known)]
    truth = np.array([[name in names for name in known] for _, names in kept])
    return [text for text, _ in kept], truth, known


def judge_several(path: Path, encode: Encode, seeds: int) -> Figures:
    """Measure the second label at each threshold; means over the seeds."""
    texts, truth, names = read_messages(path)
    vectors, named = encode(texts), encode([name.replace("_", " ") for name in names])
    rounds = [judge_once(vectors, truth, named, np.random.default_rng(seed)) for seed in range(seeds)]
    rows = [
        {key: float(np.nanmean([one[place][key] for one in rounds])) for key in rounds[0][place]}
        for place in range(len(THRESHOLDS))
    ]
    return {"texts": len(texts), "intents": len(names), "several": float((truth.sum(axis=1) > 1).mean()), "rows": rows}


def judge_once(vectors: np.ndarray, truth: np.ndarray, names: np.ndarray, draw: np.random.Generator) -> list[Figures]:
    """Draw examples, ask about the rest, and count at each threshold."""
    drawn = [draw.permutation(np.flatnonzero(truth[:, label]))[:PER_LABEL] for label in range(truth.shape[1])]
    shown, owners = np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(one) for one in drawn])
    asked = np.setdiff1d(np.arange(len(truth)), shown)
    settings, student = LabellingSettings(), fit_student(vectors[shown], owners, names)
    if student is None:
        raise RuntimeError("There are enough examples for a student, but there is none.")
    memory = build_memory(vectors[shown], owners, names)
    told = compare_many(vectors[asked], memory, settings.neighbours, settings.temperature).shares
    shares = (told + predict(vectors[asked], student)) / 2
    return [count(shares, truth[asked], least) for least in THRESHOLDS]


def count(shares: np.ndarray, truth: np.ndarray, least: float) -> Figures:
    """Count flags at one threshold, among all texts and among those whose first label would reach gold."""
    order, rows = np.argsort(-shares, axis=1), np.arange(len(shares))
    first, second = order[:, 0], order[:, 1]
    flagged, several = shares[rows, second] >= least, truth.sum(axis=1) > 1
    is_right = truth[rows, second] & truth[rows, first]
    figures: Figures = {"from": least}
    for name, among in (("all", np.ones(len(shares), dtype=bool)), ("gold", shares[rows, first] >= 0.8)):
        figures |= {
            f"{name}: texts": int(among.sum()),
            f"{name}: first right": share(truth[rows, first], among),
            f"{name}: flagged": share(flagged, among),
            f"{name}: both right": share(is_right, among & flagged),
            f"{name}: several found": share(flagged, among & several),
            f"{name}: single flagged": share(flagged, among & ~several),
        }
    return figures


def share(what: np.ndarray, among: np.ndarray) -> float:
    """Share of those among which it is looked for; not a number where there are none."""
    return float(what[among].mean()) if among.any() else float("nan")


def several_table(figures: Mapping[str, Any]) -> str:
    """Write the figures as a table: one row a threshold."""
    parts = ("flagged", "both right", "several found", "single flagged")
    heads = [f"{name}: {part}" for name in ("all", "gold") for part in parts]
    lines = ["| second label from | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    lines += [
        f"| {row['from']:.2f} | " + " | ".join(f"{row[head]:.3f}" for head in heads) + " |" for row in figures["rows"]
    ]
    first = figures["rows"][0]
    told = (
        f"First label right: {first['all: first right']:.3f} of all {first['all: texts']:,.0f} asked, "
        f"{first['gold: first right']:.3f} of the {first['gold: texts']:,.0f} whose first label reaches 0.8. `several` "
        f"have more than one intent ({figures['several']:.0%}), `single` one; `both right` is of the flagged."
    )
    return "\n".join(lines) + "\n\n" + told
