"""What verdicts are computed from: records that are due, the votes on their texts, and whole crowds of look-alikes."""

from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from pipelines.adapters.spark import hold
from pipelines.adapters.text_index import LookUp, Read
from pipelines.contracts import CLUSTER_MERGES, LABELS, TICKETS_SILVER
from pipelines.transforms.commands import due_records
from pipelines.transforms.look_alikes import find_crowds, in_question, with_crowds


@dataclass(frozen=True)
class Due:
    """What has to be judged, and by what.

    Attributes:
        read: reads a table as it is now.
        rows: reads the rows of a table that are about the texts that are meant.
        records: rows of silver.tickets that are judged; held.
        votes: all votes on their texts; held.
        by_people: whether people voted on one of the texts, or clusters became one.
        crowds: what `look_alikes.find_crowds` gave; None: no look-alike hangs on another.
    """

    read: Read
    rows: Read
    records: DataFrame
    votes: DataFrame
    by_people: bool = False
    crowds: DataFrame | None = None

    def records_of(self, decided: DataFrame) -> DataFrame:
        """Give the records that stored decisions are about.

        A batch that is repeated under another `look_alikes_on_one_word` has other crowds than when it decided.
        """
        if not self.by_people:
            return self.records
        return self.read(TICKETS_SILVER).join(decided, on="record_id", how="left_semi")


def gather(touched: DataFrame, read: Read, look_up: LookUp, most: int) -> Due:
    """Read what is due, with the whole crowd where it hangs on one of its records.

    Where no person voted on any of the texts and no clusters became one, nothing is read for it.

    Args:
        touched: what `commands.touched_texts` gave, held.
        read: reads a table as it is now.
        look_up: gives what reads the rows about some texts.
        most: `gate.look_alikes_on_one_word`.
    """
    due = read_due(touched, read, look_up)
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
    return replace(read_due(hold(touched.transform(with_crowds, crowds)), read, look_up), by_people=True, crowds=crowds)


def read_due(touched: DataFrame, read: Read, look_up: LookUp) -> Due:
    """Read the records that are due and the votes on their texts."""
    rows = look_up(touched)
    records = hold(rows(TICKETS_SILVER).transform(due_records, touched))
    return Due(read, rows, records, hold(rows(LABELS)))
