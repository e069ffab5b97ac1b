"""Locality-sensitive hashing: which texts are worth comparing, found by the bands of their signatures."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled
from pipelines.kernels.minhash import Codes, Signatures
from pipelines.kernels.texts import Flags, Indices, Words

Keys = npt.NDArray[np.int64]

MAX_PERMUTATIONS = 144
"""Longest signature that bands are chosen for: more rows a band only spare comparisons, which are cheap."""
STANDARD_ERRORS = 4.0
"""A candidate whose estimate is further below the threshold than this is not compared. For a pair just at the threshold
that was measured on 6,000 random pairs a size: none from 160 shingles on, 5 in 10,000 at 20, 10 in 10,000 at 10."""


def share_probability(similarity: float, bands: int, rows: int) -> float:
    """Give the probability that two texts share a band: 1 - (1 - s^rows)^bands, the S-curve.

    Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4.
    """
    return float(1.0 - (1.0 - similarity**rows) ** bands)


def choose_bands(threshold: float, max_miss: float, permutations: int = MAX_PERMUTATIONS) -> tuple[int, int]:
    """Choose the steepest S-curve, 1 - (1 - s^rows)^bands, that misses few enough pairs at the threshold.

    A pair at similarity s = threshold is missed with probability (1 - s^rows)^bands; pairs above it less often. More
    rows a band bring fewer pairs below the threshold and ask for more bands: as many rows as `permutations` allow.
    Texts of 40 shingles and fewer leave most bins empty, and were measured to miss up to twice as many.

    Returns:
        Bands and rows a band.

    Raises:
        ValueError: when the threshold is not above 0 and at most 1, or max_miss not between 0 and 1.
    """
    if not (0.0 < threshold <= 1.0 and 0.0 < max_miss < 1.0):
        raise ValueError(f"No bands for a threshold of {threshold} and a miss probability of {max_miss}.")
    bands, rows = least_bands(threshold, max_miss, 1), 1
    while rows < permutations and (rows + 1) * least_bands(threshold, max_miss, rows + 1) <= permutations:
        rows += 1
        bands = least_bands(threshold, max_miss, rows)
    return bands, rows


def least_bands(threshold: float, max_miss: float, rows: int) -> int:
    """Give the fewest bands of `rows` rows that miss a pair at the threshold with at most the given probability."""
    shared = threshold**rows
    return max(1, math.ceil(math.log(max_miss) / math.log1p(-shared))) if shared < 1.0 else 1


def band_keys(signatures: Signatures, bands: int, rows: int) -> Keys:
    """Hash each band of `rows` signature positions to one key; the band's number is part of it.

    Two texts of similarity s share a key with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman, Ullman,
    "Mining of Massive Datasets", 3.4).

    Args:
        signatures: array [n, bands * rows].
        bands: keys a signature.
        rows: signature positions a band.

    Returns:
        Array [n, bands].

    Raises:
        ValueError: when the signatures are not `bands * rows` long.
    """
    if signatures.ndim != 2 or signatures.shape[1] != bands * rows:
        raise ValueError(f"Signatures of shape {signatures.shape} cannot be cut into {bands} bands of {rows} rows.")
    keys = np.empty((len(signatures), bands), dtype=np.uint64)
    hash_bands(np.ascontiguousarray(signatures).view(np.uint32), rows, keys)
    return keys.view(np.int64)


@compiled
def hash_bands(signatures: Codes, rows: int, keys: Words) -> None:
    """Chain the positions of each band; the finaliser is splitmix64's."""
    for text in range(keys.shape[0]):
        for band in range(keys.shape[1]):
            key = np.uint64(band + 1) * np.uint64(0xBF58476D1CE4E5B9)
            for row in range(rows):
                key = (key ^ np.uint64(signatures[text, band * rows + row])) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(32)
            key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            keys[text, band] = key ^ (key >> np.uint64(31))


@dataclass(frozen=True)
class Candidates:
    """Pairs worth comparing, left before right, each once.

    Attributes:
        left: place of the earlier text.
        right: place of the later one.
        capped_buckets: buckets in which not every text was paired with every other.
        in_capped: texts in such a bucket, shape (texts,).
    """

    left: Indices
    right: Indices
    capped_buckets: int
    in_capped: Flags


