"""MinHash signatures of texts over character n-grams, and the shingle sets themselves for the exact similarity.

Broder, "On the resemblance and containment of documents" (1997): the share of equal positions in two signatures
estimates the Jaccard similarity of the two shingle sets. A shingle is hashed once, to 64 bits (Karp and Rabin's rolling
hash, 1987, through a finaliser): the upper half chooses one of k bins, each bin keeps the least lower half (Li, Owen,
Zhang, "One permutation hashing", 2012), and an empty bin takes over the value of the first filled one in a random order
of its own (Shrivastava, "Optimal densification for fast and accurate minwise hashing", 2017). So a text costs its
shingles once, not k times. All constants but the finaliser's derive from SHA-256 (long tables: SHAKE-256) of the seed,
so signatures are the same on every machine and for ever.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled
from pipelines.kernels.texts import Bytes, Flags, Indices, Texts, Words

Signatures = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int32]

PADDING = 0x110000
"""One past the last code point: fills texts shorter than a shingle and cannot come from a text."""
EMPTY = 0xFFFFFFFF
"""What a bin holds before its first shingle; values have 31 bits, so that none can be mistaken for it."""


@dataclass(frozen=True)
class ShingleHash:
    """The hash of shingles that a seed names.

    Attributes:
        chars: code points a shingle.
        base: what the rolling hash multiplies by.
        power: base to the power of chars: takes out the code point that leaves the window.
        key: mixed in before the finaliser.
    """

    chars: int
    base: np.uint64
    power: np.uint64
    key: np.uint64


def shingle_hash(chars: int, seed: int) -> ShingleHash:
    """Derive the hash of shingles of `chars` code points."""
    base, key = np.frombuffer(hashlib.sha256(f"minhash/{seed}/shingle".encode()).digest()[:16], dtype="<u8")
    odd = int(base) | 1
    return ShingleHash(chars, np.uint64(odd), np.uint64(pow(odd, chars, 1 << 64)), np.uint64(key))


@cache
def detours(bins: int, seed: int) -> tuple[Places, Places]:
    """Derive for each bin the order in which it asks the others when it is empty.

    Returns:
        Arrays [bins, bins]: which bin is asked as the n-th, and as which a bin is asked.
    """
    digest = hashlib.shake_256(f"minhash/{seed}/detours/{bins}".encode()).digest(8 * bins * bins)
    order = np.argsort(np.frombuffer(digest, dtype="<u8").reshape(bins, bins), axis=1, kind="stable")
    return order.astype(np.int32), np.argsort(order, axis=1).astype(np.int32)


def signatures(texts: Texts, shingle_chars: int, permutations: int, seed: int) -> Signatures:
    """Compute a signature a text, over its character n-grams.

    Args:
        texts: n normalised texts; one shorter than `shingle_chars`, even an empty one, is its own single shingle.
        shingle_chars: code points a shingle.
        permutations: signature length.
        seed: names the family of hash functions.

    Returns:
        Array [n, permutations].
    """
    family, (order, turns) = shingle_hash(shingle_chars, seed), detours(permutations, seed)
    result = np.empty((len(texts), permutations), dtype=np.uint32)
    sign_texts(
        texts.data, texts.starts, texts.ends, texts.plain, shingle_chars, family.base, family.power, family.key,
        order, turns, longest(texts) + shingle_chars, result,
    )  # fmt: skip
    return result.view(np.int32)


def longest(texts: Texts) -> int:
    """Give the bytes of the longest text."""
    return int((texts.ends - texts.starts).max(initial=0))


@compiled
def mix(value: np.uint64) -> np.uint64:
    """Spread 64-bit values evenly (the finaliser of splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def read_codes(data: Bytes, start: int, end: int, chars: int, codes: Codes) -> int:
    """Read the code points of a text, at least `chars` of them: a shorter text is padded. Returns how many."""
    count = 0
    for place in range(start, end):
        byte = np.uint32(data[place])
        if byte < 0x80:
            codes[count] = byte
            count += 1
        elif byte >= 0xC0:
            # A leading byte: its upper bits say how many follow, the rest are the code point's highest.
            codes[count] = byte & (0x1F if byte < 0xE0 else 0x0F if byte < 0xF0 else 0x07)
            count += 1
        else:
            codes[count - 1] = (codes[count - 1] << np.uint32(6)) | (byte & np.uint32(0x3F))
    while count < chars:
        codes[count] = PADDING
        count += 1
    return count


@compiled
def roll(codes: Codes | Bytes, chars: int, base: np.uint64, power: np.uint64, key: np.uint64, out: Words) -> int:
    """Hash every window of `chars` code points. Returns how many there are."""
    value = np.uint64(0)
    for place in range(chars):
        value = value * base + np.uint64(codes[place])
    out[0] = mix(value ^ key)
    for place in range(len(codes) - chars):
        # Only one multiplication waits for the one before: what leaves is subtracted from what enters.
        value = value * base + (np.uint64(codes[place + chars]) - np.uint64(codes[place]) * power)
        out[place + 1] = mix(value ^ key)
    return len(codes) - chars + 1


@compiled
def hash_shingles(
    data: Bytes, start: int, end: int, plain: bool, chars: int, base: np.uint64, power: np.uint64, key: np.uint64,
    codes: Codes, out: Words,
) -> int:  # fmt: skip
    """Hash the shingles of one text; where every byte is a code point, from the bytes. Returns how many there are."""
    if plain and end - start >= chars:
        return roll(data[start:end], chars, base, power, key, out)
    read = read_codes(data, start, end, chars, codes)
    return roll(codes[:read], chars, base, power, key, out)


@compiled
def fill_bins(hashes: Words, count: int, bins: Codes) -> None:
    """Keep the least value of each bin."""
    bins[:] = EMPTY
    for place in range(count):
        home = ((hashes[place] >> np.uint64(32)) * np.uint64(len(bins))) >> np.uint64(32)
        bins[home] = min(bins[home], np.uint32((hashes[place] & np.uint64(0xFFFFFFFF)) >> np.uint64(1)))


@compiled
def fill_empty(bins: Codes, order: Places, turns: Places, filled: Places, out: Codes) -> None:
    """Give each empty bin the value of the filled one that it asks first.

    With few filled bins the one with the earliest turn is looked for among them, with many the empty bin asks around:
    both find the same one, in at most about the square root of the number of bins.
    """
    count = 0
    for place in range(len(bins)):
        if bins[place] != EMPTY:
            filled[count] = place
            count += 1
    for place in range(len(bins)):
        giver = np.int32(place)
        if bins[place] == EMPTY and count * count <= len(bins):
            giver = filled[0]
            for other in filled[1:count]:
                giver = other if turns[place, other] < turns[place, giver] else giver
        elif bins[place] == EMPTY:
            turn = 0
            while bins[order[place, turn]] == EMPTY:
                turn += 1
            giver = order[place, turn]
        out[place] = bins[giver]


@compiled
def sign_texts(
    data: Bytes, starts: Indices, ends: Indices, plain: Flags, chars: int, base: np.uint64, power: np.uint64,
    key: np.uint64, order: Places, turns: Places, room: int, out: Codes,
) -> None:  # fmt: skip
    """Compute all signatures, with one set of scratch arrays."""
    codes, hashes = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint64)
    bins, filled = np.empty(len(order), dtype=np.uint32), np.empty(len(order), dtype=np.int32)
    for text in range(len(starts)):
        count = hash_shingles(data, starts[text], ends[text], plain[text], chars, base, power, key, codes, hashes)
        fill_bins(hashes, count, bins)
        fill_empty(bins, order, turns, filled, out[text])


