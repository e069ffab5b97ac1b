"""One record's whole life, read from all tables: for `lakehouse explain`, and for notebooks.

>>> with open_spark(workspace) as spark:
...     life = lineage(spark, table_store(workspace), "3f9a01c2")
...     life.decisions[-1]["reason"]
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from pyspark.sql import DataFrame, SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_table
from pipelines.jobs.records import find_records
from pipelines.transforms.intake import LABEL_SOURCE
from pipelines.transforms.lineage import (
    commands_on,
    decisions_on,
    deliveries_of,
    look_alikes,
    tasks_on,
    ticket_of,
    votes_on,
)
from pipelines.vocabulary import Place

Told = dict[str, object]
JOBS_AT_A_TIME = 4


@dataclass(frozen=True)
class Lineage:
    """What became of one ticket, and why. Never its raw text.

    Attributes:
        ticket: the redacted record, its pseudonyms and versions.
        deliveries: Kafka coordinates of the messages that brought it, the first one first; none for a labelled file's.
        file: pseudonym and row of the labelled file that brought it; empty for messages.
        redactions: how many values were redacted, by type.
        look_alikes: records it is linked with, their similarity, and whether they came earlier.
        votes: on its text, in the order of time.
        decisions: on it, in their order, with their parts.
        place: where it is now.
        tasks: what people are asked about it.
        requests: what people asked the gate to do with it.
    """

    record_id: str
    ticket: Told
    deliveries: list[Told]
    file: Told
    redactions: dict[str, int]
    look_alikes: list[Told]
    votes: list[Told]
    decisions: list[Told]
    place: str
    tasks: list[Told]
    requests: list[Told]

    def as_dict(self) -> Told:
        """For `--json`."""
        return asdict(self)


def lineage(spark: SparkSession, store: TableStore, record_id: str) -> Lineage:
    """Tell one ticket's whole life.

    Args:
        spark: the session.
        store: where the tables stand.
        record_id: its id, or the first eight characters of it or more.

    Raises:
        InputDataError: when no record has that id, or several begin so.
    """
    names = (
        *(tables.TICKETS_BRONZE, tables.TICKETS_SILVER, tables.CLUSTER_MERGES, tables.LABELS),
        *(tables.DECISIONS, tables.REVIEW_QUEUE, tables.COMMANDS),
    )
    bronze, tickets, merges, votes, decisions, queue, commands = (read_table(spark, store, table) for table in names)
    (name,) = find_records(tickets, [record_id])
    frames = (
        tickets.transform(ticket_of, merges, name),
        bronze.transform(deliveries_of, name),
        tickets.transform(look_alikes, name),
        votes.transform(votes_on, tickets, name),
        decisions.transform(decisions_on, name),
        queue.transform(tasks_on, decisions, name),
        commands.transform(commands_on, name),
    )
    # Small jobs wait on the driver more than on the cores: asked together they take half the time.
    with ThreadPoolExecutor(JOBS_AT_A_TIME) as pool:
        (ticket, *_), deliveries, alike, cast, decided, tasks, requests = pool.map(read_rows, frames)
    types, position = ticket.pop("redacted"), str(ticket.pop("position"))
    return Lineage(
        record_id=name,
        ticket=ticket,
        deliveries=deliveries,
        file=named_file(position) if ticket["source"] == LABEL_SOURCE else {},
        redactions=dict(Counter(types if isinstance(types, list) else []).most_common()),
        look_alikes=alike,
        votes=cast,
        decisions=decided,
        place=str(decided[-1]["place"]) if decided else Place.PENDING.value,
        tasks=tasks,
        requests=requests,
    )


def read_rows(frame: DataFrame) -> list[Told]:
    """Bring a few rows to the driver as plain values."""
    return [row.asDict(recursive=True) for row in frame.collect()]


def named_file(position: str) -> Told:
    """Read the file's pseudonym and the row out of a labelled row's place in bronze order."""
    _, file_key, _, row = position.split("/")
    return {"file_key": file_key, "row": int(row)}
