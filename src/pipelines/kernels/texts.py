"""Many texts in one UTF-8 buffer, as Arrow holds them: normalised, and equal ones found, without a Python call each.

Only a text with a character beyond ASCII takes the road through Python, where Unicode's tables are.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled

Bytes = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

WORD = 8
"""Bytes a word: each text begins on a word and is filled up with zeros, so that texts are compared by words."""
SPACE = 32
FOLDED = np.array(
    [SPACE if chr(byte).isspace() and byte < 128 else ord(chr(byte).lower()) & 0xFF for byte in range(256)],
    dtype=np.uint8,
)
"""What each ASCII byte becomes: lower case, white space a space."""


@dataclass(frozen=True)
class Texts:
    """Normalised texts.

    Attributes:
        data: their UTF-8 bytes.
        starts: where each begins in data, a multiple of WORD.
        ends: where each ends, without the zeros that follow.
        plain: which are ASCII only.
    """

    data: Bytes
    starts: Indices
    ends: Indices
    plain: Flags

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, places: Indices) -> "Texts":
        """Choose some of them; the bytes are not copied."""
        return Texts(self.data, self.starts[places], self.ends[places], self.plain[places])

    def text(self, place: int) -> str:
        """Give one of them as a string."""
        return decode(self.data[self.starts[place] : self.ends[place]])


def join_texts(parts: Sequence[Texts]) -> Texts:
    """Put texts of several buffers into one."""
    sizes = np.cumsum([0, *(len(part.data) for part in parts)])
    return Texts(
        data=np.concatenate([part.data for part in parts]),
        starts=np.concatenate([part.starts + size for part, size in zip(parts, sizes, strict=False)]),
        ends=np.concatenate([part.ends + size for part, size in zip(parts, sizes, strict=False)]),
        plain=np.concatenate([part.plain for part in parts]),
    )


def normalise(text: str) -> str:
    """Fold what does not make a text another text: compatibility forms, case, white space."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def decode(data: Bytes) -> str:
    """Read UTF-8; a lone surrogate, which JSON can smuggle in, is kept."""
    return data.tobytes().decode("utf-8", "surrogatepass")


