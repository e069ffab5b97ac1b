"""How right the voters are, and how well they know it: memory, student and both, on real questions.

    python -m tests.benchmarks.labels ../shared/data --json labels.json --table tests/benchmarks/labels.md

banking77: of each of the 77 intents 10 texts, drawn by seed, are the verified examples; the rest is dealt into two
halves by the same seed. Every constant of the voters was chosen on first halves; the table shows the second ones.
clinc150: 10 examples of each of the 150 intents against the validation file with its out-of-scope texts: how well
`unknown` is told. nlupp: how often a second label is right, see `several_intents`. `--vectors FOLDER` keeps what was
encoded for the next time.
"""

import argparse
import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from pipelines.adapters.embedded_models import cache_folder, prepare_encoder
from pipelines.kernels.combination import pool
from pipelines.kernels.neighbours import Memory, build_memory, compare_many, known_probability, shortlist_recall
from pipelines.kernels.statistics import clopper_pearson
from pipelines.kernels.student import Likely, Student, fit_student, predict
from pipelines.labelling_settings import LabellingSettings
from tests.benchmarks.several_intents import judge_several

PER_LABEL = 10
BINS = 10
WEIGHTS = (0.5, 0.5)

Encode = Callable[[Sequence[str]], np.ndarray]
Votes = dict[str, np.ndarray]
"""Probabilities a voter gives to each label, shape (texts, labels)."""


@dataclass(frozen=True)
class Questions:
    """Labelled texts as vectors; -1 is no known label's."""

    vectors: np.ndarray
    labels: np.ndarray


class Vectors:
    """Encodes each text once; with a folder, once for all runs."""

    def __init__(self, folder: Path | None) -> None:
        self.file = folder / "vectors.npz" if folder else None
        self.known: dict[str, np.ndarray] = {}
        if self.file and self.file.exists():
            kept = np.load(self.file)
            self.known = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Give unit vectors, shape (texts, dimensions)."""
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.known}
        if new:
            self.known.update(zip(new, load_encoder()(list(new.values())).astype(np.float32), strict=True))
            if self.file:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(self.file, keys=np.array(list(self.known)), vectors=np.stack(list(self.known.values())))
        return np.stack([self.known[key] for key in keys])


def load_encoder() -> Encode:
    """Load the embedded encoder straight from its files."""
    from transformers import AutoModel, AutoTokenizer

    from pipelines.adapters.encoder import build_encoder
    from pipelines.adapters.hardware import choose_place

    folder = prepare_encoder(cache_folder())
    network = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return build_encoder(tokenizer, network.float().eval(), choose_place("auto")).encode


def read(path: Path, text: str, label: str) -> tuple[list[str], list[str]]:
    """Read texts and labels of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row[text] for row in rows], [row[label] for row in rows]