def estimate_similarity(a: Signatures, b: Signatures) -> npt.NDArray[np.float64]:
    """Estimate Jaccard similarities, 0 to 1: the share of equal positions; shapes [..., permutations] broadcast."""
    return np.asarray(np.mean(a == b, axis=-1), dtype=np.float64)


@dataclass(frozen=True)
class ShingleSets:
    """The distinct shingles of texts as 64-bit hashes, never 0: those of text i from bounds[i] to bounds[i + 1].

    Two shingles of one text share a hash with a probability of about 2^-64, so what is computed from the sets is exact.
    """

    values: Words
    bounds: Indices


def shingle_sets(texts: Texts, shingle_chars: int, seed: int) -> ShingleSets:
    """Collect the distinct shingles of each text, in the order in which they stand; arguments as for `signatures`."""
    family = shingle_hash(shingle_chars, seed)
    most = np.maximum(texts.ends - texts.starts - shingle_chars + 1, 1)
    values, bounds = np.empty(int(most.sum()), dtype=np.uint64), np.zeros(len(texts) + 1, dtype=np.int64)
    collect_sets(
        texts.data, texts.starts, texts.ends, texts.plain, shingle_chars, family.base, family.power, family.key,
        longest(texts) + shingle_chars, values, bounds,
    )  # fmt: skip
    return ShingleSets(values[: bounds[-1]], bounds)


@compiled
def collect_sets(
    data: Bytes, starts: Indices, ends: Indices, plain: Flags, chars: int, base: np.uint64, power: np.uint64,
    key: np.uint64, room: int, values: Words, bounds: Indices,
) -> None:  # fmt: skip
    """Hash the shingles of every text and keep each once; a table with open addressing tells which are new."""
    codes, hashes = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint64)
    table = np.empty(16 + 8 * room, dtype=np.uint64)
    filled = 0
    for text in range(len(starts)):
        count = hash_shingles(data, starts[text], ends[text], plain[text], chars, base, power, key, codes, hashes)
        size = 16
        while size < 4 * count:
            size *= 2
        table[:size] = 0
        for place in range(count):
            value = max(hashes[place], np.uint64(1))
            slot = value & np.uint64(size - 1)
            while table[slot] != 0 and table[slot] != value:
                slot = (slot + np.uint64(1)) & np.uint64(size - 1)
            values[filled] = value
            filled += int(table[slot] == 0)
            table[slot] = value
        bounds[text + 1] = filled
