"""A scanner that finds planted values wherever they may have leaked: plain, escaped, encoded, compressed, in Parquet.

Bytes are opened layer by layer (what base64 gives may be gzip, what gzip gives may be JSON in JSON); each layer is
searched without regard to case, and numbers without regard to what parts their digits.
"""

import base64
import html
import io
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MOST_LAYERS = 3
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]*|[A-Za-z0-9+/_-]{12,}")
URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,}")
ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|([\"\\/bfnrt]))")
SHORT_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
ENTITY = re.compile(rb"&(?:#x?[0-9A-Fa-f]+|[a-z]+);")
BETWEEN_DIGITS = re.compile(rb"(?<=\d)(?:[ ().\-/]|\xc2\xa0){1,3}(?=\d)")
DIGITS = re.compile(rb"\d{9,}")
LEAST_DIGITS, SURE_DIGITS = 9, 12
"""A number shorter than nine digits may stand anywhere by chance; one shorter than twelve must stand alone."""
ANCHOR, HASH_BITS, CHUNK = 6, 20, 1 << 18
LARGE = 1 << 20
"""From here on what repeats is read once: an event log says the same strings thousands of times."""
LZ4_HEADER = struct.Struct("<BIII")


class Scanner:
    """Looks for planted values in bytes; it tells their numbers, never the values."""

    def __init__(self, values: Iterable[str]) -> None:
        # Two values may have a form in common: the same telephone number written in two ways.
        self.shapes: dict[bytes, set[int]] = {}
        self.numbers: dict[bytes, set[int]] = {}
        for number, value in enumerate(values):
            for shape in shapes(value):
                self.shapes.setdefault(shape, set()).add(number)
            if is_number(value):
                self.numbers.setdefault(re.sub(r"\D", "", value).encode(), set()).add(number)
        self.anchors = Anchors(self.shapes)

    def scan(self, raw: bytes) -> set[int]:
        """Give the numbers of the values that bytes hold in any form."""
        start = raw if len(raw) < LARGE or raw[:4] == b"PAR1" else b"\n".join(set(re.split(rb'["\n]', raw)))
        return {number for layer in layers(start, MOST_LAYERS, set()) for number in self.search(layer)}

    def search(self, content: bytes) -> set[int]:
        """Search one layer."""
        folded = content.lower()
        found: set[int] = set()
        for view in {folded, folded.replace(b"\0", b"")}:
            found.update(*(self.shapes[shape] for shape in self.anchors.possible(view) if shape in view))
            runs = set(DIGITS.findall(view)) | set(DIGITS.findall(BETWEEN_DIGITS.sub(b"", view)))
            long = b"\n".join(run for run in runs if len(run) > SURE_DIGITS)
            found.update(
                *(
                    numbers
                    for digits, numbers in self.numbers.items()
                    if digits in runs or (len(digits) >= SURE_DIGITS and digits in long)
                )
            )
        return found


class Anchors:
    """Says in one pass which of many byte strings can stand in a text: those whose first bytes do."""

    def __init__(self, shapes: Iterable[bytes]) -> None:
        self.by_anchor: dict[int, list[bytes]] = {}
        for shape in shapes:
            if len(shape) < ANCHOR:
                raise ValueError(f"A planted value of less than {ANCHOR} bytes stands anywhere by chance.")
            self.by_anchor.setdefault(int.from_bytes(shape[:ANCHOR], "big"), []).append(shape)
        self.marked = np.zeros(1 << HASH_BITS, dtype=np.bool_)
        self.marked[self.slots(np.array(list(self.by_anchor), dtype=np.uint64))] = True

    def possible(self, content: bytes) -> Iterator[bytes]:
        """Give the strings that begin somewhere in the content."""
        for first in range(0, len(content), CHUNK):
            data = np.frombuffer(content[first : first + CHUNK + ANCHOR - 1], dtype=np.uint8).astype(np.uint64)
            size = max(0, len(data) - ANCHOR + 1)
            windows = np.zeros(size, dtype=np.uint64)
            for place in range(ANCHOR):
                windows = (windows << np.uint64(8)) | data[place : place + size]
            for anchor in np.unique(windows[self.marked[self.slots(windows)]]).tolist():
                yield from self.by_anchor.get(anchor, ())

    @staticmethod
    def slots(windows: np.ndarray) -> np.ndarray:
        return (windows * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - HASH_BITS)


def find_leaks(folder: Path, values: list[str], skip: tuple[str, ...] = ()) -> list[str]:
    """Name each file under a folder that holds a planted value, as `path: which value` (its number, never itself).

    A value in the file's own path counts as well.
    """
    scanner = Scanner(values)
    leaks = []
    for path in sorted(folder.rglob("*")):
        relative = str(path.relative_to(folder))
        if not path.is_file() or relative.startswith(skip):
            continue
        found = scanner.scan(path.read_bytes()) | scanner.scan(relative.encode())
        leaks += [f"{relative}: value {number}" for number in sorted(found)]
    return leaks


def is_number(value: str) -> bool:
    """Say whether a value is long enough, and nothing but digits and what parts them."""
    return sum(map(str.isdigit, value)) >= LEAST_DIGITS and not any(map(str.isalpha, value))


def shapes(value: str) -> set[bytes]:
    """Give the forms a value may take in a layer, ASCII folded to lower case."""
    compact = re.sub(r"[ -]", "", value)
    grouped = " ".join(compact[start : start + 4] for start in range(0, len(compact), 4))
    regrouped = any(map(str.isdigit, value)) and not is_number(value)
    written = {value, compact, grouped} if regrouped else {value}
    cased = {form for one in written for form in (one, one.lower(), one.upper(), one.casefold())}
    encodings = ("utf-8",) if value.isascii() else ("utf-8", "utf-16-le", "utf-16-be")
    return {form.encode(encoding).lower() for form in cased for encoding in encodings}


def layers(raw: bytes, depth: int, seen: set[int]) -> Iterator[bytes]:
    """Give bytes, and everything that can be decoded inside them, each once."""
    if hash(raw) in seen:
        return
    seen.add(hash(raw))
    yield raw
    if depth:
        # A file that says it is Parquet must be read; what only looks like it after some decoding need not be.
        with suppress(*(() if depth == MOST_LAYERS else (OSError, pa.ArrowException))):
            yield from layers_of_parquet(raw, depth, seen)
        for inner in decoded(raw):
            yield from layers(inner, depth - 1, seen)


def layers_of_parquet(raw: bytes, depth: int, seen: set[int]) -> Iterator[bytes]:
    """Give what stands in a Parquet file, layer by layer."""
    for inner in read_parquet(raw) if raw[:4] == b"PAR1" else ():
        yield from layers(inner, depth - 1, seen)


def decoded(raw: bytes) -> Iterator[bytes]:
    """Open bytes in every way that fits."""
    yield from decompressed(raw)
    # Runs are many and short: they are searched together, a line each.
    yield b"\n".join(from_base64(raw))
    yield b"\n".join(bytes.fromhex(run.decode()) for run in set(HEXADECIMAL.findall(raw)))
    if ESCAPE.search(raw):
        yield ESCAPE.sub(unescape, raw)
    if PERCENT.search(raw):
        yield unquote_to_bytes(raw)
    if ENTITY.search(raw):
        yield html.unescape(raw.decode("utf-8", "replace")).encode()


def from_base64(raw: bytes) -> Iterator[bytes]:
    """Decode each long run of base64, at each of the four places at which it may have begun; both alphabets."""
    for match in set(BASE64.findall(raw)):
        run = match.translate(URL_ALPHABET, b"\r\n")
        for piece in (run[shift:] for shift in range(4)):
            # One letter more than whole quadruples is no byte; two or three are, once filled up.
            whole = piece[:-1] if len(piece) % 4 == 1 else piece
            yield base64.b64decode(whole + b"=" * (-len(whole) % 4))


def unescape(match: re.Match[bytes]) -> bytes:
    """Undo one escape of JSON; half a surrogate pair is left out."""
    if match[1]:
        return chr(int(match[1], 16)).encode("utf-8", "ignore")
    return SHORT_ESCAPES.get(match[2], match[2])


def decompressed(raw: bytes) -> Iterator[bytes]:
    """Open zlib as a whole; gzip, Zstandard and the blocks of Spark's LZ4 wherever one begins."""
    if raw[:1] == b"\x78":
        with suppress(zlib.error):
            yield zlib.decompress(raw)
    for start in re.finditer(rb"\x1f\x8b\x08", raw):
        with suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(raw[start.start() :])
    for start in re.finditer(rb"\x28\xb5\x2f\xfd", raw):
        with suppress(OSError, pa.ArrowException):
            yield pa.input_stream(pa.py_buffer(raw[start.start() :]), compression="zstd").read()
    blocks = list(re.finditer(rb"LZ4Block", raw))
    if blocks:
        yield b"".join(lz4_block(raw, block.end()) for block in blocks)


def lz4_block(raw: bytes, start: int) -> bytes:
    """Open one block as lz4-java writes it: method, sizes, checksum, body."""
    with suppress(struct.error, OSError, pa.ArrowException):
        method, packed, size, _ = LZ4_HEADER.unpack_from(raw, start)
        body = raw[start + LZ4_HEADER.size :][:packed]
        return body if method & 0xF0 == 0x10 else bytes(pa.Codec("lz4_raw").decompress(body, size))
    return b""


def read_parquet(raw: bytes) -> Iterator[bytes]:
    """Give every cell of a Parquet file, nested ones too, and what its footer says: statistics, key-value pairs."""
    file = pq.ParquetFile(io.BytesIO(raw))
    for batch in file.iter_batches():
        yield b"\n".join(cell for column in batch.columns for cell in cells(column.to_pylist()))
    footer = file.metadata
    yield b"\n".join(cells(footer.metadata or {}))
    for group in range(footer.num_row_groups):
        for column in range(footer.num_columns):
            statistics = footer.row_group(group).column(column).statistics
            if statistics is not None and statistics.has_min_max:
                yield b"\n".join(cells([statistics.min_raw, statistics.max_raw]))


def cells(value: object) -> Iterator[bytes]:
    """Flatten a cell to its bytes."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from cells(list(value.items()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from cells(one)
    elif value is not None:
        yield str(value).encode("utf-8", "surrogatepass")
