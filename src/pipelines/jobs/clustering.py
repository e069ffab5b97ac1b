"""Near-duplicate clusters of the texts of a file: to try a threshold before anything runs."""

from collections import Counter
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from pipelines.adapters.cluster_cache import search_of
from pipelines.kernels.clusters import Clusters, Pairs, cluster_pairs, cluster_texts, find_pairs
from pipelines.kernels.texts import Indices, encode, first_equal, normalise_texts
from pipelines.settings import ClusterSettings

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
MOST_TEXTS_BELOW = 50_000
"""Up to so many different texts, thresholds below the chosen one are tried too: that search grows with the square."""
SIZES = ((2, 2), (3, 5), (6, 10), (11, 100), (101, 1_000), (1_001, None))
BIGGEST = 10


@dataclass(frozen=True)
class Effect:
    """What a threshold would do.

    Attributes:
        pairs: couples of texts at or above it, equal texts among them.
        clusters: clusters of two texts and more.
        clustered: texts in them.
        biggest: texts of the biggest cluster.
    """

    threshold: float
    pairs: int
    clusters: int
    clustered: int
    biggest: int


@dataclass(frozen=True)
class Cluster:
    """One of the biggest clusters.

    Attributes:
        cluster_id: id of its earliest member.
        texts: how many it has.
        distinct: how many different ones.
        row: place of the earliest member in the file, from 0.
    """

    cluster_id: str
    texts: int
    distinct: int
    row: int


@dataclass(frozen=True)
class ClusterReport:
    """What clustering did to a file.

    Attributes:
        threshold: the chosen one.
        texts: how many there are.
        distinct: how many different ones, once normalised.
        clusters: clusters of two texts and more.
        alone: texts in no such cluster.
        sizes: number of clusters by size.
        biggest: the biggest clusters.
        effects: what other thresholds would do.
        capped_buckets: buckets too big to compare each text with each other.
        capped_texts: different texts in them: among those, links may be missing.
    """

    threshold: float
    texts: int
    distinct: int
    clusters: int
    alone: int
    sizes: dict[str, int]
    biggest: tuple[Cluster, ...]
    effects: tuple[Effect, ...]
    capped_buckets: int
    capped_texts: int

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def cluster_frame(frame: pd.DataFrame, settings: ClusterSettings) -> tuple[pd.DataFrame, ClusterReport]:
    """Cluster texts by the exact similarity of their shingles.

    Args:
        frame: `id` and `text`, in the order in which the texts came; a missing text counts as empty.
        settings: of these, window_days belongs to the stream: here every text is compared with all others.

    Returns:
        Frame `id`, `cluster_id` (id of the cluster's earliest member), `duplicate_of` (id, or None), `similarity` (or
        None), row by row as in `frame`; and the report.
    """
    ids = frame["id"].to_numpy(dtype=object)
    texts = normalise_texts(*encode(["" if pd.isna(text) else str(text) for text in frame["text"]]))
    first = first_equal(texts)
    search = search_of(settings)
    clusters, pairs = cluster_texts(texts, search)
    lower = replace(search, threshold=THRESHOLDS[0])
    try_lower = lower.threshold < search.threshold and len(np.unique(first)) <= MOST_TEXTS_BELOW
    below = find_pairs(texts, lower) if try_lower else pairs
    originals, similarities = clusters.duplicate_of.tolist(), clusters.similarity.tolist()
    result = pd.DataFrame(
        {
            "id": ids,
            "cluster_id": ids[clusters.cluster],
            "duplicate_of": [ids[row] if row >= 0 else None for row in originals],
            "similarity": [value if row >= 0 else None for row, value in zip(originals, similarities, strict=True)],
        },
        dtype=object,
    )
    return result, report_clusters(ids, first, clusters, pairs, below, search.threshold)


def report_clusters(
    ids: np.ndarray, first: Indices, clusters: Clusters, pairs: Pairs, below: Pairs, threshold: float
) -> ClusterReport:
    """Sum up what clustering did."""
    members = np.bincount(clusters.cluster, minlength=len(ids))
    distinct = first == np.arange(len(first))
    different = np.bincount(clusters.cluster[distinct], minlength=len(ids))
    order = np.lexsort((np.arange(len(ids)), -members))[:BIGGEST]
    searched = [value for value in sorted({*THRESHOLDS, threshold}) if value >= threshold or below is not pairs]
    return ClusterReport(
        threshold=threshold,
        texts=len(ids),
        distinct=int(distinct.sum()),
        clusters=int((members > 1).sum()),
        alone=int((members == 1).sum()),
        sizes=count_sizes(members),
        biggest=tuple(
            Cluster(str(ids[row]), int(members[row]), int(different[row]), int(row))
            for row in order
            if members[row] > 1
        ),
        effects=tuple(try_threshold(value, first, pairs if value >= threshold else below) for value in searched),
        capped_buckets=pairs.capped_buckets,
        capped_texts=pairs.capped_texts,
    )


def count_sizes(members: Indices) -> dict[str, int]:
    """Count the clusters by size; sizes that no cluster has are left out."""
    sizes = Counter(members[members > 1].tolist())
    counts = {}
    for least, most in SIZES:
        name = f"{least}-{most}" if most and most > least else str(least) if most else f"{least} and more"
        number = sum(count for size, count in sizes.items() if size >= least and (most is None or size <= most))
        if number:
            counts[name] = number
    return counts


def try_threshold(threshold: float, first: Indices, pairs: Pairs) -> Effect:
    """Count what the pairs at or above a threshold would make."""
    members = np.bincount(cluster_pairs(pairs, threshold).cluster, minlength=1)
    copies = np.bincount(first, minlength=1)
    different = (first[pairs.left] != first[pairs.right]) & (pairs.similarity >= threshold)
    couples = copies[pairs.left[different]] * copies[pairs.right[different]]
    return Effect(
        threshold,
        pairs=int(couples.sum() + (copies * (copies - 1) // 2).sum()),
        clusters=int((members > 1).sum()),
        clustered=int(members[members > 1].sum()),
        biggest=int(members.max()),
    )
