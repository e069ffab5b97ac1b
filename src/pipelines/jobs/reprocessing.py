"""Redacting again after a change of policy: silver first, then votes, verdicts and every copy of an old text.

Each step finds its work by comparing what stands, not by what an earlier step remembers: a run that was cut off is
finished by the next one.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial

from pyspark.sql import DataFrame

from pipelines import contracts as tables
from pipelines.adapters.cluster_cache import forget
from pipelines.adapters.delta import (
    BatchWrite,
    append_once,
    delete_rows,
    next_batch,
    read_batch,
    read_table,
    update_rows,
    vacuum,
)
from pipelines.adapters.spark import hold
from pipelines.adapters.text_index import TextIndex
from pipelines.declaration import Table
from pipelines.errors import MissingDependencyError, VerificationError
from pipelines.faults import hit
from pipelines.jobs.flow import Flow
from pipelines.jobs.judging import gather
from pipelines.jobs.labelling import label
from pipelines.jobs.streaming import route
from pipelines.transforms.agreement import judge, place_decided
from pipelines.transforms.intake import read_label_rows, read_tickets, tickets_from_label_rows
from pipelines.transforms.redaction import redact
from pipelines.transforms.reprocessing import (
    gone_values,
    open_again,
    reopen,
    stale_records,
    still_telling,
    tell_old_hashes,
    tell_old_texts,
    without_hash,
)
from pipelines.transforms.text_features import text_features

QUERY = "reprocess"
REDACTED = ("subject", "text", "spans", "withheld", "redaction_version")
COPIES = (tables.TRAINING_EXAMPLES, tables.QUARANTINE, tables.REVIEW_QUEUE)
"""Tables that tell a record's subject and text once more."""
TELLING = dict.fromkeys((tables.TICKETS_SILVER, *COPIES), ("subject", "text")) | {
    tables.TEXT_FEATURES: ("stems", "key_phrases")
}
"""Every table with words of a ticket, and the columns that hold them."""


@dataclass(frozen=True)
class Reprocessed:
    """What was done.

    Attributes:
        redacted: records that were redacted again.
        changed: records of which a copy told another text: voted on and judged again.
        values: personal values that the old rules had left in these texts.
        remaining: rows by table that still hold a value that is gone from their record's text.
    """

    redacted: int
    changed: int
    values: int
    remaining: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)

    def check(self) -> None:
        """Refuse to call it done while a table still tells an old value.

        Raises:
            VerificationError: with the tables and how many of their rows.
        """
        left = {name: rows for name, rows in self.remaining.items() if rows}
        if left:
            found = ", ".join(f"{name}={rows}" for name, rows in left.items())
            raise VerificationError(
                f"Old values still stand in {found} (rows). Stop the streams that write there, then run "
                "`lakehouse reprocess silver` again."
            )


def reprocess_silver(flow: Flow, version: str, since: date | None, tell: Callable[[str], None]) -> Reprocessed:
    """Redact again what was redacted by other rules, judge again what that changed, and look for old values.

    Args:
        flow: with the redactor of the rules that hold now.
        version: their fingerprint.
        since: only records received from this day on.
        tell: told which step begins.
    """
    spark, store = flow.spark, flow.store
    stale = hold(read_table(spark, store, tables.TICKETS_SILVER).transform(stale_records, version, since))
    raw = hold(raw_texts(flow).transform(reopen, stale))
    tell(f"{raw.count():,} records were redacted by other rules; redacting them again")
    redacted = hold(raw.transform(redact, flow.redactor))
    values = hold(raw.transform(gone_values, redacted, stale))
    # Before silver: cut off in between, the next run finds the same records stale, and does both.
    describe_again(flow, redacted)
    update_rows(redacted, store, tables.TICKETS_SILVER, "record_id", REDACTED)
    # The index holds the old texts.
    forget(flow.cache_folder)
    hit("after_redacting_again")
    changed = judge_again(flow, tell)
    return Reprocessed(
        redacted=redacted.count(),
        changed=changed,
        values=values.where("was_left").count(),
        remaining={table.full_name: count_telling(flow, table, names, values) for table, names in TELLING.items()},
    )


