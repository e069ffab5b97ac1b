"""Near-duplicates among texts: every pair that is similar enough, and the clusters that they make.

Candidates come from LSH bands and are verified by the exact Jaccard similarity of their shingle sets. All pairs at or
above the threshold are links, and a cluster is a connected component of links (single-link): so the clusters do not
depend on the order of the texts. Equal texts are compared once, whatever their number.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.kernels.bands import Candidates, band_keys, choose_bands, find_candidates
from pipelines.kernels.compiling import compiled
from pipelines.kernels.components import spanning_forest
from pipelines.kernels.minhash import signatures
from pipelines.kernels.similarity import Floats, Search, similarities
from pipelines.kernels.texts import Indices, Texts, fingerprints, first_equal


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


def find_pairs(texts: Texts, search: Search) -> Pairs:
    """Find the pairs at or above the threshold."""
    first = first_equal(texts)
    places = np.arange(len(texts))
    distinct, copies = np.flatnonzero(first == places), np.flatnonzero(first != places)
    bearers = texts.take(distinct)
    candidates = propose(bearers, search)
    similarity = similarities(bearers, candidates.left, candidates.right, search)
    linked = similarity >= search.threshold
    left = np.concatenate([distinct[candidates.left[linked]], first[copies]])
    right = np.concatenate([distinct[candidates.right[linked]], copies])
    order = np.lexsort((left, right))
    every = np.concatenate([similarity[linked], np.ones(len(copies))])
    capped = candidates.capped_buckets, int(candidates.in_capped.sum())
    return Pairs(len(texts), left[order], right[order], every[order], *capped)


def propose(texts: Texts, search: Search) -> Candidates:
    """Find the pairs that are worth an exact comparison."""
    bands, rows = choose_bands(search.threshold, search.max_miss)
    signed = signatures(texts, search.shingle_chars, bands * rows, search.seed)
    ranks = np.empty(len(texts), dtype=np.int64)
    ranks[np.argsort(fingerprints(texts))] = np.arange(len(texts))
    keys = band_keys(signed, bands, rows)
    return find_candidates(signed, keys, search.threshold, ranks, search.max_bucket)


def cluster_pairs(pairs: Pairs, threshold: float) -> Clusters:
    """Make clusters of the pairs at or above a threshold, which may be above the one they were found with."""
    kept = pairs.similarity >= threshold
    left, right, similarity = pairs.left[kept], pairs.right[kept], pairs.similarity[kept]
    _, cluster = spanning_forest(pairs.texts, left, right)
    duplicate_of, best = choose_originals(cluster, left, right, similarity)
    return Clusters(cluster, duplicate_of, best)


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
