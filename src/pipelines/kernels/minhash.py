"""MinHash signatures of texts over character n-grams, and the shingle sets themselves for the exact similarity.

Broder, "On the resemblance and containment of documents" (1997): the share of equal positions in two signatures
estimates the Jaccard similarity of the two shingle sets. A shingle is hashed once, to 64 bits (Karp and Rabin's
rolling hash, 1987, through a finaliser); its k values are high + a_k * low over the two halves modulo 2^32 (Kirsch and
Mitzenmacher, "Less hashing, same performance", 2006), which are pairwise independent, so the estimate has the variance
of k independent functions. Base, key and all a_k derive from SHA-256 of the seed, so signatures are the same on every
machine and for ever.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled
from pipelines.kernels.texts import Bytes, Flags, Indices, Texts, Words

Signatures = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint32]

PADDING = 0x110000
"""One past the last code point: fills texts shorter than a shingle and cannot come from a text."""
LANES = 32
"""Shingles are hashed in multiples of this many, the last one repeated, so that no loop has a remainder."""


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


def multipliers(permutations: int, seed: int) -> Codes:
    """Derive a_k for each signature position, filled up to a multiple of four (see `least_values`)."""
    digests = [hashlib.sha256(f"minhash/{seed}/{index}".encode()).digest() for index in range(permutations)]
    numbers = np.array([int.from_bytes(digest[:4], "little") for digest in digests], dtype=np.uint32)
    return np.pad(numbers, (0, -permutations % 4))


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
    family = shingle_hash(shingle_chars, seed)
    factors = multipliers(permutations, seed)
    result = np.empty((len(texts), len(factors)), dtype=np.uint32)
    room = longest(texts) + shingle_chars + LANES
    sign_texts(
        texts.data, texts.starts, texts.ends, texts.plain, shingle_chars, family.base, family.power, family.key,
        factors, room, result,
    )  # fmt: skip
    return np.ascontiguousarray(result[:, :permutations]).view(np.int32)


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
def read_codes(data: Bytes, start: int, end: int, plain: bool, chars: int, codes: Codes) -> int:
    """Read the code points of a text, at least `chars` of them: a shorter text is padded. Returns how many."""
    count = 0
    if plain:
        count = end - start
        for place in range(count):
            codes[place] = data[start + place]
    else:
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
def roll(codes: Codes, count: int, chars: int, base: np.uint64, power: np.uint64, key: np.uint64, out: Words) -> int:
    """Hash every window of `chars` code points. Returns how many there are."""
    value = np.uint64(0)
    for place in range(chars):
        value = value * base + np.uint64(codes[place])
    out[0] = mix(value ^ key)
    for place in range(chars, count):
        # Only one multiplication waits for the one before: what leaves is subtracted from what enters.
        value = value * base + (np.uint64(codes[place]) - np.uint64(codes[place - chars]) * power)
        out[place - chars + 1] = mix(value ^ key)
    return count - chars + 1


@compiled
def least_values(low: Codes, high: Codes, count: int, factors: Codes, out: Codes) -> None:
    """Fill one signature: the least of high + a_k * low for each k, four k at a time so that a load serves four."""
    for k in range(0, len(factors), 4):
        one, two, three, four = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
        least_one = least_two = least_three = least_four = np.uint32(0xFFFFFFFF)
        for place in range(count):
            lower, upper = low[place], high[place]
            least_one = min(least_one, np.uint32(lower * one + upper))
            least_two = min(least_two, np.uint32(lower * two + upper))
            least_three = min(least_three, np.uint32(lower * three + upper))
            least_four = min(least_four, np.uint32(lower * four + upper))
        out[k], out[k + 1], out[k + 2], out[k + 3] = least_one, least_two, least_three, least_four


@compiled
def sign_texts(
    data: Bytes, starts: Indices, ends: Indices, plain: Flags, chars: int, base: np.uint64, power: np.uint64,
    key: np.uint64, factors: Codes, room: int, out: Codes,
) -> None:  # fmt: skip
    """Compute all signatures, with one set of scratch arrays."""
    codes, hashes = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint64)
    low, high = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint32)
    for text in range(len(starts)):
        read = read_codes(data, starts[text], ends[text], plain[text], chars, codes)
        count = roll(codes, read, chars, base, power, key, hashes)
        for place in range(count):
            low[place] = np.uint32(hashes[place] & np.uint64(0xFFFFFFFF))
            high[place] = np.uint32(hashes[place] >> np.uint64(32))
        filled = (count + 31) // 32 * 32
        for place in range(count, filled):
            low[place], high[place] = low[count - 1], high[count - 1]
        least_values(low, high, filled, factors, out[text])


def estimate_similarity(a: Signatures, b: Signatures) -> npt.NDArray[np.float64]:
    """Estimate Jaccard similarities, 0 to 1: the share of equal positions; shapes [..., permutations] broadcast."""
    return np.asarray(np.mean(a == b, axis=-1), dtype=np.float64)


@dataclass(frozen=True)
class ShingleSets:
    """The distinct shingles of texts, as sorted 64-bit hashes: those of text i stand from bounds[i] to bounds[i + 1].

    Two shingles of one text share a hash with a probability of about 2^-64, so what is computed from the sets is exact.
    """

    values: Words
    bounds: Indices


def shingle_sets(texts: Texts, shingle_chars: int, seed: int) -> ShingleSets:
    """Collect the distinct shingles of each text; arguments as for `signatures`."""
    family = shingle_hash(shingle_chars, seed)
    most = np.maximum(texts.ends - texts.starts - shingle_chars + 1, 1)
    values, bounds = np.empty(int(most.sum()), dtype=np.uint64), np.zeros(len(texts) + 1, dtype=np.int64)
    room = longest(texts) + shingle_chars + LANES
    collect_sets(
        texts.data, texts.starts, texts.ends, texts.plain, shingle_chars, family.base, family.power, family.key,
        room, values, bounds,
    )  # fmt: skip
    return ShingleSets(values[: bounds[-1]], bounds)


@compiled
def sort_hashes(hashes: Words, count: int, out: Words) -> None:
    """Sort evenly spread values in linear time: by their highest bits, then by insertion."""
    bits = 1
    while (1 << bits) < count:
        bits += 1
    shift = np.uint64(64 - bits)
    places = np.zeros((1 << bits) + 1, dtype=np.int64)
    for index in range(count):
        places[np.int64(hashes[index] >> shift) + 1] += 1
    for bucket in range(1 << bits):
        places[bucket + 1] += places[bucket]
    for index in range(count):
        top = np.int64(hashes[index] >> shift)
        out[places[top]] = hashes[index]
        places[top] += 1
    for index in range(1, count):
        value, place = out[index], index
        while place > 0 and out[place - 1] > value:
            out[place] = out[place - 1]
            place -= 1
        out[place] = value


@compiled
def collect_sets(
    data: Bytes, starts: Indices, ends: Indices, plain: Flags, chars: int, base: np.uint64, power: np.uint64,
    key: np.uint64, room: int, values: Words, bounds: Indices,
) -> None:  # fmt: skip
    """Hash, sort and thin out the shingles of every text."""
    codes, hashes = np.empty(room, dtype=np.uint32), np.empty(room, dtype=np.uint64)
    ordered = np.empty(room, dtype=np.uint64)
    filled = 0
    for text in range(len(starts)):
        read = read_codes(data, starts[text], ends[text], plain[text], chars, codes)
        count = roll(codes, read, chars, base, power, key, hashes)
        sort_hashes(hashes, count, ordered)
        for place in range(count):
            if place == 0 or ordered[place] != ordered[place - 1]:
                values[filled] = ordered[place]
                filled += 1
        bounds[text + 1] = filled
