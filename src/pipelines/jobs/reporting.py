"""Counting what stands in the tables: the ledger and what is told beside it. Reads only."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_place, read_table
from pipelines.errors import LedgerError
from pipelines.labelling_settings import LabellingSettings
from pipelines.transforms.cluster_names import name_clusters
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.economy import cast_since, cluster_sample, questions
from pipelines.transforms.landing import unread_files
from pipelines.transforms.quality import (
    cluster_counts,
    ledger,
    quarantine_by_reason,
    redactions_by_type,
    verdicts_since,
    votes_by_voter,
)
from pipelines.vocabulary import Place

Counts = dict[str, int]


@dataclass(frozen=True)
class Report:
    """One look at all tables.

    Attributes:
        ledger: the counts of `quality.ledger`, and files_waiting: dropped files that were seen and not read yet.
        questions: the counts of `economy.questions`, and cluster_sampled and cluster_differing: near-duplicates that
            the language model was asked about although they had an answer to take over, and got another.
    """

    ledger: Counts
    tables: Counts
    quarantine: Counts
    votes: Counts
    redactions: Counts
    clusters: Counts
    questions: Counts

    def as_dict(self) -> dict[str, object]:
        """The report as one JSON document."""
        return asdict(self)

    def check(self, drained: bool) -> None:
        """Refuse books that do not balance.

        Raises:
            LedgerError: with the numbers that do not add up.
        """
        problems = {
            name: self.ledger[name] for name in ("difference", "in_two_places", "unplaced") if self.ledger[name]
        }
        if drained:
            waiting = ("waiting", "files_waiting", "label_waiting")
            problems |= {name: self.ledger[name] for name in waiting if self.ledger[name]}
        if problems:
            found = ", ".join(f"{name}={number}" for name, number in problems.items())
            raise LedgerError(
                f"The ledger does not add up: {found} (all must be 0). Run `lakehouse run all` once more; if this "
                "stays, keep the workspace as it is: bronze still holds every message."
            )


def report(spark: SparkSession, store: TableStore, settings: LabellingSettings) -> Report:
    """Count everything once."""
    stored = {table: read_table(spark, store, table) for table in tables.TABLES}
    books = ledger(
        stored[tables.TICKETS_BRONZE],
        stored[tables.LABEL_FILES],
        stored[tables.TICKETS_SILVER],
        stored[tables.ANNOTATIONS],
        stored[tables.LABELS],
        stored[tables.DECISIONS],
        stored[tables.TRAINING_EXAMPLES],
        stored[tables.QUARANTINE],
        stored[tables.SHED],
    )
    quarantine = read_place(spark, store, Place.QUARANTINE)
    # Small jobs wait on the driver more than on the cores: asked together they take half the time.
    with ThreadPoolExecutor(max_workers=4) as pool:
        counted = pool.submit(single_row, books)
        unread = pool.submit(stored[tables.LANDED_FILES].transform(unread_files, stored[tables.LABEL_FILES]).count)
        rows = pool.map(DataFrame.count, stored.values())
        reasons = pool.submit(by_name, quarantine.transform(quarantine_by_reason))
        votes = pool.submit(by_name, stored[tables.LABELS].transform(votes_by_voter))
        redactions = pool.submit(by_name, stored[tables.TICKETS_SILVER].transform(redactions_by_type))
        current = stored[tables.TICKETS_SILVER].transform(current_clusters, stored[tables.CLUSTER_MERGES])
        clusters = pool.submit(single_row, current.transform(cluster_counts))
        asked = pool.submit(single_row, stored[tables.LABELS].transform(questions, settings.slm_below_confidence))
        sampled = pool.submit(single_row, stored[tables.LABELS].transform(cluster_sample))
        return Report(
            ledger=counted.result() | {"files_waiting": unread.result()},
            tables=dict(zip((table.full_name for table in stored), rows, strict=True)),
            quarantine=reasons.result(),
            votes=votes.result(),
            redactions=redactions.result(),
            clusters=clusters.result(),
            questions=asked.result() | sampled.result(),
        )


def count_spared(spark: SparkSession, store: TableStore, settings: LabellingSettings, since: datetime) -> Counts:
    """Count how the questions to the language model were answered, or spared, since some time: `Report.questions`."""
    votes = read_table(spark, store, tables.LABELS).transform(cast_since, since)
    asked = single_row(votes.transform(questions, settings.slm_below_confidence))
    return asked | single_row(votes.transform(cluster_sample))


def count_verdicts(spark: SparkSession, store: TableStore, since: datetime) -> Counts:
    """Count what the gate decided since some time, by reason code; `accepted` for what went to gold."""
    return by_name(read_table(spark, store, tables.DECISIONS).transform(verdicts_since, since))


@dataclass(frozen=True)
class NamedCluster:
    """A cluster and what it is about.

    Attributes:
        cluster_id: record_id of its first member.
        records: how many it has.
        phrases: key phrases that set it apart, the most telling first; none before the features stage has run.
    """

    cluster_id: str
    records: int
    phrases: list[str]


def biggest_clusters(spark: SparkSession, store: TableStore, biggest: int) -> list[NamedCluster]:
    """Name the biggest clusters, as they are today, by their key phrases."""
    tickets, merges, features = (
        read_table(spark, store, table)
        for table in (tables.TICKETS_SILVER, tables.CLUSTER_MERGES, tables.TEXT_FEATURES)
    )
    rows = tickets.transform(current_clusters, merges).transform(name_clusters, features, biggest).collect()
    return [NamedCluster(row["group_id"], row["records"], list(row["phrases"])) for row in rows]


def single_row(frame: DataFrame) -> Counts:
    """Read a frame of one row of counts."""
    row = frame.first()
    return {name: int(value or 0) for name, value in row.asDict().items()} if row else {}


def by_name(frame: DataFrame) -> Counts:
    """Read a frame of `name, rows`."""
    return {str(row["name"]): int(row["rows"]) for row in frame.collect()}
