"""MinHash signatures and LSH bands of texts, and the links between near-duplicates.

Broder, "On the resemblance and containment of documents" (1997): the share of equal positions in two signatures
estimates the Jaccard similarity of the two shingle sets. Hashing is multiply-shift (Dietzfelbinger, 1996). All
constants derive from SHA-256 of the seed, so signatures are the same on every machine and for ever.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Signatures = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

WHITE_SPACE = re.compile(r"\s+")
PADDING = 0x110000
"""One past the last code point: fills texts shorter than a shingle and cannot come from a text."""
CHUNK_SHINGLES = 1 << 16
"""Shingles hashed at once: half a megabyte, which stays in the processor's cache."""
BASE = np.uint64(0x9E3779B97F4A7C15)


def normalise(text: str) -> str:
    """Fold what does not make a text another text: compatibility forms, case, white space."""
    return WHITE_SPACE.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def signatures(texts: Sequence[str], shingle_chars: int, permutations: int, seed: int) -> Signatures:
    """Compute a signature a text, over its character n-grams.

    Args:
        texts: n texts; one shorter than `shingle_chars`, even an empty one, is its own single shingle.
        shingle_chars: characters a shingle.
        permutations: signature length.
        seed: names the family of hash functions.

    Returns:
        Array [n, permutations].
    """
    multipliers, offsets = hash_family(permutations, seed)
    result = np.empty((len(texts), permutations), dtype=np.int32)
    for first, shingles, starts in chunk_shingles(texts, shingle_chars):
        rows = result[first : first + len(starts)].view(np.uint32)
        for index in range(permutations):
            values = (shingles * multipliers[index] + offsets[index]) >> np.uint64(32)
            rows[:, index] = np.minimum.reduceat(values, starts)
    return result


def chunk_shingles(texts: Sequence[str], shingle_chars: int) -> Iterator[tuple[int, Words, npt.NDArray[np.int64]]]:
    """Hash shingles to 32 bits, a few texts at a time: index of the first text, hashes, start of each text in them."""
    first, size = 0, 0
    codes: list[npt.NDArray[np.uint32]] = []
    for index, text in enumerate(texts):
        codes.append(code_points(text, shingle_chars))
        size += len(codes[-1])
        if size >= CHUNK_SHINGLES:
            yield first, *hash_shingles(codes, shingle_chars)
            first, size, codes = index + 1, 0, []
    if codes:
        yield first, *hash_shingles(codes, shingle_chars)


def code_points(text: str, shingle_chars: int) -> npt.NDArray[np.uint32]:
    """Give the code points of the normalised text, at least one shingle of them."""
    codes = np.frombuffer(normalise(text).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    missing = max(0, shingle_chars - len(codes))
    return np.pad(codes, (0, missing), constant_values=PADDING) if missing else codes


def hash_shingles(codes: Sequence[npt.NDArray[np.uint32]], shingle_chars: int) -> tuple[Words, npt.NDArray[np.int64]]:
    """Hash every window of `shingle_chars` code points that does not cross from one text into the next."""
    joined = np.concatenate(codes).astype(np.uint64)
    windows = len(joined) - shingle_chars + 1
    hashes = np.zeros(windows, dtype=np.uint64)
    for place in range(shingle_chars):
        hashes = hashes * BASE + joined[place : place + windows]
    counts = np.array([len(code) - shingle_chars + 1 for code in codes], dtype=np.int64)
    lengths = counts + shingle_chars - 1
    begins = np.cumsum(lengths) - lengths
    starts = np.cumsum(counts) - counts
    inside = np.repeat(begins - starts, counts) + np.arange(counts.sum())
    return mix(hashes[inside]) >> np.uint64(32), starts


def mix(values: Words) -> Words:
    """Spread 64-bit values evenly (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def hash_family(permutations: int, seed: int) -> tuple[Words, Words]:
    """Derive multipliers (odd) and offsets of the hash functions."""
    digests = [hashlib.sha256(f"minhash/{seed}/{index}".encode()).digest() for index in range(permutations)]
    numbers = np.array([np.frombuffer(digest[:16], dtype="<u8") for digest in digests], dtype=np.uint64)
    numbers = numbers.reshape(permutations, 2)
    return numbers[:, 0] | np.uint64(1), numbers[:, 1]


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
    parts = signatures.astype(np.uint32).astype(np.uint64).reshape(-1, bands, rows)
    keys = np.broadcast_to(mix(np.arange(1, bands + 1, dtype=np.uint64)), parts.shape[:2])
    for row in range(rows):
        keys = mix((keys ^ parts[:, :, row]) * BASE)
    return keys.astype(np.int64)


def estimate_similarity(a: Signatures, b: Signatures) -> npt.NDArray[np.float64]:
    """Estimate Jaccard similarities, 0 to 1: the share of equal positions; shapes [..., permutations] broadcast."""
    return np.asarray(np.mean(a == b, axis=-1), dtype=np.float64)


def link_earliest(signatures: Signatures, keys: Keys, threshold: float) -> npt.NDArray[np.int64]:
    """Link each text to the earliest one before it that shares a band and is similar enough.

    Args:
        signatures: array [n, permutations], in the order of arrival.
        keys: band keys [n, bands] of the same texts.
        threshold: least estimated similarity of a link.

    Returns:
        Array [n]: index of the linked text, -1 where there is none.
    """
    links = np.full(len(signatures), -1, dtype=np.int64)
    seen: dict[bytes, int] = {}
    members: dict[int, list[int]] = {}
    for index, signature in enumerate(signatures):
        # An equal signature has the same candidates, and its first bearer is one of them: without this, n copies of
        # one text would cost n * n comparisons.
        twin = seen.setdefault(signature.tobytes(), index)
        if twin != index:
            links[index] = links[twin] if links[twin] >= 0 else twin
            continue
        buckets = [members.setdefault(int(key), []) for key in keys[index]]
        candidates = np.array(sorted(set().union(*buckets)), dtype=np.int64)
        near = candidates[estimate_similarity(signatures[candidates], signature) >= threshold]
        links[index] = near[0] if len(near) else -1
        for bucket in buckets:
            bucket.append(index)
    return links
