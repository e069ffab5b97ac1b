"""Dropped files with every kind of name, on the disk and behind a URI of Hadoop's."""

from collections.abc import Iterator
from pathlib import Path
from traceback import format_exception

import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines.adapters.landing import frame_names, list_landing, read_landed, read_names
from pipelines.errors import StorageError

NAMES = {
    "2026/01/05/plain.csv",
    "2026/01/05/a b.csv",
    "2026/01/05/100%25 sure +49 #1?.csv",
    "2026/01/05/{x}[1]*\\.csv",
    "2026/01/05/Zoë \u2028 李.csv",
    "2026/01/06/two\nlines, yes.csv",
    "team=a/2026/01/05/plain.csv",
    "loose",
}
OVERLOOKED = {"_tmp.csv", ".hidden.csv", "2026/_aside/a.csv", "2026/01/05/.part/a.csv"}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    for name in NAMES | OVERLOOKED:
        path = tmp_path / "landing [x]" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return tmp_path / "landing [x]"


@pytest.fixture(params=["", "file:", "viewfs://lake"])
def uri(spark: SparkSession, landing: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The same folder three times; Hadoop's viewfs stands in for an object store."""
    mount = "fs.viewfs.mounttable.lake.link./dropped"
    spark.conf.set(mount, landing.as_uri())
    yield f"{request.param}/dropped" if request.param.startswith("viewfs") else f"{request.param}{landing}"
    spark.conf.unset(mount)


def landed(spark: SparkSession, *names: str) -> DataFrame:
    rows = [(f"key-{number}", name) for number, name in enumerate(names)]
    return spark.createDataFrame(rows, "file_key string, path string")


def contents(frame: DataFrame | None) -> set[str | None]:
    assert frame is not None
    assert frame.columns == ["path", "modificationTime", "content"]
    return {None if row.content is None else bytes(row.content).decode() for row in frame.collect()}


def test_every_file_is_named_by_its_place_whatever_its_name_and_read_by_it(spark: SparkSession, uri: str) -> None:
    assert list_landing(spark, uri) == NAMES
    assert contents(read_landed(landed(spark, *NAMES), uri)) == NAMES


def test_names_go_to_bronze_and_back(spark: SparkSession) -> None:
    assert read_names(frame_names(spark, NAMES)) == NAMES
    assert [row.path for row in frame_names(spark, NAMES).collect()] == sorted(NAMES)


def test_a_folder_that_is_empty_or_not_there_yet_has_no_files(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "2026").mkdir()
    assert list_landing(spark, str(tmp_path)) == list_landing(spark, str(tmp_path / "none")) == set()
    assert read_landed(landed(spark).limit(0), str(tmp_path)) is None


def test_a_file_that_was_taken_away_comes_without_content(spark: SparkSession, landing: Path) -> None:
    (landing / "loose").unlink()
    frame = read_landed(landed(spark, "loose", "2026/01/05/a b.csv"), str(landing))
    assert contents(frame) == {None, "2026/01/05/a b.csv"}
    assert contents(read_landed(landed(spark, "loose"), str(landing))) == {None}


def test_a_missing_folder_makes_no_file_a_missing_one(spark: SparkSession, landing: Path) -> None:
    with pytest.raises(StorageError, match="The landing folder is gone, and 1 labelled files") as refused:
        read_landed(landed(spark, "loose"), f"{landing}-unmounted")
    assert "loose" not in str(refused.value)


@pytest.mark.parametrize("name", ["now a folder", "with: colon.csv"])
def test_a_file_that_cannot_be_opened_is_told_by_its_pseudonym_only(
    spark: SparkSession, landing: Path, name: str
) -> None:
    if "folder" in name:
        (landing / name).mkdir()
    else:
        (landing / name).touch()
    with pytest.raises(StorageError, match=r"cannot be opened\. .* file_key key-0") as refused:
        read_landed(landed(spark, name), str(landing))
    assert name not in "".join(format_exception(refused.value))
