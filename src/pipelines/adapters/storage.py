"""Files in a folder: a local one through pathlib, any other URI that Spark can write through Hadoop's file systems.

What is written stands aside (`.NAME.part`) until it has been read back and its hash compared; then it is renamed.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from py4j.java_gateway import JavaObject, JVMView
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.sql import SparkSession

from pipelines.errors import PipelineError, StorageError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """What a file holds: its lines, bytes and hash."""

    rows: int
    bytes: int
    sha256: str


class Folder(Protocol):
    """Where files can be written, read, and renamed. Names are plain file names."""

    uri: str

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file, whether there was one or not."""

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file in chunks; FileNotFoundError when there is none."""

    def rename(self, name: str, new_name: str) -> None:
        """Give a file a name, in place of the file that has it."""

    def remove(self, name: str) -> None:
        """Remove a file if there is one."""


def open_folder(uri: str, spark: SparkSession | None = None) -> Folder:
    """Open a folder: a path or `file:` URI needs no session, every other URI does.

    Raises:
        StorageError: when the URI cannot be reached from here.
    """
    scheme, separator, rest = uri.partition(":")
    if not separator or "/" in scheme:
        return LocalFolder(uri)
    if scheme == "file":
        return LocalFolder("/" + rest.lstrip("/"))
    if spark is None:
        raise StorageError(f"{uri} cannot be reached without a Spark session. Name a local folder.")
    return HadoopFolder(uri, spark)


def store(folder: Folder, name: str, lines: Iterable[str]) -> StoredFile:
    """Write lines aside in UTF-8, read them back, and compare; `publish` makes them visible.

    Raises:
        StorageError: when the file cannot be written, or does not read back as it was written.
    """
    aside, written = part(name), FileDigest()
    with naming(folder, name):
        try:
            folder.write(aside, map(written.add, in_chunks(lines)))
            stored = digest(folder.read(aside))
        except BaseException:
            with suppress(OSError, Py4JError):
                folder.remove(aside)
            raise
        if stored != written.result():
            folder.remove(aside)
            raise StorageError(f"{folder.uri}/{name} did not read back as it was written. Nothing was published.")
    return stored


def publish(folder: Folder, names: Iterable[str]) -> None:
    """Rename stored files to their names, in this order."""
    for name in names:
        with naming(folder, name):
            folder.rename(part(name), name)


def digest(chunks: Iterable[bytes]) -> StoredFile:
    """Sum a file up."""
    summed = FileDigest()
    for chunk in chunks:
        summed.add(chunk)
    return summed.result()


class FileDigest:
    """Sums a file up while its chunks pass by."""

    def __init__(self) -> None:
        self.rows, self.bytes, self.sha256 = 0, 0, hashlib.sha256()

    def add(self, chunk: bytes) -> bytes:
        """Count one chunk and hand it on."""
        self.rows, self.bytes = self.rows + chunk.count(b"\n"), self.bytes + len(chunk)
        self.sha256.update(chunk)
        return chunk

    def result(self) -> StoredFile:
        """Give the sums so far."""
        return StoredFile(self.rows, self.bytes, self.sha256.hexdigest())


def in_chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """End every line and gather lines to chunks: each write to a remote file is a call into the JVM."""
    buffer = bytearray()
    for line in lines:
        buffer += line.encode() + b"\n"
        if len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def part(name: str) -> str:
    """Name of a file that is not published yet; Spark and shells overlook names with a dot in front."""
    return f".{name}.part"


@contextmanager
def naming(folder: Folder, name: str) -> Iterator[None]:
    """Turn a failure of the file system into one sentence with the path and what to do."""
    try:
        yield
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else type(error).__name__
        raise StorageError(cannot_write(folder, name, cause)) from error
    except Py4JJavaError as error:
        cause = error.java_exception.getClass().getSimpleName()
        raise StorageError(cannot_write(folder, name, cause)) from error


def cannot_write(folder: Folder, name: str, cause: str) -> str:
    """Say what could not be written, why, and what to do."""
    advice = "Free some space or mend the folder's permissions, or name another folder; then run the command again."
    return f"{folder.uri}/{name} cannot be written: {cause}. {advice}"


class LocalFolder:
    """A folder on this machine."""

    def __init__(self, path: str) -> None:
        self.uri = path.rstrip("/") or "/"
        self.path = Path(self.uri)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file and have the disk confirm it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / name).open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file in chunks."""
        with (self.path / name).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def rename(self, name: str, new_name: str) -> None:
        """Give a file a name in one step."""
        (self.path / name).replace(self.path / new_name)

    def remove(self, name: str) -> None:
        """Remove a file if there is one."""
        (self.path / name).unlink(missing_ok=True)


def hadoop_files(spark: SparkSession, uri: str) -> tuple[JavaObject, JavaObject]:
    """Give Hadoop's file system for a URI, and Hadoop's path of it."""
    path = hadoop_jvm(spark).org.apache.hadoop.fs.Path(uri)
    return path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf()), path


def hadoop_jvm(spark: SparkSession) -> JVMView:
    """Give the JVM of a session.

    Raises:
        PipelineError: when it has none of its own.
    """
    if spark._jvm is None:
        raise PipelineError("Streams need a session with a JVM of its own; Spark Connect has none. Run this as a job.")
    return spark._jvm


class HadoopFolder:
    """A folder on an object store or a cluster's file system."""

    def __init__(self, uri: str, spark: SparkSession) -> None:
        self.uri = uri.rstrip("/")
        if spark._jvm is None:
            raise StorageError(f"{uri} cannot be reached from a remote session. Name a local folder or a volume.")
        self.jvm = spark._jvm
        try:
            self.files, _ = hadoop_files(spark, f"{self.uri}/")
        except Py4JJavaError as error:
            cause = error.java_exception.getClass().getSimpleName()
            raise StorageError(f"{uri} cannot be reached ({cause}): has Spark a jar and credentials for it?") from error

    def at(self, name: str) -> JavaObject:
        """Make Hadoop's path of a file."""
        return self.jvm.org.apache.hadoop.fs.Path(f"{self.uri}/{name}")

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file; its folders come with it."""
        stream = self.files.create(self.at(name), True)
        try:
            for chunk in chunks:
                stream.write(bytearray(chunk))
        finally:
            stream.close()

    def read(self, name: str) -> Iterator[bytes]:
        """Read a file in chunks."""
        if not self.files.exists(self.at(name)):
            raise FileNotFoundError(name)
        stream = self.files.open(self.at(name))
        try:
            while chunk := stream.readNBytes(CHUNK_BYTES):
                yield bytes(chunk)
        finally:
            stream.close()

    def rename(self, name: str, new_name: str) -> None:
        """Give a file a name; most such stores refuse to rename onto a file."""
        self.remove(new_name)
        if not self.files.rename(self.at(name), self.at(new_name)):
            raise StorageError(f"{self.uri}/{new_name} could not be renamed from {name}. Run the command again.")

    def remove(self, name: str) -> None:
        """Remove a file if there is one."""
        self.files.delete(self.at(name), False)
