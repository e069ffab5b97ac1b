"""Near-duplicates among texts: every pair that is similar enough, and the clusters that they make.

Candidates come from LSH bands and are verified by the exact Jaccard similarity of their shingle sets. All pairs at or
above the threshold are links, and a cluster is a connected component of links (single-link): so the clusters do not
depend on the order of the texts. Equal texts are compared once, whatever their number.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.bands import Candidates, band_keys, choose_bands, find_candidates
from pipelines.kernels.compiling import compiled
from pipelines.kernels.minhash import ShingleSets, shingle_sets, signatures
from pipelines.kernels.texts import Indices, Texts, Words, fingerprints, first_equal

Floats = npt.NDArray[np.float64]

PAIRS_AT_ONCE = 1 << 16
"""Pairs verified at once: their shingle sets are in memory together."""


@dataclass(frozen=True)
class Search:
    """What is looked for, and how hard.

    Attributes:
        threshold: least Jaccard similarity of a pair.
        shingle_chars: code points a shingle.
        seed: names the family of hash functions.
        max_miss: greatest probability that a pair just at the threshold is overlooked.
        max_bucket: texts of an LSH bucket that are compared with all others in it.
    """

    threshold: float
    shingle_chars: int = 5
    seed: int = 1
    max_miss: float = 0.002
    max_bucket: int = 256


@dataclass(frozen=True)
class Pairs:
    """Verified pairs, in the order of their right text.

    Equal texts are linked to the first of them only, with similarity 1; of two different texts, the first bearers of
    each are linked.

    Attributes:
        texts: number of texts that were searched.
        left: place of the earlier text.
        right: place of the later one.
        similarity: exact Jaccard similarity of their shingle sets.
        capped_buckets: LSH buckets that were too big to compare each text with each other.
        capped_texts: different texts in such buckets: among them pairs may be missing.
    """

    texts: int
    left: Indices
    right: Indices
    similarity: Floats
    capped_buckets: int
    capped_texts: int


@dataclass(frozen=True)
class Clusters:
    """Clusters of texts.

    Attributes:
        cluster: earliest text of each text's cluster.
        duplicate_of: most similar text before it that it is linked to (the earliest of equally similar ones); when all
            its links lead to later texts, the most similar of those; -1 for the first of a cluster.
        similarity: Jaccard similarity to that text, not a number where there is none.
    """

    cluster: Indices
    duplicate_of: Indices
    similarity: Floats


def cluster_texts(texts: Texts, search: Search) -> tuple[Clusters, Pairs]:
    """Cluster texts, and give every verified pair that made a link."""
    pairs = find_pairs(texts, search)
    return cluster_pairs(pairs, search.threshold), pairs


def find_pairs(texts: Texts, search: Search, known: int = 0) -> Pairs:
    """Find the pairs at or above the threshold, but those among the first `known` texts, searched before, alone.

    So texts can come in batches: the pairs of all batches together are those of one search over all texts.
    """
    first = first_equal(texts)
    places = np.arange(len(texts))
    distinct, copies = np.flatnonzero(first == places), np.flatnonzero((first != places) & (places >= known))
    bearers = texts.take(distinct)
    candidates = propose(bearers, search, int(np.searchsorted(distinct, known)))
    similarity = verify(bearers, candidates, search)
    linked = similarity >= search.threshold
    left = np.concatenate([distinct[candidates.left[linked]], first[copies]])
    right = np.concatenate([distinct[candidates.right[linked]], copies])
    order = np.lexsort((left, right))
    every = np.concatenate([similarity[linked], np.ones(len(copies))])
    capped = candidates.capped_buckets, int(candidates.in_capped.sum())
    return Pairs(len(texts), left[order], right[order], every[order], *capped)


def propose(texts: Texts, search: Search, known: int) -> Candidates:
    """Find the pairs that are worth an exact comparison."""
    bands, rows = choose_bands(search.threshold, search.max_miss)
    signed = signatures(texts, search.shingle_chars, bands * rows, search.seed)
    ranks = np.empty(len(texts), dtype=np.int64)
    ranks[np.argsort(fingerprints(texts))] = np.arange(len(texts))
    keys = band_keys(signed, bands, rows)
    return find_candidates(signed, keys, search.threshold, ranks, search.max_bucket, known)


def verify(texts: Texts, candidates: Candidates, search: Search) -> Floats:
    """Compute the exact similarity of the candidates, a block at a time, so that memory stays bounded."""
    similarity = np.empty(len(candidates.left), dtype=np.float64)
    for start in range(0, len(similarity), PAIRS_AT_ONCE):
        block = slice(start, start + PAIRS_AT_ONCE)
        left, right = candidates.left[block], candidates.right[block]
        needed = np.zeros(len(texts), dtype=np.bool_)
        needed[left] = needed[right] = True
        numbers = np.cumsum(needed) - 1
        sets = shingle_sets(texts.take(np.flatnonzero(needed)), search.shingle_chars, search.seed)
        similarity[block] = jaccard(sets, numbers[left], numbers[right])
    return similarity


def jaccard(sets: ShingleSets, left: Indices, right: Indices) -> Floats:
    """Compute the exact Jaccard similarity of pairs of sets, given by their places; fastest in the order of `right`."""
    similarity = np.empty(len(left), dtype=np.float64)
    intersect(sets.values, sets.bounds, left, right, similarity)
    return similarity


@compiled
def intersect(values: Words, bounds: Indices, left: Indices, right: Indices, similarity: Floats) -> None:
    """Enter the right set into a table with open addressing, once for all its pairs, and look the left one up.

    Near-duplicates have their shingles in the same order: after a hit the two sets are read on side by side.
    """
    size = 16
    while size < 4 * np.max(bounds[1:] - bounds[:-1]):
        size *= 2
    table, entered = np.empty(size, dtype=np.int32), -1
    mask = np.uint64(size - 1)
    for pair in range(len(left)):
        ours = values[bounds[left[pair]] : bounds[left[pair] + 1]]
        theirs = values[bounds[right[pair]] : bounds[right[pair] + 1]]
        if entered != right[pair]:
            entered, size = right[pair], 16
            while size < 4 * len(theirs):
                size *= 2
            mask = np.uint64(size - 1)
            table[:size] = -1
            for place in range(len(theirs)):
                slot = theirs[place] & mask
                while table[slot] >= 0:
                    slot = (slot + np.uint64(1)) & mask
                table[slot] = place
        common, place = 0, 0
        while place < len(ours):
            slot = ours[place] & mask
            while table[slot] >= 0 and theirs[table[slot]] != ours[place]:
                slot = (slot + np.uint64(1)) & mask
            same = len(theirs) if table[slot] < 0 else table[slot]
            start = place
            while place < len(ours) and same < len(theirs) and ours[place] == theirs[same]:
                place += 1
                same += 1
            common += place - start
            place += int(place == start)
        similarity[pair] = common / (len(ours) + len(theirs) - common)


def cluster_pairs(pairs: Pairs, threshold: float) -> Clusters:
    """Make clusters of the pairs at or above a threshold, which may be above the one they were found with."""
    kept = pairs.similarity >= threshold
    left, right, similarity = pairs.left[kept], pairs.right[kept], pairs.similarity[kept]
    cluster = connect(pairs.texts, left, right)
    duplicate_of, best = choose_originals(cluster, left, right, similarity)
    return Clusters(cluster, duplicate_of, best)


@compiled
def connect(texts: int, left: Indices, right: Indices) -> Indices:
    """Find the earliest member of each text's component (union-find with path halving; the earlier root wins)."""
    parent = np.arange(texts)
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        parent[max(one, other)] = min(one, other)
    # A parent is never later than its child, so its own root is known already.
    for text in range(texts):
        parent[text] = parent[parent[text]]
    return parent


@compiled
def choose_originals(cluster: Indices, left: Indices, right: Indices, similarity: Floats) -> tuple[Indices, Floats]:
    """Choose for each text but the first of its cluster the linked text that it resembles most, earlier ones first."""
    original, best = np.full(len(cluster), -1, dtype=np.int64), np.full(len(cluster), np.nan)
    for pair in range(len(left)):
        if original[right[pair]] < 0 or similarity[pair] > best[right[pair]]:
            original[right[pair]], best[right[pair]] = left[pair], similarity[pair]
    for pair in range(len(left)):
        text = left[pair]
        only_later = original[text] < 0 or original[text] > text
        if cluster[text] != text and only_later and not best[text] >= similarity[pair]:
            original[text], best[text] = right[pair], similarity[pair]
    return original, best
