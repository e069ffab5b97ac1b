"""Which cluster has become part of which: a ticket that resembles members of two clusters makes them one."""

from dataclasses import dataclass

import numpy as np

from pipelines.kernels.texts import Bytes, Flags, Indices

ID_BYTES = 32
"""A record's id is a SHA-256."""


@dataclass(frozen=True)
class Merges:
    """Clusters that an older one has taken in. A cluster's number is that of its first member: lower is older.

    Attributes:
        absorbed: numbers of clusters that are now part of another, ascending.
        survivors: the cluster each is part of now, which is in nobody's part itself.
        survivor_ids: ids of these, array [n, 32].
    """

    absorbed: Indices
    survivors: Indices
    survivor_ids: Bytes

    def resolve(self, clusters: Indices, ids: Bytes) -> tuple[Indices, Bytes]:
        """Give what clusters, named by number and id, are part of now: themselves, where nobody took them in."""
        place, moved = self.find(clusters)
        return self.resolve_numbers(clusters), np.where(moved[:, None], self.survivor_ids[place], ids)

    def resolve_numbers(self, clusters: Indices) -> Indices:
        """As `resolve`, without ids."""
        place, moved = self.find(clusters)
        return np.where(moved, self.survivors[place], clusters)

    def find(self, clusters: Indices) -> tuple[Indices, Flags]:
        """Look clusters up: their place among the absorbed ones, and whether they are."""
        place = np.minimum(np.searchsorted(self.absorbed, clusters), len(self.absorbed) - 1)
        return place, self.absorbed[place] == clusters

    def add(self, absorbed: Indices, survivors: Indices, survivor_ids: Bytes) -> "Merges":
        """Note more of them; what an absorbed cluster had taken in moves along."""
        if not len(absorbed):
            return self
        order = np.argsort(absorbed)
        new = Merges(absorbed[order], survivors[order], survivor_ids[order])
        moved, ids = new.resolve(self.survivors, self.survivor_ids)
        every = np.concatenate([self.absorbed, new.absorbed])
        order = np.argsort(every)
        return Merges(
            every[order],
            np.concatenate([moved, new.survivors])[order],
            np.concatenate([ids, new.survivor_ids])[order],
        )


def no_merges() -> Merges:
    """Begin with none. One row, of a cluster that cannot be, spares look-ups the question whether there are any."""
    nobody = np.full(1, -1, dtype=np.int64)
    return Merges(nobody, nobody, np.zeros((1, ID_BYTES), dtype=np.uint8))
