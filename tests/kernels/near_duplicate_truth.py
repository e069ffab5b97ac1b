"""What near-duplicates are, by brute force: made-up texts, and three public corpora where their files are at hand."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from pipelines.kernels.texts import Texts, encode, normalise, normalise_texts

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CORPORA = {
    "cfpb": ("cfpb_complaints/complaints.csv", "complaint_id", "consumer_complaint_narrative"),
    "bitext": ("bitext_support/messages.csv", "id", "text"),
    "tweets": ("airline_tweets/tweets.csv", "id", "text"),
}
needs_corpora = pytest.mark.skipif(
    not (DATA / "neardup_jaccard").is_dir(), reason="the public corpora with their brute-force truth are not here"
)
Couple = tuple[int, int]


def texts_of(texts: Sequence[str]) -> Texts:
    return normalise_texts(*encode(texts))


def made_up(count: int, seed: int) -> list[str]:
    """Families of variants of a sentence, some of them equal, in mixed order."""
    generator = np.random.default_rng(seed)
    texts: list[str] = []
    while len(texts) < count:
        base = " ".join("".join(chr(97 + c) for c in generator.integers(0, 26, 4)) for _ in range(12))
        for _ in range(generator.integers(1, 9)):
            place, width = generator.integers(0, 50), generator.integers(0, 14)
            texts.append(base[:place] + "é" * int(width) + base[place + width :])
    return [texts[place] for place in generator.permutation(len(texts))[:count]]


def shingles(text: str) -> frozenset[str]:
    plain = normalise(text)
    return frozenset(plain[start : start + 5] for start in range(len(plain) - 4)) or frozenset([plain])


def similarity(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def brute_force(texts: Sequence[str], threshold: float) -> set[Couple]:
    return {(i, j) for i, j in combinations(range(len(texts)), 2) if similarity(texts[i], texts[j]) >= threshold}


def components(count: int, couples: Iterable[Couple]) -> list[int]:
    """The earliest member of each text's single-link cluster, by plain relabelling."""
    neighbours = defaultdict(list)
    for i, j in couples:
        neighbours[i].append(j)
        neighbours[j].append(i)
    owner = [-1] * count
    for text in range(count):
        todo = [text] if owner[text] < 0 else []
        while todo:
            member = todo.pop()
            if owner[member] < 0:
                owner[member] = text
                todo.extend(neighbours[member])
    return owner


def partition(cluster: Sequence[int], names: Sequence[int]) -> set[frozenset[int]]:
    groups = defaultdict(set)
    for place, owner in enumerate(cluster):
        groups[owner].add(names[place])
    return {frozenset(group) for group in groups.values()}


@cache
def corpus(name: str) -> tuple[tuple[str, ...], dict[Couple, float]]:
    """Texts of a corpus, and the couples of similarity .5 and more (to four digits)."""
    file, id_column, text_column = CORPORA[name]
    with (DATA / file).open(encoding="utf-8", newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if row[text_column]]
    places = {row[id_column]: place for place, row in enumerate(rows)}
    with (DATA / "neardup_jaccard" / f"{name}_pairs.csv").open(encoding="utf-8", newline="") as opened:
        couples = [(places[row["id1"]], places[row["id2"]], float(row["j_char5"])) for row in csv.DictReader(opened)]
    truth = {(min(i, j), max(i, j)): value for i, j, value in couples if value >= 0.5}
    return tuple(row[text_column] for row in rows), truth
