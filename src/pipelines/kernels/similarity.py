"""The exact similarity of texts: Jaccard's, of their sets of shingles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled
from pipelines.kernels.minhash import ShingleSets, shingle_sets
from pipelines.kernels.texts import Indices, Texts, Words

Floats = npt.NDArray[np.float64]

PAIRS_AT_ONCE = 1 << 16
"""Pairs compared at once: their shingle sets are in memory together."""


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


def similarities(texts: Texts, lefts: Indices, rights: Indices, search: Search) -> Floats:
    """Compute the exact similarity of pairs of texts, a block of pairs at a time, so that memory stays bounded.

    Args:
        texts: among which the pairs are.
        lefts: place of one text of each pair.
        rights: place of the other; pairs with the same one should follow each other.
        search: says what a shingle is.
    """
    similarity = np.empty(len(lefts), dtype=np.float64)
    for start in range(0, len(similarity), PAIRS_AT_ONCE):
        block = slice(start, start + PAIRS_AT_ONCE)
        left, right = lefts[block], rights[block]
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
