"""Normalised texts in compressed blocks: small enough to keep weeks of them, quick to read a few of them again."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.kernels.compiling import compiled
from pipelines.kernels.texts import Bytes, Flags, Indices, Texts, lay_out

Lengths = npt.NDArray[np.int32]

BLOCK_TEXTS = 64
"""Texts a block: more compress better, fewer are read faster. At 64, tickets of 45 words take about a third."""
CODEC, LEVEL = "zstd", 3


@dataclass(frozen=True)
class TextStore:
    """Texts, `BLOCK_TEXTS` to a block.

    Attributes:
        blocks: the compressed blocks, one after the other.
        bounds: block i stands from bounds[i] to bounds[i + 1].
        lengths: bytes of each text.
    """

    blocks: Bytes
    bounds: Indices
    lengths: Lengths

    def __len__(self) -> int:
        return len(self.lengths)


def store_texts(texts: Texts) -> TextStore:
    """Compress texts."""
    codec = pa.Codec(CODEC, compression_level=LEVEL)
    blocks = [codec.compress(block, asbytes=True) for block in cut(texts)]
    bounds = np.zeros(len(blocks) + 1, dtype=np.int64)
    np.cumsum([len(block) for block in blocks], out=bounds[1:])
    lengths = (texts.ends - texts.starts).astype(np.int32)
    return TextStore(np.frombuffer(b"".join(blocks), dtype=np.uint8), bounds, lengths)


def cut(texts: Texts) -> Iterator[bytes]:
    """Give the bytes of each block."""
    for first in range(0, len(texts), BLOCK_TEXTS):
        places = range(first, min(first + BLOCK_TEXTS, len(texts)))
        yield b"".join(texts.data[texts.starts[place] : texts.ends[place]].tobytes() for place in places)


def read_texts(store: TextStore, places: Indices) -> Texts:
    """Read some texts again, in the order of `places`; each block that holds one of them is opened once."""
    ends = np.cumsum(store.lengths, dtype=np.int64)
    starts = ends - store.lengths
    wanted, numbers = np.unique(places // BLOCK_TEXTS, return_inverse=True)
    first = starts[wanted * BLOCK_TEXTS]
    last = ends[np.minimum((wanted + 1) * BLOCK_TEXTS, len(store)) - 1]
    codec = pa.Codec(CODEC)
    opened = [
        codec.decompress(store.blocks[store.bounds[block] : store.bounds[block + 1]], int(size), asbytes=True)
        for block, size in zip(wanted.tolist(), last - first, strict=True)
    ]
    begins = np.cumsum(last - first) - (last - first)
    source = begins[numbers] + starts[places] - first[numbers]
    lengths = store.lengths[places].astype(np.int64)
    laid, size = lay_out(lengths)
    data, plain = np.zeros(size, dtype=np.uint8), np.ones(len(places), dtype=np.bool_)
    copy_texts(np.frombuffer(b"".join(opened), dtype=np.uint8), source, lengths, laid, data, plain)
    return Texts(data, laid, laid + lengths, plain)


@compiled
def copy_texts(source: Bytes, begins: Indices, lengths: Indices, starts: Indices, out: Bytes, plain: Flags) -> None:
    """Lay texts out anew, and see which are ASCII only."""
    for text in range(len(starts)):
        seen = np.uint8(0)
        for place in range(lengths[text]):
            out[starts[text] + place] = source[begins[text] + place]
            seen |= source[begins[text] + place]
        plain[text] = seen < 128
