"""Segments of the cluster index on the local disk: Arrow tensors one after the other, mapped into memory, not read."""

import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.kernels.postings import Postings
from pipelines.kernels.segments import Members, Segment
from pipelines.kernels.text_store import TextStore

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class SegmentFile:
    """A written segment: its file's name, how many records it holds, and the checksum of its bytes."""

    name: str
    records: int
    checksum: int


def write_segment(segment: Segment, path: Path) -> SegmentFile:
    """Write a segment whole or not at all."""
    parts = (segment.members, segment.postings, segment.texts)
    aside = path.with_suffix(".part")
    with pa.OSFile(str(aside), "wb") as file:
        for array in (segment.sketches, *(array for part in parts for array in vars(part).values())):
            pa.ipc.write_tensor(pa.Tensor.from_numpy(np.ascontiguousarray(array)), file)
    written = SegmentFile(path.name, len(segment), checksum(aside))
    aside.replace(path)
    return written


def open_segment(folder: Path, written: SegmentFile) -> Segment | None:
    """Map a segment into memory; None when its file is gone or is not what was written."""
    path = folder / written.name
    if not path.is_file() or checksum(path) != written.checksum:
        return None
    with pa.memory_map(str(path)) as file:

        def read(kind: type) -> list[np.ndarray]:
            return [pa.ipc.read_tensor(file).to_numpy() for _ in fields(kind)]

        sketches = pa.ipc.read_tensor(file).to_numpy()
        members, postings, texts = Members(*read(Members)), Postings(*read(Postings)), TextStore(*read(TextStore))
    return Segment(members, sketches, postings, texts)


def checksum(path: Path) -> int:
    """Compute the CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            value = zlib.crc32(piece, value)
    return value
