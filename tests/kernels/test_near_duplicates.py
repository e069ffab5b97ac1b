"""Near-duplicates against brute force: made-up texts always, three public corpora where their files are at hand."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from pipelines.kernels.clusters import (
    Clusters,
    Pairs,
    Search,
    cluster_pairs,
    cluster_texts,
    find_pairs,
    jaccard,
)
from pipelines.kernels.minhash import shingle_sets
from pipelines.kernels.texts import Texts, encode, first_equal, normalise, normalise_texts

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


def every_couple(pairs: Pairs, texts: Texts) -> set[Couple]:
    """All couples that the pairs stand for: those of equal texts are listed once only."""
    bearers = defaultdict(list)
    first = first_equal(texts).tolist()
    for text, bearer in enumerate(first):
        bearers[bearer].append(text)
    found = {couple for same in bearers.values() for couple in combinations(same, 2)}
    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        if first[left] != first[right]:
            found |= {(min(i, j), max(i, j)) for i in bearers[left] for j in bearers[right]}
    return found


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8])
def test_pairs_and_clusters_equal_brute_force_on_made_up_texts(threshold: float) -> None:
    texts = made_up(300, seed=7)
    expected = brute_force(texts, threshold)
    clusters, pairs = cluster_texts(texts_of(texts), Search(threshold))
    assert every_couple(pairs, texts_of(texts)) == expected
    assert clusters.cluster.tolist() == components(len(texts), expected)
    assert len(expected) > 20
    for left, right, given in zip(pairs.left, pairs.right, pairs.similarity, strict=True):
        assert given == similarity(texts[left], texts[right])


def test_the_exact_similarity_of_sets() -> None:
    texts = ["where is my card", "where is my cart", "", "", "hi", "zzzzzzzzzzzz", "zzzzz"]
    # The shingles go on differently after a common one, and meet again elsewhere.
    texts += ["abcdef", "abcdexabcdef", "my card is where", "where is my card is where is my cart"]
    sets = shingle_sets(texts_of(texts), 5, 1)
    couples = list(combinations(range(len(texts)), 2))
    left, right = (np.array(places) for places in zip(*couples, strict=True))
    assert jaccard(sets, left, right).tolist() == [similarity(texts[i], texts[j]) for i, j in couples]


def test_a_pair_just_at_the_threshold_is_linked() -> None:
    # 4 of 5 different shingles in common: 0.8 exactly.
    one, other = "abcdefgh", "abcdefghi"
    assert similarity(one, other) == 0.8
    assert find_pairs(texts_of([one, other]), Search(0.8, max_miss=1e-9)).similarity.tolist() == [0.8]
    assert len(find_pairs(texts_of([one, other]), Search(0.81, max_miss=1e-9)).left) == 0


def pairs_of(count: int, *triples: tuple[int, int, float]) -> Pairs:
    left, right, similarities = zip(*triples, strict=True)
    return Pairs(count, np.array(left), np.array(right), np.array(similarities), 0, 0)


def listed(clusters: Clusters) -> list[tuple[int, int, float | None]]:
    similarities = [None if np.isnan(value) else float(value) for value in clusters.similarity]
    return list(zip(clusters.cluster.tolist(), clusters.duplicate_of.tolist(), similarities, strict=True))


def test_the_oldest_member_names_a_cluster_and_the_nearest_earlier_text_is_the_original() -> None:
    pairs = pairs_of(6, (0, 3, 0.8), (1, 3, 0.9), (0, 4, 0.8), (3, 4, 0.8))
    assert listed(cluster_pairs(pairs, 0.8)) == [
        (0, -1, None),
        # Linked to later texts only: the original is the nearest of those.
        (0, 3, 0.9),
        (2, -1, None),
        (0, 1, 0.9),
        # Equally near: the earliest.
        (0, 0, 0.8),
        (5, -1, None),
    ]


def test_a_higher_threshold_takes_links_away() -> None:
    pairs = pairs_of(4, (0, 2, 0.8), (2, 3, 0.95), (1, 3, 0.7))
    assert cluster_pairs(pairs, 0.7).cluster.tolist() == [0, 0, 0, 0]
    assert cluster_pairs(pairs, 0.8).cluster.tolist() == [0, 1, 0, 0]
    assert cluster_pairs(pairs, 0.9).cluster.tolist() == [0, 1, 2, 2]
    assert cluster_pairs(pairs, 1.0).cluster.tolist() == [0, 1, 2, 3]


def test_no_text_is_too_short_to_be_compared() -> None:
    clusters, pairs = cluster_texts(texts_of(["hi", "", "HI ", " ", "hi!"]), Search(0.8))
    assert listed(clusters) == [(0, -1, None), (1, -1, None), (0, 0, 1.0), (1, 1, 1.0), (4, -1, None)]
    assert (pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist()) == ([0, 1], [2, 3], [1.0, 1.0])


def test_no_texts_and_one_text_are_fine() -> None:
    for count in (0, 1):
        clusters, pairs = cluster_texts(texts_of(["alone"] * count), Search(0.8))
        assert (clusters.cluster.tolist(), len(pairs.left)) == (list(range(count)), 0)


@pytest.mark.timeout(60)
def test_a_flood_of_equal_texts_costs_one_link_each() -> None:
    flood = ["the same text again and again"] * 200_000 + ["the same text again and againg"]
    clusters, pairs = cluster_texts(texts_of(flood), Search(0.8))
    assert not clusters.cluster.any()
    assert len(pairs.left) == 200_000


def boilerplate(count: int) -> list[str]:
    """Long texts that differ in a number only, so that they all meet in nearly every bucket."""
    start = "thank you for contacting our support team, your request has been received and will be answered soon: "
    return [f"{start}{number:06d}" for number in range(count)]


def test_giant_buckets_are_capped_and_told() -> None:
    texts = [*boilerplate(600), *made_up(100, seed=1)]
    clusters, pairs = cluster_texts(texts_of(texts), Search(0.8, max_bucket=50))
    assert pairs.capped_buckets > 0
    assert pairs.capped_texts == 600
    assert not clusters.cluster[:600].any()
    assert len(pairs.left) < 600 * 599 / 2
    # Nothing is listed twice, and a cap that is not reached changes nothing.
    assert len(set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))) == len(pairs.left)
    free = find_pairs(texts_of(texts), Search(0.8, max_bucket=1_000))
    assert (free.capped_buckets, free.capped_texts) == (0, 0)
    assert len(free.left) >= 600 * 599 / 2


def partition(cluster: Sequence[int], names: Sequence[int]) -> set[frozenset[int]]:
    groups = defaultdict(set)
    for place, owner in enumerate(cluster):
        groups[owner].add(names[place])
    return {frozenset(group) for group in groups.values()}


def linked_texts(pairs: Pairs, texts: Sequence[str]) -> set[frozenset[str]]:
    return {frozenset((texts[i], texts[j])) for i, j in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}


@pytest.mark.parametrize("max_bucket", [1_000, 3])
def test_the_order_of_the_texts_changes_names_only(max_bucket: int) -> None:
    texts = [*made_up(400, seed=11), *boilerplate(30)]
    search = Search(0.7, max_bucket=max_bucket)
    clusters, pairs = cluster_texts(texts_of(texts), search)
    expected = partition(clusters.cluster.tolist(), range(len(texts)))
    generator = np.random.default_rng(2)
    for _ in range(20):
        order = generator.permutation(len(texts)).tolist()
        mixed, again = cluster_texts(texts_of([texts[place] for place in order]), search)
        assert partition(mixed.cluster.tolist(), order) == expected
        assert linked_texts(again, [texts[place] for place in order]) == linked_texts(pairs, texts)
        assert (again.capped_buckets, again.capped_texts) == (pairs.capped_buckets, pairs.capped_texts)
        assert all(owner <= place for place, owner in enumerate(mixed.cluster))
    assert (pairs.capped_buckets > 0) == (max_bucket == 3)


def in_batches(texts: Sequence[str], cuts: Sequence[int], search: Search) -> Pairs:
    """Search batch after batch, each against all that came before it."""
    bounds = [0, *cuts, len(texts)]
    parts = [find_pairs(texts_of(texts[:end]), search, start) for start, end in pairwise(bounds)]
    left, right, given = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("left", "right", "similarity")
    )
    return Pairs(len(texts), left, right, given, 0, 0)


def test_any_split_into_batches_gives_the_same_pairs_and_clusters() -> None:
    texts, search = made_up(400, seed=13), Search(0.7)
    whole = find_pairs(texts_of(texts), search)
    generator = np.random.default_rng(6)
    for number in (1, 1, 2, 3, 5, 10, 50):
        cuts = np.sort(generator.integers(0, len(texts) + 1, number)).tolist()
        split = in_batches(texts, cuts, search)
        assert split.left.tolist() == whole.left.tolist()
        assert split.right.tolist() == whole.right.tolist()
        assert split.similarity.tolist() == whole.similarity.tolist()
    assert len(whole.left) > 50


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


@needs_corpora
@pytest.mark.parametrize("threshold", [0.7, 0.8])
@pytest.mark.parametrize("name", CORPORA)
def test_pairs_equal_the_brute_force_truth(name: str, threshold: float) -> None:
    texts, truth = corpus(name)
    normalised = texts_of(texts)
    clusters, pairs = cluster_texts(normalised, Search(threshold))
    found = every_couple(pairs, normalised)
    true = {couple for couple, value in truth.items() if value >= threshold}
    assert len(found & true) >= 0.99 * len(true) > 0
    assert len(found & true) >= 0.99 * len(found)
    # Single-link of the truth, but for the pairs that were missed.
    assert clusters.cluster.tolist() == components(len(texts), found & true)
    for left, right, value in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.similarity, strict=True):
        assert value == pytest.approx(truth[left, right], abs=0.0001)


@needs_corpora
@pytest.mark.parametrize("name", CORPORA)
def test_twenty_orders_and_splits_of_a_corpus_give_one_partition(name: str) -> None:
    texts, _ = corpus(name)
    generator = np.random.default_rng(4)
    seen = set()
    for _ in range(20):
        order = generator.permutation(len(texts)).tolist()
        cuts = np.sort(generator.integers(0, len(texts), 2)).tolist()
        pairs = in_batches([texts[place] for place in order], cuts, Search(0.7))
        seen.add(frozenset(partition(cluster_pairs(pairs, 0.7).cluster.tolist(), order)))
    assert len(seen) == 1
