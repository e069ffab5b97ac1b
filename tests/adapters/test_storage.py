from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.storage import HadoopFolder, LocalFolder, digest, open_folder, publish, store
from pipelines.errors import StorageError


def write_two_lines(folder: LocalFolder | HadoopFolder) -> None:
    store(folder, "a.txt", iter(["é1", "22"]))
    publish(folder, ["a.txt"])


def test_paths_and_file_uris_are_local_and_need_no_session(tmp_path: Path) -> None:
    for uri in (str(tmp_path), f"file:{tmp_path}", f"file://{tmp_path}", f"{tmp_path}/"):
        folder = open_folder(uri)
        assert isinstance(folder, LocalFolder)
        assert folder.path == tmp_path


def test_another_uri_without_a_session_says_what_to_do() -> None:
    with pytest.raises(StorageError, match="Name a local folder"):
        open_folder("s3a://bucket/exports")


def test_a_file_is_seen_only_once_it_is_published(tmp_path: Path) -> None:
    folder = LocalFolder(str(tmp_path / "new" / "folder"))
    stored = store(folder, "a.txt", iter(["é1", "22"]))
    assert (stored.rows, stored.bytes) == (2, 7)
    assert [path.name for path in folder.path.iterdir()] == [".a.txt.part"]
    publish(folder, ["a.txt"])
    assert [path.name for path in folder.path.iterdir()] == ["a.txt"]
    assert (folder.path / "a.txt").read_bytes() == "é1\n22\n".encode()
    assert digest(folder.read("a.txt")) == stored


def test_a_full_disk_is_named_and_leaves_what_stood_there(tmp_path: Path) -> None:
    folder = LocalFolder(str(tmp_path))
    write_two_lines(folder)
    # The kernel's own full disk: every write to this device fails with ENOSPC.
    (tmp_path / ".a.txt.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"a\.txt cannot be written: No space left on device\. Free some space"):
        store(folder, "a.txt", iter(["new"]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "é1\n22\n"


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError, match=r"taken/a\.txt cannot be written: .*name another folder"):
        store(LocalFolder(str(tmp_path / "taken")), "a.txt", iter(["line"]))


def test_a_file_that_reads_back_differently_is_not_published(tmp_path: Path) -> None:
    class Faulty(LocalFolder):
        def read(self, name: str) -> Iterator[bytes]:
            yield from (chunk.replace(b"2", b"3") for chunk in super().read(name))

    with pytest.raises(StorageError, match="did not read back"):
        store(Faulty(str(tmp_path)), "a.txt", iter(["22"]))
    assert list(tmp_path.iterdir()) == []


def test_any_uri_that_spark_can_write_works_the_same(spark: SparkSession, tmp_path: Path) -> None:
    folder = HadoopFolder(f"file://{tmp_path}/remote", spark)
    for _ in range(2):
        write_two_lines(folder)
    assert (tmp_path / "remote" / "a.txt").read_bytes() == "é1\n22\n".encode()
    assert (digest(folder.read("a.txt")).rows, digest(folder.read("a.txt")).bytes) == (2, 7)
    with pytest.raises(FileNotFoundError):
        list(folder.read("b.txt"))
    with pytest.raises(StorageError, match="cannot be reached"):
        open_folder("nosuchscheme://bucket", spark)
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(StorageError, match=r"a\.txt cannot be written"):
        store(HadoopFolder(f"file://{tmp_path}/taken", spark), "a.txt", iter(["line"]))
