"""A scanner that finds nothing proves nothing: it must find every value in a deliberately leaky folder."""

import base64
import gzip
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.canaries import make_canaries
from tests.leaks import find_leaks

VALUES = [canary.trace for canary in make_canaries()] + ["Zoë Kovács-Nguyễn", "زينب الفيكسي"]
LINES = "\n".join(f"some words before {value}, and some after" for value in VALUES)
EACH_JSON = "\n".join(json.dumps({"stats": json.dumps({"minValues": {"text": value}})}) for value in VALUES)


def each_base64(shift: int) -> bytes:
    return b"\n\n".join(base64.b64encode(b"x" * shift + f"before {value} after".encode()) for value in VALUES)


def parquet(compression: str, column: pa.Array) -> Callable[[Path], object]:
    # Several row groups: a reader of the first one alone finds a third.
    return lambda path: pq.write_table(
        pa.table({"id": range(len(column)), "c": column}), path, 100, compression=compression
    )


def lz4_blocks(content: bytes) -> bytes:
    packed = pa.Codec("lz4_raw").compress(content, asbytes=True)
    return b"LZ4Block" + struct.pack("<BIII", 0x26, len(packed), len(content), 0) + packed


def footer_only(path: Path) -> None:
    table = pa.table({"id": [1]}).replace_schema_metadata({"org.example.note": LINES})
    pq.write_table(table, path)


def digits_apart(value: str) -> str:
    return ".".join(re.findall(r"\d{1,3}", value)) if re.fullmatch(r"[\d ()+-]{9,}", value) else value


WRITERS: dict[str, Callable[[Path], object]] = {
    "log": lambda path: path.write_text(LINES),
    "upper case": lambda path: path.write_text(LINES.upper()),
    "other marks between digits": lambda path: path.write_text("\n".join(map(digits_apart, VALUES))),
    "json in json": lambda path: path.write_text(EACH_JSON),
    "url": lambda path: path.write_text("&q=".join(quote(value) for value in VALUES)),
    "url twice": lambda path: path.write_text("&q=".join(quote(quote(value)) for value in VALUES)),
    "html": lambda path: path.write_text("".join(f"&#{ord(letter)};" for letter in LINES)),
    "hex": lambda path: path.write_text(LINES.encode().hex()),
    "utf-16": lambda path: path.write_bytes(LINES.encode("utf-16-le")),
    "utf-16 big-endian": lambda path: path.write_bytes(LINES.encode("utf-16-be")),
    "between binary": lambda path: path.write_bytes(bytes(range(256)) + LINES.encode() + b"\xff\x00\xfe"),
    "gzip": lambda path: path.write_bytes(gzip.compress(LINES.encode())),
    "gzip inside": lambda path: path.write_bytes(b"head" + gzip.compress(LINES.encode()) + b"tail"),
    "zlib": lambda path: path.write_bytes(zlib.compress(LINES.encode())),
    "zstd": lambda path: path.write_bytes(pa.Codec("zstd").compress(LINES.encode(), asbytes=True)),
    "spark's lz4": lambda path: path.write_bytes(lz4_blocks(LINES.encode())),
    "base64": lambda path: path.write_bytes(each_base64(0)),
    "base64 shifted by one": lambda path: path.write_bytes(each_base64(1)),
    "base64 shifted by two": lambda path: path.write_bytes(each_base64(2)),
    "base64 of a url": lambda path: path.write_bytes(base64.urlsafe_b64encode(LINES.encode())),
    "base64 in lines": lambda path: path.write_bytes(base64.encodebytes(LINES.encode())),
    "gzip in base64 in json": lambda path: path.write_text(
        json.dumps({"state": base64.b64encode(gzip.compress(LINES.encode())).decode()})
    ),
    "parquet snappy": parquet("snappy", pa.array(VALUES)),
    "parquet zstd binary": parquet("zstd", pa.array([value.encode() for value in VALUES])),
    "parquet gzip nested": parquet("gzip", pa.array([[{"key": "k", "value": value.encode()}] for value in VALUES])),
    "parquet dictionary": parquet("snappy", pa.array(VALUES).dictionary_encode()),
    "parquet footer": footer_only,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_every_leaked_value_is_found_in_every_form(tmp_path: Path, name: str) -> None:
    (tmp_path / "clean.txt").write_text("nothing here but 1234567890 and c29tZSBwbGFpbiB3b3Jkcw==")
    WRITERS[name](tmp_path / "leaky.bin")
    assert find_leaks(tmp_path, [*VALUES, "never planted"]) == [
        f"leaky.bin: value {number}" for number in range(len(VALUES))
    ]


def test_a_value_in_a_name_is_found_and_a_skipped_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "raw.txt").write_text(LINES)
    (tmp_path / quote(VALUES[8], safe="")).touch()
    assert [leak.rpartition(" ")[2] for leak in find_leaks(tmp_path, VALUES, skip=("vault",))] == ["8"]


def test_a_number_that_only_begins_like_a_planted_one_is_no_leak(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text(json.dumps({"position": "000913808683/1", "bands": [9138086830001]}))
    assert find_leaks(tmp_path, ["913-80-8683"]) == []
