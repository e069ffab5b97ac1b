"""Links: which records of a batch resemble which earlier ones, of the batch itself or of history."""

from dataclasses import dataclass, replace

import numpy as np

from pipelines.kernels.history import Resemblances
from pipelines.kernels.merges import ID_BYTES
from pipelines.kernels.postings import Days, Query, look_up, most_differing, post
from pipelines.kernels.segments import Signed
from pipelines.kernels.similarity import Floats, Search, similarities
from pipelines.kernels.texts import Bytes, Flags, Indices, Texts

LONG_AGO = -(1 << 30)
"""A day before all days."""


@dataclass(frozen=True)
class Arrivals:
    """Records in the order of their arrival.

    Attributes:
        record_ids: array [n, 32]: SHA-256.
        days: day of each, in days since 1970.
        texts: the normalised texts.
        latest_day: latest day of one that the window follows; LONG_AGO where there is none.
    """

    record_ids: Bytes
    days: Days
    texts: Texts
    latest_day: int = LONG_AGO

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True)
class Links:
    """Pairs of a record and an earlier one that it resembles.

    Attributes:
        row: the later record's place among the arrivals.
        other: the earlier record's place among them; -1 for one of history.
        other_ids: ids of the earlier records, array [n, 32].
        similarity: exact Jaccard similarity.
        clusters: number of the cluster that a record of history belongs to; -1 for one of the same batch.
        cluster_ids: ids of these clusters, array [n, 32]; zeros for -1.
    """

    row: Indices
    other: Indices
    other_ids: Bytes
    similarity: Floats
    clusters: Indices
    cluster_ids: Bytes

    def take(self, places: Indices) -> "Links":
        """Choose some of them."""
        return Links(*(values[places] for values in vars(self).values()))


def links_to_history(past: Resemblances, distinct: Indices) -> Links:
    """Link arrivals to the records of history that they resemble."""
    nowhere = np.full(len(past.asking), -1, dtype=np.int64)
    row = distinct[past.asking]
    return Links(row, nowhere, past.record_ids, past.similarity, past.clusters, past.cluster_ids)


def links_of_copies(record_ids: Bytes, first: Indices) -> Links:
    """Link each text to the first of the batch that equals it."""
    copies = np.flatnonzero(first != np.arange(len(first)))
    return links_among(record_ids, copies, first[copies], np.ones(len(copies)))


def links_in_batch(
    arrivals: Arrivals, distinct: Indices, signed: Signed, query: Query, search: Search, capped: Flags
) -> Links:
    """Link the different texts of a batch that are similar enough."""
    earlier = replace(query, before=np.arange(len(distinct)))
    most = most_differing(search.threshold, signed.positions)
    days = arrivals.days[distinct]
    found = look_up(post(signed.keys), signed.sketches, days, earlier, most, search.max_bucket, capped)
    similarity = similarities(signed.texts, found.entry, found.asking, search)
    near = similarity >= search.threshold
    row, other = distinct[found.asking[near]], distinct[found.entry[near]]
    return links_among(arrivals.record_ids, row, other, similarity[near])


def links_among(record_ids: Bytes, row: Indices, other: Indices, similarity: Floats) -> Links:
    """Make links between records of the same batch."""
    no_cluster = np.full(len(row), -1, dtype=np.int64)
    return Links(row, other, record_ids[other], similarity, no_cluster, np.zeros((len(row), ID_BYTES), dtype=np.uint8))


def join_links(*parts: Links) -> Links:
    """Put links together."""
    return Links(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))
