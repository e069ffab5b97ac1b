"""Confidence from agreement on real crowds: majority and Dawid-Skene against gold labels (part of `gate_public`)."""

import csv
from pathlib import Path

import numpy as np

from pipelines.kernels.reliability import measure_reliability
from pipelines.kernels.statistics import clopper_pearson, coincidence_counts, krippendorff_alpha, rating_counts
from pipelines.kernels.truth import dawid_skene, majority_vote

GATE = 0.8
Crowd = tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int], np.ndarray]
"""Units, annotators and labels of the votes, by number; how many there are; gold label of each unit."""


def read_crowd(folder: Path) -> Crowd:
    """Read a set's answers and gold labels."""
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    with (folder / "gold.csv").open(encoding="utf-8", newline="") as file:
        gold = {row["task"]: row["gold"] for row in csv.DictReader(file)}
    tasks, workers = (sorted({row[column] for row in answers}) for column in ("task", "worker"))
    labels = sorted({row["label"] for row in answers} | set(gold.values()))
    columns = [
        np.searchsorted(names, [row[column] for row in answers])
        for names, column in ((tasks, "task"), (workers, "worker"), (labels, "label"))
    ]
    truth = np.searchsorted(labels, [gold[task] for task in tasks])
    return columns[0], columns[1], columns[2], (len(tasks), len(workers), len(labels)), truth


def judge_crowds(folder: Path) -> dict[str, object]:
    """Figures of every set."""
    return {each.name: judge(read_crowd(each)) for each in sorted(folder.iterdir()) if each.is_dir()}


def judge(crowd: Crowd) -> dict[str, object]:
    """Accuracy of both ways, and of the rows that each is sure of."""
    units, annotators, labels, shape, gold = crowd
    counts = rating_counts(units, labels, (shape[0], shape[2]))
    votes, fitted = majority_vote(counts), dawid_skene(units, annotators, labels, shape)
    ways = {
        "majority": (votes.labels, votes.shares),
        "Dawid-Skene": (fitted.probabilities.argmax(axis=1), fitted.probabilities.max(axis=1)),
    }
    return {
        "units": shape[0], "annotators": shape[1], "labels": shape[2], "votes": len(units),
        "alpha": krippendorff_alpha(coincidence_counts(counts)), "rounds": fitted.rounds,
        "ways": {name: measure(told == gold, sure) for name, (told, sure) in ways.items()},
    }  # fmt: skip


def measure(right: np.ndarray, sure: np.ndarray) -> dict[str, object]:
    """Figures of one way."""
    reliability, kept = measure_reliability(sure, right), sure >= GATE
    return {
        "accuracy": float(right.mean()),
        "ece": reliability.ece,
        "kept": float(kept.mean()),
        "right": float(right[kept].mean()),
        "interval": clopper_pearson(int(right[kept].sum()), int(kept.sum())),
        "curve": [vars(each) for each in reliability.curve],
    }
