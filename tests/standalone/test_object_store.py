"""Tables, checkpoints and dropped files on an S3 server: the rows are those of a local disk."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.standalone.conftest import Run, Told
from tests.standalone.servers import get, put, running_s3

pytestmark = pytest.mark.slow

BUCKET = "lakehouse"
SECRET = "not-to-be-seen-anywhere"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_s3(tmp_path_factory.mktemp("s3") / "server", BUCKET) as url:
        yield url


@pytest.fixture(scope="module")
def s3_run(endpoint: str, base: Path, run_streams: Run) -> Told:
    landing = base / "landing" / "labeled"
    for file in sorted(path for path in landing.rglob("*") if path.is_file()):
        put(f"{endpoint}/{BUCKET}/landing/{quote(str(file.relative_to(landing)))}", file.read_bytes())
    storage = {
        "tables_uri": f"s3a://{BUCKET}/tables",
        "checkpoints_uri": f"s3a://{BUCKET}/checkpoints",
        "landing_uri": f"s3a://{BUCKET}/landing",
        "options": {
            "fs.s3a.endpoint": endpoint,
            "fs.s3a.path.style.access": True,
            "fs.s3a.connection.ssl.enabled": False,
        },
        "secret_options": {"fs.s3a.access.key": "env:S3_USER", "fs.s3a.secret.key": "env:S3_SECRET"},
    }
    return run_streams("s3", {"storage": storage}, S3_USER="lakehouse", S3_SECRET=SECRET)


def undated(rows: list[str]) -> list[str]:
    # A record of a dropped file is of the day the file was changed: for a store, the day it was put there.
    return sorted(re.sub(r'"received_day":"[^"]*",', "", row) for row in rows)


def test_an_object_store_holds_the_rows_that_a_disk_holds(s3_run: Told, local_run: Told) -> None:
    assert s3_run.drained == local_run.drained
    for name, rows in local_run.tables.items():
        assert undated(s3_run.tables[name]) == undated(rows), name


def test_tables_and_checkpoints_are_in_the_bucket_and_nowhere_else(s3_run: Told, endpoint: str, base: Path) -> None:
    found = set(re.findall(r"<Prefix>([^<]+)</Prefix>", get(f"{endpoint}/{BUCKET}?list-type=2&delimiter=/")))
    assert {"tables/", "checkpoints/", "landing/"} <= found
    root = base.parent / "s3"
    assert not (root / "tables").exists()
    assert not (root / "checkpoints").exists()


def test_the_secret_is_in_no_file_of_the_workspace(s3_run: Told, base: Path) -> None:
    files = [path for path in (base.parent / "s3").rglob("*") if path.is_file()]
    assert any(path.name == "spark.log" for path in files)
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []
