"""Which of many texts share an LSH band with a new one: small tables that can be read from a file as they stand.

A band key is 64 bits wide. Of a segment of n texts the upper bits choose a slot of a directory with about n / 8 slots,
the next 16 bits stand beside the text's number as a tag: 6.5 bytes a text and band instead of 12, and a look-up reads
two neighbouring places. A tag that agrees by chance (about 8 in 65,536) only costs a comparison.

Beside the postings stands a sketch of each text: the lowest two bits of every signature position (Li, König, "b-Bit
Minwise Hashing", 2010), by which most candidates are dismissed before their text is read.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.bands import STANDARD_ERRORS, Keys
from pipelines.kernels.compiling import compiled
from pipelines.kernels.minhash import Codes, Signatures
from pipelines.kernels.texts import Flags, Indices, Words

Tags = npt.NDArray[np.uint16]
Days = npt.NDArray[np.int32]

SLOT_TEXTS = 8
TAG_BITS = 16
POSITIONS_A_WORD = 16
CHANCE = 0.25
"""Probability that two bits agree although the positions do not."""


@dataclass(frozen=True)
class Postings:
    """Texts by band key.

    Attributes:
        directory: array [bands, slots + 1]; the postings of a slot stand from directory[band, slot] to the next.
        tags: array [bands, n], ascending within a slot.
        entries: array [bands, n]: numbers of texts, ascending where slot and tag are equal.
    """

    directory: Codes
    tags: Tags
    entries: Codes


@dataclass(frozen=True)
class Query:
    """Texts whose like is looked for.

    Attributes:
        keys: band keys [n, bands].
        sketches: array [n, words].
        earliest: texts of an earlier day are passed over, shape (n,), in days.
        before: of each text, entries from this number on are passed over, shape (n,).
    """

    keys: Keys
    sketches: Codes
    earliest: Days
    before: Indices


@dataclass(frozen=True)
class Found:
    """Candidates: which text asks, which entry may resemble it, at how many positions their sketches differ."""

    asking: Indices
    entry: Indices
    differing: Indices


def post(keys: Keys) -> Postings:
    """Sort texts into postings, by their band keys [n, bands]."""
    count, bands = keys.shape
    slots = 1 << (count // SLOT_TEXTS).bit_length()
    directory = np.empty((bands, slots + 1), dtype=np.uint32)
    tags, entries = np.empty((bands, count), dtype=np.uint16), np.empty((bands, count), dtype=np.uint32)
    for band in range(bands):
        short = np.ascontiguousarray(keys[:, band]).view(np.uint64) >> np.uint64(shift(slots))
        order = np.argsort(short, kind="stable")
        directory[band] = np.searchsorted(short[order] >> np.uint64(TAG_BITS), np.arange(slots + 1, dtype=np.uint64))
        tags[band], entries[band] = short[order] & np.uint64(0xFFFF), order
    return Postings(directory, tags, entries)


def shift(slots: int) -> int:
    """Say how many bits of a key are not used."""
    return 64 - TAG_BITS - (slots - 1).bit_length()


def sketch(signatures: Signatures) -> Codes:
    """Keep the lowest two bits of every position: array [n, words], 16 positions a word."""
    count, length = signatures.shape
    words = -(-length // POSITIONS_A_WORD)
    padded = np.zeros((count, words * POSITIONS_A_WORD), dtype=np.uint32)
    padded[:, :length] = signatures.view(np.uint32) & np.uint32(3)
    shifts = (2 * np.arange(POSITIONS_A_WORD)).astype(np.uint32)
    pairs = padded.reshape(count, words, POSITIONS_A_WORD) << shifts
    packed: Codes = np.bitwise_or.reduce(pairs, axis=2).astype(np.uint32)
    return packed


def most_differing(threshold: float, positions: int) -> int:
    """Say at how many positions sketches may differ for an exact comparison to be worth it."""
    chance = (1.0 - threshold) * (1.0 - CHANCE)
    return math.ceil(positions * chance + STANDARD_ERRORS * math.sqrt(positions * chance * (1.0 - chance)))


def look_up(
    postings: Postings, sketches: Codes, days: Days, query: Query, most: int, max_bucket: int, capped: Flags
) -> Found:
    """Find the candidates of each asking text, each once; mark in `capped` which did not see all of a giant bucket.

    Args:
        postings: of the entries.
        sketches: of the entries, array [n, words].
        days: of the entries.
        query: what is asked.
        most: positions at which the sketches may differ.
        max_bucket: entries of a bucket that are looked at, the earliest first.
        capped: written to, shape (number of asking texts,).
    """
    asking, entry, apart = find_entries(
        postings.directory, postings.tags, postings.entries, np.uint64(shift(postings.directory.shape[1] - 1)),
        query.keys.view(np.uint64), sketches, query.sketches, days, query.earliest, query.before,
        most, max_bucket, capped,
    )  # fmt: skip
    return Found(asking, entry, apart)


@compiled
def differing(one: Codes, other: Codes) -> int:
    """Count the positions at which two sketches differ."""
    count = np.uint64(0)
    for word in range(len(one)):
        bits = np.uint64(one[word] ^ other[word])
        bits = (bits | (bits >> np.uint64(1))) & np.uint64(0x55555555)
        bits = (bits & np.uint64(0x33333333)) + ((bits >> np.uint64(2)) & np.uint64(0x33333333))
        bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F)
        count += ((bits * np.uint64(0x01010101)) & np.uint64(0xFFFFFFFF)) >> np.uint64(24)
    return int(count)


@compiled
def find_entries(
    directory: Codes, tags: Tags, entries: Codes, unused: np.uint64, keys: Words, known: Codes, asked: Codes,
    days: Days, earliest: Days, before: Indices, most: int, max_bucket: int, capped: Flags,
) -> tuple[Indices, Indices, Indices]:  # fmt: skip
    """Walk the slot of every band of every asking text."""
    found, filled = np.empty((3, 1024), dtype=np.int64), 0
    seen = np.zeros(len(known), dtype=np.uint32)
    for text in range(len(keys)):
        for band in range(len(directory)):
            short = keys[text, band] >> unused
            tag, slot, compared = np.uint16(short & np.uint64(0xFFFF)), short >> np.uint64(16), 0
            for place in range(directory[band, slot], directory[band, slot + np.uint64(1)]):
                entry = np.int64(entries[band, place])
                if tags[band, place] != tag or days[entry] < earliest[text] or entry >= before[text]:
                    continue
                if compared == max_bucket:
                    capped[text] = True
                    break
                compared += 1
                if seen[entry] == text + 1:
                    continue
                seen[entry] = text + 1
                apart = differing(known[entry], asked[text])
                if apart <= most:
                    if filled == found.shape[1]:
                        found = np.concatenate((found, np.empty_like(found)), axis=1)
                    found[0, filled], found[1, filled], found[2, filled] = text, entry, apart
                    filled += 1
    return found[0, :filled], found[1, :filled], found[2, :filled]