def find_candidates(
    signatures: Signatures, keys: Keys, threshold: float, ranks: Indices, max_bucket: int
) -> Candidates:
    """Pair texts that share a band and whose estimated similarity is not far below the threshold.

    In a bucket of more than `max_bucket` texts, each text is paired with the `max_bucket` texts of the lowest rank
    only: a bucket then costs at most its size times max_bucket.

    Args:
        signatures: array [n, permutations].
        keys: band keys [n, bands] of the same texts.
        threshold: similarity that is looked for.
        ranks: an order of the texts that does not depend on how they arrived, shape (n,).
        max_bucket: texts of a bucket that are paired with all others.
    """
    length = signatures.shape[1]
    expected, error = length * threshold, math.sqrt(length * threshold * (1.0 - threshold))
    least_equal = max(0, math.floor(expected - STANDARD_ERRORS * error))
    in_capped = np.zeros(len(keys), dtype=np.bool_)
    # A copy by bands to group by, which reads one after the other, and one by texts that is written to.
    by_band = np.ascontiguousarray(keys.T)
    pairs, capped = pair_texts(signatures, by_band, keys.copy(), ranks, least_equal, max_bucket, in_capped)
    # With a capped bucket a pair may be found twice.
    right, left = np.divmod(np.unique(pairs), max(1, len(keys)))
    return Candidates(left, right, int(capped), in_capped)


@compiled
def group(keys: Keys) -> tuple[Indices, Indices]:
    """Find the buckets of a band that hold two texts or more: their members, and where each bucket begins and ends."""
    count, size = len(keys), 16
    while size < 2 * count:
        size *= 2
    table, owner = np.full(size, -1, dtype=np.int32), np.empty(count, dtype=np.int32)
    sizes, mask = np.zeros(count, dtype=np.int32), np.uint64(size - 1)
    for text in range(count):
        slot = np.uint64(keys[text]) & mask
        while table[slot] >= 0 and keys[table[slot]] != keys[text]:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = text
        owner[text] = table[slot]
        sizes[owner[text]] += 1
    places, bounds = np.empty(count, dtype=np.int32), np.zeros(count + 1, dtype=np.int64)
    filled = buckets = 0
    for text in range(count):
        if sizes[text] >= 2:
            places[text] = filled
            filled += sizes[text]
            buckets += 1
            bounds[buckets] = filled
    members = np.empty(filled, dtype=np.int64)
    for text in range(count):
        if sizes[owner[text]] >= 2:
            members[places[owner[text]]] = text
            places[owner[text]] += 1
    return members, bounds[: buckets + 1]


@compiled
def worth_comparing(signatures: Signatures, keys: Keys, one: int, other: int, band: int, least_equal: int) -> bool:
    """Tell whether the signatures of a pair agree often enough and the pair is new in this band."""
    # Counted in 32 bits, as wide as what is compared, so that the processor compares several at once.
    equal = np.uint32(0)
    for place in range(signatures.shape[1]):
        equal += np.uint32(signatures[one, place] == signatures[other, place])
    earlier = 0
    while earlier < band and keys[one, earlier] != keys[other, earlier]:
        earlier += 1
    return bool(earlier == band and equal >= least_equal)


@compiled
def pair_texts(
    signatures: Signatures, by_band: Keys, keys: Keys, ranks: Indices, least_equal: int, max_bucket: int,
    in_capped: Flags,
) -> tuple[Indices, int]:  # fmt: skip
    """Go through the buckets of every band.

    Returns:
        The pairs, as later text * texts + earlier text, and how many buckets were capped.
    """
    pairs, found, capped = np.empty(1024, dtype=np.int64), 0, 0
    for band in range(len(by_band)):
        members, bounds = group(by_band[band])
        for bucket in range(len(bounds) - 1):
            texts = members[bounds[bucket] : bounds[bucket + 1]]
            if len(texts) > max_bucket:
                capped += 1
                in_capped[texts] = True
                texts = texts[np.argsort(ranks[texts])]
            for first in range(min(len(texts), max_bucket)):
                for second in range(first + 1, len(texts)):
                    one, other = min(texts[first], texts[second]), max(texts[first], texts[second])
                    if worth_comparing(signatures, keys, one, other, band, least_equal):
                        if found == len(pairs):
                            pairs = np.concatenate((pairs, np.empty_like(pairs)))
                        pairs[found] = other * len(keys) + one
                        found += 1
            # Who was not paired with all others must not count as compared in later bands.
            for place in range(max_bucket, len(texts)):
                keys[texts[place], band] = texts[place]
    return pairs[:found], capped
