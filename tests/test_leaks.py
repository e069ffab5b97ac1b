"""A scanner that finds nothing proves nothing: it must find every value in a deliberately leaky folder."""

import base64
import gzip
import json
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.leaks import find_leaks

VALUE = "anna.kovacs+7@example.org"


def write_parquet(path: Path) -> None:
    pq.write_table(pa.table({"text": [f"write to {VALUE} please"]}), path, compression="snappy", use_dictionary=False)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text(f"ERROR cannot cast {VALUE}"),
        lambda path: path.write_text(json.dumps({"stats": VALUE})),
        lambda path: path.write_text(f"predicate={quote(VALUE)}"),
        lambda path: path.write_bytes(gzip.compress(VALUE.encode())),
        lambda path: path.write_bytes(base64.b64encode(f"some words before {VALUE} and some after".encode())),
        lambda path: path.write_bytes(base64.b64encode(f"one more byte before {VALUE} and some after".encode())),
        write_parquet,
    ],
    ids=["log", "json", "url", "gzip", "base64", "base64 shifted", "parquet"],
)
def test_a_leaked_value_is_found_in_every_form(tmp_path: Path, write) -> None:
    (tmp_path / "clean.txt").write_text("nothing here")
    write(tmp_path / "leaky.bin")
    assert find_leaks(tmp_path, ["never planted", VALUE]) == ["leaky.bin: value 1"]
