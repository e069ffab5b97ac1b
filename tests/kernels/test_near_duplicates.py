"""Near-duplicates of many texts at once, against brute force."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from pipelines.kernels.clusters import (
    Clusters,
    Pairs,
    cluster_pairs,
    cluster_texts,
    find_pairs,
)
from pipelines.kernels.minhash import shingle_sets
from pipelines.kernels.similarity import Search, jaccard
from pipelines.kernels.texts import Texts, first_equal
from tests.kernels.near_duplicate_truth import (
    CORPORA,
    Couple,
    brute_force,
    components,
    corpus,
    made_up,
    needs_corpora,
    partition,
    similarity,
    texts_of,
)


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