def encode(texts: Sequence[str]) -> tuple[Indices, Bytes]:
    """Lay strings into one buffer: offsets [n + 1] and bytes, as an Arrow string array has them."""
    lengths = [len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts]
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets, np.frombuffer("".join(texts).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def normalise_texts(offsets: npt.NDArray[np.signedinteger], data: Bytes) -> Texts:
    """Normalise texts that stand in one buffer.

    Args:
        offsets: n + 1 places in `data`; text i stands from offsets[i] to offsets[i + 1].
        data: UTF-8 bytes.
    """
    # Read-only whatever comes, so that the loop is compiled for one type.
    data = data.view()
    data.flags.writeable = False
    begins = offsets.astype(np.int64)
    starts, size = lay_out(np.diff(begins))
    folded = np.zeros(size, dtype=np.uint8)
    ends, plain = starts.copy(), np.ones(len(starts), dtype=np.bool_)
    fold_plain(data, begins, FOLDED, starts, ends, plain, folded)
    rest = np.flatnonzero(~plain)
    if len(rest):
        texts = [normalise(decode(data[begins[place] : begins[place + 1]])) for place in rest]
        more, starts[rest], ends[rest] = pack(texts, len(folded))
        folded = np.concatenate([folded, more])
    return Texts(folded, starts, ends, plain)


def lay_out(lengths: Indices) -> tuple[Indices, int]:
    """Give each text its place, whole words apart, and the size of them all."""
    room = -(-lengths // WORD) * WORD
    ends = np.cumsum(room)
    return ends - room, int(ends[-1]) if len(ends) else 0


def pack(texts: Sequence[str], first: int) -> tuple[Bytes, Indices, Indices]:
    """Lay texts into a buffer that begins at place `first` of a larger one: bytes, starts, ends."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(one) for one in encoded], dtype=np.int64)
    starts, _ = lay_out(lengths)
    joined = b"".join(one + bytes(-len(one) % WORD) for one in encoded)
    return np.frombuffer(joined, dtype=np.uint8), first + starts, first + starts + lengths


@compiled
def fold_plain(
    data: Bytes, begins: Indices, folded: Bytes, starts: Indices, ends: Indices, plain: Flags, out: Bytes
) -> None:
    """Normalise the ASCII texts into `out`; mark the others and leave their place empty.

    Places are unsigned, which spares the loop the question whether they count from the end.
    """
    for text in range(len(starts)):
        start, source_end = np.uint64(starts[text]), np.uint64(begins[text + 1])
        place, before, seen = start, np.uint8(SPACE), np.uint8(0)
        for source in range(np.uint64(begins[text]), source_end):
            seen |= data[source]
            code = folded[data[source]]
            out[place] = code
            # The place only moves on when this byte stays: of a run of spaces the first one does.
            place += np.uint64((code != SPACE) | (before != SPACE))
            before = code
        if place > start and before == SPACE:
            place -= np.uint64(1)
        if seen >= 128:
            plain[text] = False
            place = start
        ends[text] = place
        for behind in range(place, start + np.uint64(begins[text + 1] - begins[text])):
            out[behind] = 0


def first_equal(texts: Texts) -> Indices:
    """Find for each text the earliest one that equals it, itself included, in time linear in the bytes."""
    result = np.empty(len(texts), dtype=np.int64)
    words = texts.data.view(np.uint64)
    find_first_equal(words, texts.starts // WORD, -(-texts.ends // WORD), texts.ends - texts.starts, result)
    return result


def fingerprints(texts: Texts) -> Words:
    """Hash each whole text to 64 bits: an order of texts that does not depend on how they arrived."""
    result = np.empty(len(texts), dtype=np.uint64)
    words = texts.data.view(np.uint64)
    hash_texts(words, texts.starts // WORD, -(-texts.ends // WORD), texts.ends - texts.starts, result)
    return result


@compiled
def hash_text(words: Words, start: int, end: int, length: int) -> np.uint64:
    """Hash whole words; the finaliser is splitmix64's."""
    value = np.uint64(length) * np.uint64(0x9E3779B97F4A7C15)
    for place in range(start, end):
        value = (value ^ words[place]) * np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(32)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled
def hash_texts(words: Words, starts: Indices, ends: Indices, lengths: Indices, out: Words) -> None:
    """Hash every text."""
    for text in range(len(starts)):
        out[text] = hash_text(words, starts[text], ends[text], lengths[text])


@compiled
def same_words(words: Words, one: int, other: int, count: int) -> bool:
    """Compare two texts of the same length, byte for byte."""
    step = 0
    while step < count and words[one + step] == words[other + step]:
        step += 1
    return step == count


@compiled
def find_first_equal(words: Words, starts: Indices, ends: Indices, lengths: Indices, first: Indices) -> None:
    """Look every text up in a table with open addressing, and enter it where it is new."""
    size = 16
    while size < 2 * len(starts):
        size *= 2
    table = np.full(size, -1, dtype=np.int64)
    hashes = np.empty(len(starts), dtype=np.uint64)
    for text in range(len(starts)):
        hashes[text] = hash_text(words, starts[text], ends[text], lengths[text])
        slot = np.int64(hashes[text] & np.uint64(size - 1))
        first[text] = text
        while table[slot] >= 0:
            other = table[slot]
            alike = hashes[other] == hashes[text] and lengths[other] == lengths[text]
            if alike and same_words(words, starts[text], starts[other], ends[text] - starts[text]):
                first[text] = other
                break
            slot = (slot + 1) & (size - 1)
        if first[text] == text:
            table[slot] = text


def as_strings(texts: Texts) -> Iterator[str]:
    """Give all of them as strings, one after the other."""
    return (texts.text(place) for place in range(len(texts)))
