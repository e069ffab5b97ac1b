"""The stream's clusters: which cluster each arriving record belongs to, given all that came before it.

The partition into clusters is that of single-link clustering over all pairs that share an LSH band, whatever the order
and the batches in which the records come: pairs of a batch and pairs with history are found and judged by the same
rule, and a pair is left out only where both are in one cluster already. Candidates are verified by the exact Jaccard
similarity of their shingle sets.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from pipelines.kernels.components import spanning_forest
from pipelines.kernels.history import Resemblances, resembling
from pipelines.kernels.links import (
    LONG_AGO,
    Arrivals,
    Links,
    join_links,
    links_in_batch,
    links_of_copies,
    links_to_history,
)
from pipelines.kernels.merges import Merges, no_merges
from pipelines.kernels.postings import Days, Query
from pipelines.kernels.segments import Members, Segment, build_segment, sign
from pipelines.kernels.similarity import Search
from pipelines.kernels.texts import Bytes, Flags, Indices, Texts, first_equal

NO_LIMIT = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Assignment:
    """What the index says of arrivals.

    Attributes:
        members: the arrivals, with their numbers and clusters.
        links: why: of all pairs that are similar enough, those that joined what was apart; by their row.
        capped: which were not compared with everything in a giant bucket.
        merges: all merges, with those that the arrivals caused.
        has_merged: whether they caused one.
        segment: what the index has to learn.
        latest_day: as in the arrivals.
    """

    members: Members
    links: Links
    capped: Flags
    merges: Merges
    has_merged: bool
    segment: Segment
    latest_day: int

    @property
    def cluster_ids(self) -> Bytes:
        """Ids of the arrivals' clusters."""
        return self.members.cluster_ids(np.arange(len(self.members)))


@dataclass(frozen=True)
class ClusterIndex:
    """All that is remembered of earlier records; a value: what extends it gives a new one.

    Attributes:
        search: what is looked for.
        window_days: a record is compared with those of at most so many days before its own.
        segments: the texts that have come, each part older than the next.
        merges: clusters that have become one.
        next_number: number of the next record.
        latest_day: the newest day so far that the window follows: what is older than that less the window may go.
    """

    search: Search
    window_days: int
    segments: tuple[Segment, ...] = ()
    merges: Merges = field(default_factory=no_merges)
    next_number: int = 1
    latest_day: int = LONG_AGO

    def assign(self, arrivals: Arrivals) -> Assignment:
        """Find the cluster of each arrival. Nothing is remembered before `learn`."""
        first = first_equal(arrivals.texts)
        distinct = np.flatnonzero(first == np.arange(len(first)))
        signed = sign(arrivals.texts.take(distinct), self.search)
        capped = np.zeros(len(distinct), dtype=np.bool_)
        days = arrivals.days[distinct]
        query = Query(signed.keys, signed.sketches, days - np.int32(self.window_days), np.full(len(days), NO_LIMIT))
        past = resembling(self.segments, self.merges, signed, query, self.search, capped)
        every = join_links(
            links_to_history(past, distinct),
            links_of_copies(arrivals.record_ids, first),
            links_in_batch(arrivals, distinct, signed, query, self.search, capped),
        )
        clusters, merges, kept = connect(len(arrivals), every, self.next_number, self.merges)
        members = self.admit(arrivals, clusters, every)
        new = choose_new(members, first, distinct, past)
        segment = build_segment(members.take(new), signed.take(np.searchsorted(distinct, first[new])))
        at = capped[np.searchsorted(distinct, first)]
        merged = merges is not self.merges
        return Assignment(members, every.take(kept), at, merges, merged, segment, arrivals.latest_day)

    def admit(self, arrivals: Arrivals, clusters: Indices, links: Links) -> Members:
        """Number the arrivals, and name the clusters that began in history."""
        known, place = np.unique(links.clusters, return_index=True)
        joined = np.isin(known, clusters)
        return Members(
            record_ids=arrivals.record_ids,
            numbers=self.next_number + np.arange(len(arrivals)),
            days=arrivals.days,
            clusters=clusters,
            founders=known[joined],
            founder_ids=links.cluster_ids[place[joined]],
        )

    def learn(self, assignment: Assignment) -> "ClusterIndex":
        """Remember what `assign` said, once that is committed."""
        return replace(
            self,
            segments=(*self.segments, assignment.segment) if len(assignment.segment) else self.segments,
            merges=assignment.merges,
            next_number=self.next_number + len(assignment.members),
            latest_day=max(self.latest_day, assignment.latest_day),
        )


def connect(count: int, links: Links, next_number: int, merges: Merges) -> tuple[Indices, Merges, Indices]:
    """Join arrivals with each other and with the clusters of history; the oldest cluster of a component is its name.

    Returns:
        Cluster of each arrival, all merges, and the places of the links that joined what was apart, by their row.
    """
    known, place = np.unique(links.clusters, return_index=True)
    nodes = np.where(links.other < 0, count + np.searchsorted(known, links.clusters), links.other)
    # Of equally similar records the earliest: those of history have no place in the batch, -1.
    order = np.lexsort((links.other, links.row, -links.similarity))
    kept, component = spanning_forest(count + len(known), nodes[order], links.row[order])
    # The node of links within the batch has no edges; its number, -1, is no cluster's.
    numbers = np.concatenate([next_number + np.arange(count), known])
    oldest = np.full(len(numbers), NO_LIMIT)
    np.minimum.at(oldest, component, numbers)
    clusters = oldest[component]
    absorbed = np.flatnonzero(clusters[count:] != known)
    survivors = clusters[count + absorbed]
    ids = links.cluster_ids[place[np.searchsorted(known, survivors)]]
    joining = order[kept]
    joining = joining[np.argsort(links.row[joining], kind="stable")]
    return clusters[:count], merges.add(known[absorbed], survivors, ids), joining


def choose_new(members: Members, first: Indices, distinct: Indices, past: Resemblances) -> Indices:
    """Choose whom the index has to learn: one of each text, unless history has its shingles with a day as late."""
    chosen = latest_of_each(first, members.days)[distinct]
    known_day = np.full(len(distinct), np.iinfo(np.int32).min, dtype=np.int32)
    equal = past.similarity == 1.0
    np.maximum.at(known_day, past.asking[equal], past.days[equal])
    return np.sort(chosen[known_day < members.days[chosen]])


def latest_of_each(first: Indices, days: Days) -> Indices:
    """Give for the first bearer of each text the bearer of the latest day, the earliest of that day.

    Whoever may be compared with any bearer may be compared with that one.
    """
    latest = np.full(len(first), -1, dtype=np.int64)
    by_day = np.lexsort((-np.arange(len(first)), days))
    latest[first[by_day]] = by_day
    return latest


def remember(members: Members, texts: Texts, search: Search) -> Segment:
    """Make a segment of records whose clusters were given earlier."""
    first = first_equal(texts)
    distinct = np.flatnonzero(first == np.arange(len(first)))
    chosen = np.sort(latest_of_each(first, members.days)[distinct])
    return build_segment(members.take(chosen), sign(texts.take(chosen), search))