def number(labels: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Places of labels among the names; -1 for what is none of them."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(label, -1) for label in labels])


def draw_examples(labels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Choose so many texts of each label, label by label."""
    return np.concatenate(
        [draw.permutation(np.flatnonzero(labels == label))[:PER_LABEL] for label in range(labels.max() + 1)]
    )


def judge_banking(data: Path, encode: Encode, seeds: int) -> dict[str, object]:
    """Let each voter label the second halves; gives the figures of `measure` for each, and the shortlist's recall."""
    texts, labels = read(data / "train.csv", "text", "category")
    names = sorted(set(labels))
    all_texts = Questions(encode(texts), number(labels, names))
    name_vectors = encode([name.replace("_", " ") for name in names])
    answers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    recalls: dict[int, list[float]] = {6: [], 20: []}
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        shown = draw_examples(all_texts.labels, draw)
        rest = draw.permutation(np.setdiff1d(np.arange(len(texts)), shown))
        asked = rest[len(rest) // 2 :]
        votes = vote(all_texts, shown, asked, rest[: len(rest) // 2], name_vectors)
        truth = all_texts.labels[asked]
        for voter, shares in votes.items():
            answers.setdefault(voter, []).append((shares.max(axis=1), shares.argmax(axis=1) == truth))
        for most, found in recalls.items():
            found.append(shortlist_recall(votes["memory"], truth, most))
    return {
        "voters": {voter: measure(rounds) for voter, rounds in answers.items()},
        "shortlist recall": {most: spread(found) for most, found in recalls.items()},
        "texts a seed": len(asked),
    }


def vote(all_texts: Questions, shown: np.ndarray, asked: np.ndarray, stream: np.ndarray, names: np.ndarray) -> Votes:
    """Ask the voters, each given the same verified examples.

    `... after a stream`: the student has also learnt, as `lakehouse train` lets it, from what memory and student found
    likely of other texts, whose labels nobody has told.
    """
    examples, owners, unseen = all_texts.vectors[shown], all_texts.labels[shown], all_texts.vectors[asked]
    settings = LabellingSettings()
    memory = build_memory(examples, owners, names)
    student = fit_student(examples, owners, names)
    if student is None:
        raise RuntimeError("There are enough examples for a student, but there is none.")
    votes = {
        "memory": compare_many(unseen, memory, settings.neighbours, settings.temperature).shares,
        "student": predict(unseen, student),
    }
    votes |= {"combined": pool([votes["memory"], votes["student"]], WEIGHTS)}
    likely = find_likely(all_texts.vectors[stream], memory, student, settings)
    taught = fit_student(examples, owners, names, (student.strength,), likely)
    if taught is None:
        raise RuntimeError("There are enough examples for a student, but there is none.")
    after = predict(unseen, taught)
    return votes | {
        "student after a stream": after,
        "combined after a stream": pool([votes["memory"], after], WEIGHTS),
    }


def find_likely(vectors: np.ndarray, memory: Memory, student: Student, settings: LabellingSettings) -> Likely:
    """Let memory and student label a stream as they vote in it, and keep what they find likely on average."""
    opinions = compare_many(vectors, memory, settings.neighbours, settings.temperature)
    middle, softness = settings.unknown_similarity, settings.unknown_softness
    known = np.array([known_probability(float(near), middle, softness) for near in opinions.familiarity])
    mean = (opinions.shares + predict(vectors, student)) / 2 * known[:, None]
    kept = mean.max(axis=1) >= settings.student_likely_from
    return vectors[kept], mean[kept].argmax(axis=1)


def measure(rounds: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, object]:
    """Figures of one voter over all seeds: each round is the confidences, and whether they were right."""
    confidences = np.concatenate([confidence for confidence, _ in rounds])
    right = np.concatenate([hit for _, hit in rounds])
    accuracy = spread([float(hit.mean()) for _, hit in rounds])
    texts = len(rounds[0][0])
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    curve = [
        {
            "from": place / BINS,
            "texts": int(mine.sum()),
            "confidence": float(confidences[mine].mean()),
            "right": float(right[mine].mean()),
        }
        for place in range(BINS)
        if (mine := bins == place).any()
    ]
    sure = confidences >= 0.8
    return {
        "accuracy": accuracy,
        # The seeds ask overlapping texts: together they tell no more than the texts of one.
        "interval": clopper_pearson(round(accuracy["mean"] * texts), texts),
        "auroc": spread([auroc(confidence, hit) for confidence, hit in rounds]),
        "ece": sum(row["texts"] * abs(row["confidence"] - row["right"]) for row in curve) / len(right),
        "at 0.8": {"kept": float(sure.mean()), "right": float(right[sure].mean())},
        "curve": curve,
    }


def judge_unknown(data: Path, encode: Encode, seeds: int) -> dict[str, object]:
    """Tell the texts of no known intent from the others by how near the nearest label is."""
    texts, labels = read(data / "train.csv", "text", "intent")
    names = sorted(set(labels) - {"oos"})
    places = number(labels, names)
    asked, asked_labels = read(data / "val.csv", "text", "intent")
    truth = number(asked_labels, names)
    unseen, name_vectors = encode(asked), encode([name.replace("_", " ") for name in names])
    settings, known = LabellingSettings(), truth >= 0
    figures: dict[str, list[float]] = {key: [] for key in ("auroc", "accuracy", "unknown found", "known lost")}
    for seed in range(seeds):
        shown = draw_examples(places, np.random.default_rng(seed))
        memory = build_memory(encode([texts[place] for place in shown]), places[shown], name_vectors)
        opinions = compare_many(unseen, memory, settings.neighbours, settings.temperature)
        sure = np.array(
            [
                known_probability(near, settings.unknown_similarity, settings.unknown_softness)
                for near in opinions.familiarity
            ]
        )
        figures["auroc"].append(auroc(opinions.familiarity, known))
        figures["accuracy"].append(float((opinions.shares.argmax(axis=1) == truth)[known].mean()))
        figures["unknown found"].append(float((sure[~known] < 0.5).mean()))
        figures["known lost"].append(float((sure[known] < 0.5).mean()))
    return {"known": int(known.sum()), "unknown": int((~known).sum())} | {
        key: spread(values) for key, values in figures.items()
    }


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """How often a positive one scores higher than a negative one (Mann and Whitney); equal scores count half."""
    ranks = rankdata(scores)
    many = positive.sum()
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * (len(scores) - many)))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, least and greatest."""
    return {"mean": float(np.mean(values)), "least": min(values), "greatest": max(values)}


def main() -> int:
    """Measure, print the table, write both files."""
    from tests.benchmarks.label_table import make_table

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds banking77, clinc150 and nlupp")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--vectors", type=Path, help="folder that keeps the vectors")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    files = {"banking77": "train.csv", "clinc150": "train.csv", "nlupp": "train.jsonl"}
    missing = [name for name, file in files.items() if not (options.data / name / file).exists()]
    if missing:
        print(f"Skipped: {' and '.join(missing)} not found in {options.data}")
        return 0
    encode = Vectors(options.vectors)
    result = {
        "seeds": options.seeds,
        "banking77": judge_banking(options.data / "banking77", encode, options.seeds),
        "clinc150": judge_unknown(options.data / "clinc150", encode, options.seeds),
        "nlupp": judge_several(options.data / "nlupp" / "train.jsonl", encode, options.seeds),
    }
    table = make_table(result)
    print(table)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.table:
        options.table.write_text(table + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
