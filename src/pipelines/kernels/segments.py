"""A segment of the stream's index: texts that have come, whom they belong to, and how they are found again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.kernels.bands import Keys, band_keys, choose_bands
from pipelines.kernels.minhash import Codes, signatures
from pipelines.kernels.postings import Days, Postings, post, sketch
from pipelines.kernels.similarity import Search
from pipelines.kernels.text_store import TextStore, read_texts, store_texts
from pipelines.kernels.texts import Bytes, Indices, Texts, join_texts

INDEX_PERMUTATIONS = 96
"""Longest signature of the index: every band costs 6.5 bytes a ticket there. At a threshold of .8, 16 bands of 5."""

FANOUT = 8
"""Segments of about the same size that become one: a record is written anew three or four times, and a look-up asks
few segments."""
SMALLEST, BIGGEST = 1 << 10, 1 << 16
"""Segments below the first count as of one size; those above the second stay as they are, so that no micro-batch has to
wait for the making of a bigger one than FANOUT of them."""


@dataclass(frozen=True)
class Members:
    """Records in the order of their arrival, and their clusters.

    Attributes:
        record_ids: array [n, 32]: SHA-256.
        numbers: each one's number in the order of arrival, ascending.
        days: day of each, in days since 1970.
        clusters: number of the first member of each one's cluster, as it was when the record came.
        founders: numbers of the first members that are not among the records themselves, ascending.
        founder_ids: their ids, array [founders, 32].
    """

    record_ids: Bytes
    numbers: Indices
    days: Days
    clusters: Indices
    founders: Indices
    founder_ids: Bytes

    def __len__(self) -> int:
        return len(self.numbers)

    def cluster_ids(self, places: Indices) -> Bytes:
        """Give the ids of some records' clusters: each is the id of the cluster's first member."""
        clusters = self.clusters[places]
        own = np.minimum(np.searchsorted(self.numbers, clusters), len(self) - 1)
        inside = self.numbers[own] == clusters
        ids = self.record_ids[own].copy()
        ids[~inside] = self.founder_ids[np.searchsorted(self.founders, clusters[~inside])]
        return ids

    def take(self, kept: Indices) -> "Members":
        """Choose some of them, in the same order; first members that are left out are remembered as founders."""
        clusters, first = np.unique(self.clusters[kept], return_index=True)
        outside = ~np.isin(clusters, self.numbers[kept])
        return Members(
            record_ids=self.record_ids[kept],
            numbers=self.numbers[kept],
            days=self.days[kept],
            clusters=self.clusters[kept],
            founders=clusters[outside],
            founder_ids=self.cluster_ids(kept[first[outside]]),
        )


@dataclass(frozen=True)
class Segment:
    """Members with what finds them again."""

    members: Members
    sketches: Codes
    postings: Postings
    texts: TextStore

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True)
class Signed:
    """Texts with their band keys and sketches."""

    texts: Texts
    keys: Keys
    sketches: Codes
    positions: int

    def take(self, places: Indices) -> "Signed":
        """Choose some of them."""
        return Signed(self.texts.take(places), self.keys[places], self.sketches[places], self.positions)


def sign(texts: Texts, search: Search) -> Signed:
    """Compute what texts are found by."""
    bands, rows = choose_bands(search.threshold, search.max_miss, INDEX_PERMUTATIONS)
    signed = signatures(texts, search.shingle_chars, bands * rows, search.seed)
    return Signed(texts, band_keys(signed, bands, rows), sketch(signed), bands * rows)


def build_segment(members: Members, signed: Signed) -> Segment:
    """Make a segment of records whose texts are signed already."""
    return Segment(members, signed.sketches, post(signed.keys), store_texts(signed.texts))


def merge_segments(segments: Sequence[Segment], earliest_day: int, search: Search) -> Segment:
    """Make one segment of several that follow each other, without the records of earlier days."""
    kept = [np.flatnonzero(segment.members.days >= earliest_day) for segment in segments]
    parts = [segment.members.take(places) for segment, places in zip(segments, kept, strict=True)]
    texts = [read_texts(segment.texts, places) for segment, places in zip(segments, kept, strict=True)]
    return build_segment(join_members(parts), sign(join_texts(texts), search))


def choose_merge(sizes: Sequence[int]) -> slice | None:
    """Choose neighbours of about the same size to become one; None where there are not enough of them."""
    tiers = [tier(size) for size in sizes]
    for start in range(len(tiers) - FANOUT, -1, -1):
        run = slice(start, start + FANOUT)
        if tiers[start] < tier(BIGGEST) and len(set(tiers[run])) == 1:
            return run
    return None


def tier(size: int) -> int:
    """Say of what size a segment counts."""
    return int(math.log(max(size, SMALLEST) / SMALLEST, FANOUT) + 1e-9)


def join_members(parts: Sequence[Members]) -> Members:
    """Put records that follow each other together."""
    numbers = np.concatenate([part.numbers for part in parts])
    founders, first = np.unique(np.concatenate([part.founders for part in parts]), return_index=True)
    outside = ~np.isin(founders, numbers)
    return Members(
        record_ids=np.concatenate([part.record_ids for part in parts]),
        numbers=numbers,
        days=np.concatenate([part.days for part in parts]),
        clusters=np.concatenate([part.clusters for part in parts]),
        founders=founders[outside],
        founder_ids=np.concatenate([part.founder_ids for part in parts])[first[outside]],
    )
