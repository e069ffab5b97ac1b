"""Delta tables as they were: which version stood at a time, and whether its files are still there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, read_table
from pipelines.adapters.storage import hadoop_files
from pipelines.declaration import Table
from pipelines.errors import UsageError, VersionGoneError

Commits = dict[int, datetime]
"""When each version of a table that its log still tells of was committed."""


def read_commits(spark: SparkSession, store: TableStore, table: Table) -> Commits:
    """Read when each version was committed, the oldest first."""
    rows = spark.sql(f"DESCRIBE HISTORY {store.name(table)}").select("version", "timestamp").collect()
    # Spark gives naive times of the machine's zone, whatever the session's.
    return {int(row["version"]): row["timestamp"].astimezone(UTC) for row in sorted(rows, key=lambda row: row[0])}


def versions_at(spark: SparkSession, store: TableStore, tables: Sequence[Table], moment: datetime) -> dict[Table, int]:
    """Find the version of each table that stood at a moment.

    A table that was made later is read as it was made: empty.

    Raises:
        VersionGoneError: when a table's log does not reach back so far.
    """
    found = {}
    for table in tables:
        commits = read_commits(spark, store, table)
        before = [version for version, at in commits.items() if at <= moment]
        if not before and 0 not in commits:
            raise VersionGoneError(
                f"{table.full_name}: what stood at {moment.isoformat()} cannot be told any more. Its log begins with "
                f"version {min(commits)} of {commits[min(commits)].isoformat()}. Name a later time."
            )
        found[table] = max(before, default=0)
    return found


def moment_of(spark: SparkSession, store: TableStore, table: Table, wanted: str) -> datetime:
    """Read what `--as-of` names: a version of a table gives the time of its commit, anything else is an ISO time.

    Raises:
        UsageError: when it is neither, or a version that is yet to come.
        VersionGoneError: when the log does not tell of that version any more.
    """
    if not wanted.isdigit():
        return parse_moment(wanted)
    commits, version = read_commits(spark, store, table), int(wanted)
    if version > max(commits):
        raise UsageError(f"{table.full_name} has no version {version} yet; its newest is {max(commits)}.")
    if version not in commits:
        raise VersionGoneError(gone(table, version, f"Its log begins with version {min(commits)}."))
    return commits[version]


def parse_moment(text: str) -> datetime:
    """Read an ISO time; without a zone it is UTC.

    Raises:
        UsageError: when it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--as-of {text}: neither a version of gold.training_examples nor a time such as 2026-01-05T12:00:00Z."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def refuse_gone_versions(spark: SparkSession, store: TableStore, versions: Mapping[Table, int]) -> None:
    """Refuse versions of which the log or a file was deleted.

    Raises:
        VersionGoneError: naming the first such table and what can be read instead.
    """
    for table, version in versions.items():
        commits = read_commits(spark, store, table)
        if version > max(commits):
            raise VersionGoneError(gone(table, version, f"The table's newest version is {max(commits)}."))
        if version not in commits:
            raise VersionGoneError(gone(table, version, f"Its log begins with version {min(commits)}."))
        missing = count_missing(spark, store, table, version)
        if missing:
            told = f"{missing} of its files were deleted (VACUUM)"
            raise VersionGoneError(gone(table, version, f"{told}; versions since then can still be read."))


def count_missing(spark: SparkSession, store: TableStore, table: Table, version: int) -> int:
    """Count the files of a version that are not there any more, by one listing of the table's folders."""
    needed = {bare(path) for path in read_table(spark, store, table, version).inputFiles()}
    if not needed or store.catalog:
        # A catalog's folders may not be listed: there, Spark's own failure has to tell.
        return 0
    files, root = hadoop_files(spark, store.path(table))
    listing, there = files.listFiles(root, True), set()
    while listing.hasNext():
        there.add(bare(listing.next().getPath().toString()))
    return len(needed - there)


def bare(uri: str) -> str:
    """Reduce a file's URI to the part that listings and Delta write alike."""
    return unquote(uri).rpartition(":")[2].replace("//", "/")


def gone(table: Table, version: int, told: str) -> str:
    """Say that a version cannot be read any more, and what to do."""
    return (
        f"{table.full_name} version {version} cannot be read any more. {told} "
        "The exported files themselves are copies and still verify; a new export reads today's tables."
    )