def raw_texts(flow: Flow) -> DataFrame:
    """Open every record of bronze: those of messages, and those that labelled files brought along."""
    messages = read_table(flow.spark, flow.store, tables.TICKETS_BRONZE).transform(read_tickets, flow.pseudonym_key)
    rows = read_table(flow.spark, flow.store, tables.LABEL_FILES).transform(read_label_rows, flow.pseudonym_key)
    return messages.unionByName(rows.transform(tickets_from_label_rows, messages.limit(0)))


def judge_again(flow: Flow, tell: Callable[[str], None]) -> int:
    """Embed, vote and decide anew on every record of which a copy tells an old text, and replace the copies."""
    spark, store = flow.spark, flow.store
    changed = hold(find_changed(flow))
    count = changed.count()
    if not count:
        return 0
    tell(f"{count:,} records read differently now; voting and judging again")
    written = (tables.EMBEDDINGS, tables.LABELS, tables.DECISIONS)
    write = BatchWrite(QUERY, 1, next_batch(spark, store, QUERY, written))
    tickets = read_table(spark, store, tables.TICKETS_SILVER)
    records = hold(tickets.join(changed, on="record_id", how="left_semi"))
    nobody = read_table(spark, store, tables.ANNOTATIONS).limit(0)
    label(records, nobody, flow, write)
    # Vectors of the old texts tell them in their way, and a short value can be guessed from its text's hash.
    delete_rows(changed, store, tables.EMBEDDINGS, "record_id", but=write)
    update_rows(changed.transform(without_hash), store, tables.LABELS, "record_id", ("text_hash",), but=write)
    hit("after_voting_again")
    decide_again(flow, changed, records, write)
    return count


def find_changed(flow: Flow) -> DataFrame:
    """Find the records of which a copy, a vector or a vote still tells another text than silver: record_id."""

    def read(table: Table) -> DataFrame:
        return read_table(flow.spark, flow.store, table)

    tickets = read(tables.TICKETS_SILVER)
    found = tickets.transform(tell_old_texts, [read(table) for table in COPIES])
    for table in (tables.EMBEDDINGS, tables.LABELS):
        found = found.unionByName(tickets.transform(tell_old_hashes, read(table)))
    return found.distinct()


def decide_again(flow: Flow, changed: DataFrame, records: DataFrame, write: BatchWrite) -> None:
    """Commit a new decision for each changed record, then let its copies follow."""
    spark, store = flow.spark, flow.store
    meant = hold(records.selectExpr("text_key", "record_id AS named_id", "false AS is_merge"))
    read = partial(read_table, spark, store)
    look_up = partial(TextIndex().look_up, read)
    due = gather(meant, read, look_up, flow.settings.gate.look_alikes_on_one_word)
    previous, now = due.rows(tables.DECISIONS).transform(open_again, changed), datetime.now(UTC)
    told = (due.votes, previous, flow.labels, flow.pin_rules(), now, None, due.crowds)
    append_once(due.records.transform(judge, *told), store, tables.DECISIONS, write)
    hit("after_deciding_again")
    stored = read_batch(spark, store, tables.DECISIONS, write)
    route(hold(stored.transform(place_decided, due.records_of(stored))), look_up, flow, write)


def describe_again(flow: Flow, redacted: DataFrame) -> None:
    """Replace the text features of redacted records, where they have any; without Spark NLP, delete them."""
    spark, store, table = flow.spark, flow.store, tables.TEXT_FEATURES
    ids = redacted.select("record_id")
    if read_table(spark, store, table).join(ids, on="record_id", how="left_semi").isEmpty():
        return
    write = BatchWrite(QUERY, 1, next_batch(spark, store, QUERY, (table,)))
    # Without Spark NLP the old ones still have to go.
    with contextlib.suppress(MissingDependencyError):
        append_once(redacted.transform(text_features, flow.load_annotator()), store, table, write)
    hit("after_describing_again")
    delete_rows(ids, store, table, "record_id", but=write)


def count_telling(flow: Flow, table: Table, names: Sequence[str], values: DataFrame) -> int:
    """Count the rows of a table that hold a value that is gone from their record's text."""
    return read_table(flow.spark, flow.store, table).transform(still_telling, names, values).count()


def delete_old_files(flow: Flow) -> None:
    """Delete the files of earlier versions of these tables: with them goes the past that old values still stand in."""
    for table in (*TELLING, tables.EMBEDDINGS, tables.LABELS):
        vacuum(flow.spark, flow.store, table)
