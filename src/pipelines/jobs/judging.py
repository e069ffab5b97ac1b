"""What verdicts are computed from: records that are due, the votes on their texts, and whole crowds of look-alikes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from pipelines.adapters.spark import hold
from pipelines.contracts import CLUSTER_MERGES, LABELS, TICKETS_SILVER
from pipelines.declaration import Table
from pipelines.transforms.commands import due_records
from pipelines.transforms.look_alikes import find_crowds, in_question, with_crowds

Read = Callable[[Table], DataFrame]


@dataclass(frozen=True)
class Due:
    """What has to be judged, and by what.

    Attributes:
        read: reads a table as it is now.
        touched: the texts and records that are meant, as `commands.touched_texts` gives them; held.
        records: rows of silver.tickets that are judged; held.
        votes: all votes on their texts; held.
        by_people: whether people voted on one of the texts, or clusters became one.
        crowds: what `look_alikes.find_crowds` gave; None: no look-alike hangs on another.
    """

    read: Read
    touched: DataFrame
    records: DataFrame
    votes: DataFrame
    by_people: bool = False
    crowds: DataFrame | None = None

    def rows(self, table: Table) -> DataFrame:
        """Read the rows of a table that are about these texts."""
        return rows_about(self.touched, self.read, table)

    def records_of(self, decided: DataFrame) -> DataFrame:
        """Give the records that stored decisions are about.

        A batch that is repeated under another `look_alikes_on_one_word` has other crowds than when it decided.
        """
        if not self.by_people:
            return self.records
        return self.read(TICKETS_SILVER).join(decided, on="record_id", how="left_semi")


def gather(touched: DataFrame, read: Read, most: int) -> Due:
    """Read what is due, with the whole crowd where it hangs on one of its records.

    Where no person voted on any of the texts and no clusters became one, nothing is read for it.

    Args:
        touched: what `commands.touched_texts` gave, held.
        read: reads a table as it is now.
        most: `gate.look_alikes_on_one_word`.
    """
    due = read_due(touched, read)
    asked = due.votes.transform(in_question, touched)
    if asked.isEmpty():
        return due
    due = replace(due, by_people=True)
    if not most:
        return due
    tickets, votes, merges = (read(table) for table in (TICKETS_SILVER, LABELS, CLUSTER_MERGES))
    members = due.records.join(asked, on="text_key", how="left_semi")
    crowds = hold(tickets.transform(find_crowds, members, votes, merges, most))
    if crowds.isEmpty():
        return due
    return replace(read_due(hold(touched.transform(with_crowds, crowds)), read), by_people=True, crowds=crowds)


def read_due(touched: DataFrame, read: Read) -> Due:
    """Read the records that are due and the votes on their texts."""
    records = hold(rows_about(touched, read, TICKETS_SILVER).transform(due_records, touched))
    return Due(read, touched, records, hold(rows_about(touched, read, LABELS)))


def rows_about(touched: DataFrame, read: Read, table: Table) -> DataFrame:
    """Read the rows of a table that are about some texts."""
    return read(table).join(touched, on="text_key", how="left_semi")
