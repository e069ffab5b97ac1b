"""Checkpoints: which epoch a query runs in, and whether its checkpoint still belongs to the tables it writes.

Delta ignores a batch number that it has seen, and Spark believes its checkpoint whatever has become of the tables:
where the two do not tell the same story, rows would be lost silently. A note beside each checkpoint says which table it
was made for, and when; the rows themselves say which batches they are of.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.adapters.delta import TableStore, read_table, table_id
from pipelines.adapters.storage import hadoop_files, open_folder, publish
from pipelines.adapters.storage import store as put_aside
from pipelines.declaration import Table
from pipelines.errors import CheckpointMismatchError

LOGS = ("offsets", "commits")
"""Folders of a checkpoint: what each batch was to read, and which batches were done."""
RECENT_COMMITS = 200
"""How far back a table's history is searched for a RESTORE: every start after one is refused, so it cannot be far."""
ANEW = "run again with --new-epoch: everything is read anew, and rows that stand already are not written twice."

Batches = dict[str, dict[int, int]]
"""Newest batch number of a query in each table, by epoch."""


@dataclass(frozen=True)
class StreamPlan:
    """How a query runs: its name, its checkpoint folder, when it triggers, and whether its epoch starts anew."""

    name: str
    checkpoints_uri: str
    continuous: bool = False
    trigger_seconds: int = 5
    new_epoch: bool = False

    @property
    def folder(self) -> str:
        """Folder of all its checkpoints."""
        return f"{self.checkpoints_uri}/{self.name}"


@dataclass(frozen=True)
class Note:
    """What stands beside a checkpoint: the table that it was made for, and when."""

    table_id: str
    began_at: datetime


def checkpoint(plan: StreamPlan, epoch: int) -> str:
    """Folder of one epoch's checkpoint."""
    return f"{plan.folder}/epoch-{epoch}"


def open_epoch(spark: SparkSession, plan: StreamPlan, store: TableStore, sinks: Sequence[Table]) -> int:
    """Choose the epoch to run, and refuse a checkpoint that does not belong to the tables.

    Args:
        spark: the session.
        plan: of the query.
        store: where the tables stand.
        sinks: every table that the query writes, the first one first.

    Raises:
        CheckpointMismatchError: saying what is wrong and what recovers.
    """
    written = written_batches(spark, plan, store, sinks)
    stands = [epoch for batches in written.values() for epoch in batches]
    newest = max([1, *stands, *known_epochs(spark, plan)])
    if plan.new_epoch:
        write_note(spark, plan, newest + 1, store, sinks[0])
        return newest + 1
    refuse_damaged(spark, plan, newest)
    planned = planned_batch(spark, plan, newest)
    reached = {table: written[table.full_name].get(newest, -1) for table in sinks}
    refuse_tables_ahead(plan, newest, planned, reached)
    note = read_note(spark, plan, newest)
    if note is None or planned < 0:
        write_note(spark, plan, newest, store, sinks[0])
        return newest
    refuse_other_table(spark, plan, store, sinks[0], note)
    for table, batch in reached.items():
        if batch < planned:
            refuse_restored(spark, plan, store, table, note)
    return newest


def refuse_damaged(spark: SparkSession, plan: StreamPlan, epoch: int) -> None:
    """Refuse a checkpoint of which the newest file of a log is empty: a full disk, or a copy that was cut off."""
    for log in LOGS:
        uri = f"{checkpoint(plan, epoch)}/{log}"
        sizes = {int(name): size for name, size in list_sizes(spark, uri).items() if name.isdigit()}
        if sizes and not sizes[max(sizes)]:
            raise CheckpointMismatchError(
                f"Query {plan.name}: {uri}/{max(sizes)} is empty (a full disk, or a copy that was cut off?). Put the "
                f"checkpoint back from a backup, or {ANEW}"
            )


def refuse_tables_ahead(plan: StreamPlan, epoch: int, planned: int, reached: Mapping[Table, int]) -> None:
    """Refuse a checkpoint that is lost or older than a table.

    Spark notes a batch's offsets before it runs: a table can never be ahead of them, not even after a crash.
    """
    for table, batch in reached.items():
        if batch > planned:
            raise CheckpointMismatchError(
                f"Query {plan.name}: table {table.full_name} holds batch {batch} of epoch {epoch}, but its checkpoint "
                f"knows {planned + 1} batches (deleted, or an older copy?). Put the checkpoint back, or {ANEW}"
            )


