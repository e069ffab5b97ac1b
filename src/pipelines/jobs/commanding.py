"""Requests about records: chosen once, written to bronze.commands, carried out by the gate's next micro-batch.

The records are chosen when the request is made, so that what is stored can be carried out again with the same result.
Where a version is named, its votes are committed first: cut off in between, nothing has been asked for yet.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime

from pyspark.sql import DataFrame

from pipelines import contracts as tables
from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_table
from pipelines.adapters.spark import hold
from pipelines.faults import hit
from pipelines.jobs.flow import Flow
from pipelines.jobs.labelling import label
from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.commands import Choice, Command, chosen_records, commands, counted_by_age, listed
from pipelines.vocabulary import Action

Counts = dict[str, int]


@dataclass(frozen=True)
class KeptOut:
    """Records in quarantine, or those that a request means: how many, by reason, label and age of the decision."""

    records: int
    by_reason: Counts
    by_label: Counts
    by_age: Counts

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def find_kept_out(decisions: DataFrame, choice: Choice, action: Action | None = None) -> DataFrame:
    """Find the records that are meant, by their newest decision; see `commands.chosen_records`."""
    return decisions.transform(newest_decisions).transform(chosen_records, choice, action)


def count_kept_out(found: DataFrame, now: datetime) -> KeptOut:
    """Count what `find_kept_out` found."""
    groups = found.transform(counted_by_age, now).collect()
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("reason", "label", "age")}
    for group in groups:
        for name, counter in counts.items():
            counter[group[name] or "none"] += group["records"]
    reasons, labels, ages = (dict(counter.most_common()) for counter in counts.values())
    return KeptOut(sum(reasons.values()), reasons, labels, ages)


def list_kept_out(tickets: DataFrame, found: DataFrame, limit: int) -> list[dict[str, object]]:
    """Show records with their redacted texts, the newest decision first."""
    return [row.asDict() for row in found.transform(listed, tickets).limit(limit).collect()]


def request(store: TableStore, found: DataFrame, command: Command) -> None:
    """Write a request for each record that was found; the same request again writes nothing."""
    append_once(found.transform(commands, command), store, tables.COMMANDS, one_write(command))
    hit("after_commands")


def vote_again(flow: Flow, found: DataFrame, command: Command) -> None:
    """Let the voters of a flow vote anew on the records of a request; the same request again casts nothing.

    Args:
        flow: whose voters are those of the version that the request names.
        found: what `find_kept_out` gave, held.
        command: the request that is written afterwards.
    """
    tickets = read_table(flow.spark, flow.store, tables.TICKETS_SILVER)
    records = hold(tickets.join(found.select("record_id"), on="record_id", how="left_semi"))
    nobody = read_table(flow.spark, flow.store, tables.ANNOTATIONS).limit(0)
    label(records, nobody, flow, one_write(command), command.command_id)
    hit("after_voting_on_request")


def one_write(command: Command) -> BatchWrite:
    """Name what a request writes by its id: two requests at a time never take each other for a repetition.

    As in a later epoch, rows whose key stands already (the vectors of texts that were read before) are not written.
    """
    return BatchWrite(f"request-{command.command_id[:32]}", 2, 0)
