"""A scanner that finds planted values wherever they may have leaked: plain, escaped, encoded, or inside Parquet."""

import base64
import gzip
import json
import zlib
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq


def forms(value: str) -> set[bytes]:
    """Every form a value may take in a file."""
    raw = value.encode()
    # Base64 of a longer text holds the value at one of three alignments; its first and last characters may differ.
    encoded = {base64.b64encode(b" " * shift + raw)[4:-4] for shift in range(3)}
    return {
        raw,
        json.dumps(value)[1:-1].encode(),
        quote(value).encode(),
        raw.hex().encode(),
        value.encode("utf-16-le"),
    } | encoded


def find_leaks(folder: Path, values: list[str], skip: tuple[str, ...] = ()) -> list[str]:
    """Name each file under a folder that holds a planted value, as `path: which value` (its number, never itself)."""
    wanted = [(number, forms(value)) for number, value in enumerate(values)]
    leaks = []
    for path in sorted(folder.rglob("*")):
        relative = str(path.relative_to(folder))
        if not path.is_file() or relative.startswith(skip):
            continue
        content = b"\n".join(views(path))
        leaks += [
            f"{relative}: value {number}" for number, shapes in wanted if any(shape in content for shape in shapes)
        ]
    return leaks


def views(path: Path) -> list[bytes]:
    """A file's bytes, and what they say once decoded."""
    raw = path.read_bytes()
    if raw[:4] == b"PAR1":
        table = pq.read_table(path)
        columns = [str(cell.as_py()) for column in table.columns for chunk in column.chunks for cell in chunk]
        return [raw, "\n".join(columns).encode()]
    if raw[:2] == b"\x1f\x8b":
        return [raw, gzip.decompress(raw)]
    try:
        return [raw, zlib.decompress(raw)]
    except zlib.error:
        return [raw]