def refuse_other_table(spark: SparkSession, plan: StreamPlan, store: TableStore, sink: Table, note: Note) -> None:
    """Refuse a checkpoint that was made for a table that stands elsewhere, or stood here before."""
    if table_id(spark, store, sink) != note.table_id:
        raise CheckpointMismatchError(
            f"Query {plan.name}: {sink.full_name} is not the table that its checkpoint was made for (another "
            "storage.tables_uri or catalog, or a table made anew). Set the place back, name another "
            f"storage.checkpoints_uri, or {ANEW}"
        )


def refuse_restored(spark: SparkSession, plan: StreamPlan, store: TableStore, table: Table, note: Note) -> None:
    """Refuse a table that was taken back to an earlier version since its checkpoint began."""
    history = spark.sql(f"DESCRIBE HISTORY {store.name(table)} LIMIT {RECENT_COMMITS}")
    for row in history.where(F.col("operation") == "RESTORE").select("version", "timestamp").collect():
        # Naive times are of the machine's zone, whatever the session's.
        if row["timestamp"].astimezone(UTC) > note.began_at:
            raise CheckpointMismatchError(
                f"Query {plan.name}: {table.full_name} was RESTOREd (version {row['version']}) after its checkpoint "
                f"began: batches that the checkpoint takes for written are gone. RESTORE it forward, or {ANEW}"
            )


def planned_batch(spark: SparkSession, plan: StreamPlan, epoch: int) -> int:
    """Number of the newest batch that a checkpoint has planned; -1 without any."""
    names = list_names(spark, f"{checkpoint(plan, epoch)}/offsets")
    return max((int(name) for name in names if name.isdigit()), default=-1)


def known_epochs(spark: SparkSession, plan: StreamPlan) -> list[int]:
    """Epochs of a query that have a checkpoint."""
    numbers = [name.removeprefix("epoch-") for name in list_names(spark, plan.folder)]
    return [int(number) for number in numbers if number.isdigit()]


def written_batches(spark: SparkSession, plan: StreamPlan, store: TableStore, sinks: Sequence[Table]) -> Batches:
    """Newest batch number of this query in each table, by epoch; all tables in one look."""
    frames = [newest_batches(read_table(spark, store, table), table, plan) for table in sinks]
    found: Batches = {table.full_name: {} for table in sinks}
    for row in reduce(DataFrame.unionByName, frames).collect():
        found[row["table"]][int(row["query_epoch"].rpartition("/")[2])] = int(row["batch_id"])
    return found


def newest_batches(rows: DataFrame, table: Table, plan: StreamPlan) -> DataFrame:
    """Find the newest batch of a query in one table: table, query_epoch, batch_id."""
    ours = rows.where(F.col("query_epoch").startswith(f"{plan.name}/"))
    newest = ours.groupBy("query_epoch").agg(F.max("batch_id").alias("batch_id"))
    return newest.select(F.lit(table.full_name).alias("table"), "query_epoch", "batch_id")


def note_name(epoch: int) -> str:
    """File name of an epoch's note."""
    return f"epoch-{epoch}.json"


def write_note(spark: SparkSession, plan: StreamPlan, epoch: int, store: TableStore, sink: Table) -> None:
    """Note which table an epoch is for."""
    noted = {"table_id": table_id(spark, store, sink), "began_at": datetime.now(UTC).isoformat()}
    folder = open_folder(plan.folder, spark)
    put_aside(folder, note_name(epoch), [json.dumps(noted)])
    publish(folder, [note_name(epoch)])


def read_note(spark: SparkSession, plan: StreamPlan, epoch: int) -> Note | None:
    """Read an epoch's note; none where an earlier version of the product made the checkpoint, or it is broken."""
    try:
        content = json.loads(b"".join(open_folder(plan.folder, spark).read(note_name(epoch))))
        return Note(str(content["table_id"]), datetime.fromisoformat(content["began_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def list_names(spark: SparkSession, uri: str) -> list[str]:
    """Names in a folder on any file system Spark reaches; none when there is no such folder."""
    return list(list_sizes(spark, uri))


def list_sizes(spark: SparkSession, uri: str) -> dict[str, int]:
    """Names and bytes of what is in a folder; see `list_names`."""
    files, path = hadoop_files(spark, uri)
    found = files.listStatus(path) if files.exists(path) else []
    return {status.getPath().getName(): int(status.getLen()) for status in found}
