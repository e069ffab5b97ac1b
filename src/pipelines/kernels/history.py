"""Which clusters of history texts belong to: candidates from every segment, verified by their exact similarity.

A text needs one verified link to a cluster, no matter which: so of the candidates in one cluster the most promising is
compared first, and the others only where it fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.kernels.merges import Merges
from pipelines.kernels.postings import Days, Query, look_up, most_differing
from pipelines.kernels.segments import Segment, Signed
from pipelines.kernels.similarity import Floats, Search, similarities
from pipelines.kernels.text_store import read_texts
from pipelines.kernels.texts import Bytes, Flags, Indices, Texts, join_texts


@dataclass(frozen=True)
class Resemblances:
    """Records of history that arriving texts resemble: one at most for each text and cluster.

    Attributes:
        asking: place of the arriving text.
        record_ids: ids of the records it resembles, array [n, 32].
        days: their days.
        clusters: numbers of their clusters as they are now.
        cluster_ids: ids of these, array [n, 32].
        similarity: exact Jaccard similarity.
    """

    asking: Indices
    record_ids: Bytes
    days: Days
    clusters: Indices
    cluster_ids: Bytes
    similarity: Floats

    def take(self, places: Indices) -> "Resemblances":
        """Choose some of them."""
        return Resemblances(*(values[places] for values in vars(self).values()))


@dataclass(frozen=True)
class Candidates:
    """What may resemble: arriving text, segment and entry, cluster as it is now, positions at which sketches differ."""

    asking: Indices
    segment: Indices
    entry: Indices
    cluster: Indices
    differing: Indices

    def take(self, places: Indices) -> "Candidates":
        """Choose some of them."""
        return Candidates(*(values[places] for values in vars(self).values()))


def resembling(
    segments: Sequence[Segment], merges: Merges, signed: Signed, query: Query, search: Search, capped: Flags
) -> Resemblances:
    """Find for each arriving text the clusters that it belongs to; mark in `capped` who did not see a bucket whole."""
    every = gather(segments, merges, signed, query, search, capped)
    order = np.lexsort((every.differing, every.cluster, every.asking))
    candidates = every.take(order)
    group = number_groups(candidates.asking, candidates.cluster)
    heads = np.flatnonzero(np.diff(group, prepend=-1))
    similarity = np.full(len(group), -1.0)
    similarity[heads] = compare(segments, signed.texts, candidates.take(heads), search)
    failed = (similarity[heads] < search.threshold)[group]
    failed[heads] = False
    rest = np.flatnonzero(failed)
    similarity[rest] = compare(segments, signed.texts, candidates.take(rest), search)
    best = np.lexsort((-similarity, group))
    best = best[np.flatnonzero(np.diff(group[best], prepend=-1))]
    best = best[similarity[best] >= search.threshold]
    return describe(segments, merges, candidates.take(best), similarity[best])


def number_groups(asking: Indices, cluster: Indices) -> Indices:
    """Number the runs of equal pairs, from 0."""
    changes = (np.diff(asking, prepend=-1) != 0) | (np.diff(cluster, prepend=-1) != 0)
    return np.cumsum(changes) - 1


def gather(
    segments: Sequence[Segment], merges: Merges, signed: Signed, query: Query, search: Search, capped: Flags
) -> Candidates:
    """Ask every segment."""
    most = most_differing(search.threshold, signed.positions)
    parts = []
    for number, segment in enumerate(segments):
        days = segment.members.days
        found = look_up(segment.postings, segment.sketches, days, query, most, search.max_bucket, capped)
        cluster = merges.resolve_numbers(segment.members.clusters[found.entry])
        parts.append((found.asking, np.full(len(found.entry), number), found.entry, cluster, found.differing))
    nothing = np.empty((5, 0), dtype=np.int64)
    return Candidates(*np.concatenate([nothing, *map(np.array, parts)], axis=1))


def compare(segments: Sequence[Segment], texts: Texts, candidates: Candidates, search: Search) -> Floats:
    """Compute the exact similarities of candidates; each text of history is read once."""
    place = np.empty(len(candidates.entry), dtype=np.int64)
    parts, filled = [texts], len(texts)
    for number in np.unique(candidates.segment).tolist():
        ours = candidates.segment == number
        wanted, which = np.unique(candidates.entry[ours], return_inverse=True)
        parts.append(read_texts(segments[number].texts, wanted))
        place[ours] = filled + which
        filled += len(wanted)
    return similarities(join_texts(parts), place, candidates.asking, search)


def describe(segments: Sequence[Segment], merges: Merges, candidates: Candidates, similarity: Floats) -> Resemblances:
    """Name the records and their clusters."""
    count = len(similarity)
    record_ids, cluster_ids = np.empty((2, count, 32), dtype=np.uint8)
    days, clusters = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int64)
    for number in np.unique(candidates.segment).tolist():
        ours = np.flatnonzero(candidates.segment == number)
        members, entries = segments[number].members, candidates.entry[ours]
        record_ids[ours], days[ours] = members.record_ids[entries], members.days[entries]
        clusters[ours], cluster_ids[ours] = merges.resolve(members.clusters[entries], members.cluster_ids(entries))
    return Resemblances(candidates.asking, record_ids, days, clusters, cluster_ids, similarity)
