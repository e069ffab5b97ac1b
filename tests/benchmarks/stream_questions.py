"""Public questions as a stream: verified examples for `intents.yml`, and the rest as files of tickets."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.intents import Intent, dump_intents
from pipelines.vocabulary import UNKNOWN_LABEL
from tests.benchmarks.labels import draw_examples, number, read

SETTINGS = ("banking77", "banking77, 27 intents unknown", "clinc150")
FIRST_PART = 0.25
"""Of the stream: what has arrived when people label for the student."""


@dataclass(frozen=True)
class Questions:
    """A file of questions: each one's text and label; labels that are no intent's mean `unknown`."""

    texts: list[str]
    labels: list[str]
    intents: list[str]


def read_questions(data: Path, name: str) -> Questions:
    """Read one setting's questions."""
    if name.startswith("banking77"):
        texts, labels = read(data / "banking77" / "train.csv", "text", "category")
        split = json.loads((data / "banking77" / "id_oos_split.json").read_text(encoding="utf-8"))
        unknown = set(split["id_oos"]) if "unknown" in name else set()
        return Questions(texts, labels, sorted(set(labels) - unknown))
    texts, labels = read(data / "clinc150" / "train.csv", "text", "intent")
    more, more_labels = read(data / "clinc150" / "val.csv", "text", "intent")
    return Questions(texts + more, labels + more_labels, sorted({*labels} - {"oos"}))


def lay_out(questions: Questions, folder: Path, limit: int, seed: int) -> list[Path]:
    """Write intents.yml and the stream's two parts; gives the parts."""
    draw = np.random.default_rng(seed)
    places = number(questions.labels, questions.intents)
    shown = draw_examples(places, draw)
    rest = draw.permutation(np.setdiff1d(np.arange(len(places)), shown))[: limit or None]
    examples: dict[str, list[str]] = {name: [] for name in questions.intents}
    for place in shown:
        examples[questions.labels[place]].append(questions.texts[place])
    dump_intents([Intent(name, "", tuple(texts)) for name, texts in examples.items()], folder / "intents.yml")
    cut = int(len(rest) * FIRST_PART)
    return [
        write_tickets(folder / f"tickets-{part}.csv", questions, rows)
        for part, rows in (("first", rest[:cut]), ("rest", rest[cut:]))
    ]


def write_tickets(file: Path, questions: Questions, rows: Sequence[int]) -> Path:
    """Write tickets with their true labels, which nobody but the oracle and the truth's figures read."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["id", "text", "truth"])
        for row in rows:
            label = questions.labels[row]
            truth = label if label in questions.intents else UNKNOWN_LABEL
            writer.writerow([f"q{row}", questions.texts[row], truth])
    return file
