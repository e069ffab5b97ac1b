"""Requests of people: which records they mean, what the gate is to do with each, and what stands in quarantine."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import CLUSTER_MERGES, COMMANDS
from pipelines.transforms.intake import moment
from pipelines.vocabulary import Action, Place, Reason

AGES = ((1, "under 1 day"), (7, "1 to 7 days"), (30, "7 to 30 days"))
"""Upper bounds in days, and their names."""
OLDEST = "over 30 days"


@dataclass(frozen=True)
class Choice:
    """Which records of quarantine are meant: those that fit all that is given.

    Attributes:
        record_ids: these alone; none: any.
        reason: code of the newest decision. `discarded_on_request` means records that were discarded.
        label: of the newest decision.
        since: first day (UTC) of the newest decision.
    """

    record_ids: tuple[str, ...] = ()
    reason: str | None = None
    label: str | None = None
    since: date | None = None


@dataclass(frozen=True)
class Command:
    """A request, before it is written for each record that it means."""

    action: Action
    choice: Choice
    requested_at: datetime
    because: str | None = None
    version: str | None = None

    @property
    def command_id(self) -> str:
        """Name the request: the same one, delivered twice, has one name."""
        choice = self.choice
        told = [self.action, self.because, self.version, self.requested_at, choice.record_ids, choice.reason]
        text = json.dumps([*told, choice.label, choice.since], default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def chosen_records(decisions: DataFrame, choice: Choice, action: Action | None = None) -> DataFrame:
    """Choose records that stand in quarantine, or were discarded, by their newest decision.

    Discarded ones are only chosen by name or by their reason, and never to be discarded again.

    Args:
        decisions: the newest of each record.
        choice: which are meant.
        action: what is to be done with them, if anything.

    Returns:
        decisions' columns.
    """
    is_named = choice.record_ids or choice.reason == Reason.DISCARDED_ON_REQUEST.value
    comes_back = is_named and action is not Action.DISCARD
    conditions = [
        F.col("place").isin(Place.QUARANTINE.value, *([Place.DISCARDED.value] if comes_back else [])),
        F.col("record_id").isin([*choice.record_ids]) if choice.record_ids else F.lit(True),
        F.lit(True) if choice.reason is None else F.col("reason") == choice.reason,
        F.lit(True) if choice.label is None else F.col("label") == choice.label,
        F.lit(True) if choice.since is None else F.col("decided_at") >= F.lit(choice.since),
    ]
    chosen = decisions
    for condition in conditions:
        chosen = chosen.where(condition)
    return chosen.select(*decisions.columns)


def commands(chosen: DataFrame, command: Command) -> DataFrame:
    """Write a request for each record that it means: payload of bronze.commands."""
    told = {
        "command_id": F.lit(command.command_id),
        "action": F.lit(command.action.value),
        "because": F.lit(command.because).cast("string"),
        "version": F.lit(command.version).cast("string"),
        "requested_at": moment(command.requested_at),
    }
    return chosen.withColumns(told).select(*COMMANDS.payload_names)


def standing_commands(rows: DataFrame) -> DataFrame:
    """Keep what was asked for last of each record; what is delivered late or twice changes nothing.

    Args:
        rows: bronze.commands.

    Returns:
        record_id, action, because, version, requested_at.
    """
    asked = F.struct("action", "because", "version", "requested_at")
    newest = F.max_by(asked, F.struct("requested_at", "command_id")).alias("newest")
    return rows.groupBy("record_id").agg(newest).select("record_id", "newest.*")


def touched_texts(batch: DataFrame, judged_before: DataFrame) -> DataFrame:
    """Say which texts a micro-batch of the gate is about: text_key, named_id, is_merge.

    `named_id` is the record that a command names; null where new evidence came, which is about all records of a text.
    `is_merge` marks a text that has made clusters one.

    Args:
        batch: rows that arrived; certificates are about no text.
        judged_before: decisions that may not hold any more.
    """
    named = F.when(F.col("origin") == COMMANDS.full_name, F.col("record_id"))
    is_merge = (F.col("origin") == CLUSTER_MERGES.full_name).alias("is_merge")
    arrived = batch.where(F.col("text_key").isNotNull()).select("text_key", named.alias("named_id"), is_merge)
    nobody, no_merge = F.lit(None).cast("string").alias("named_id"), F.lit(False).alias("is_merge")
    again = judged_before.select("text_key", nobody, no_merge)
    return arrived.unionByName(again).distinct()


def due_records(records: DataFrame, touched: DataFrame) -> DataFrame:
    """Keep the records to be judged: all of a text with new evidence, of another only those that a command names.

    Args:
        records: silver.tickets.
        touched: what `touched_texts` gave.
    """
    due = touched.withColumnRenamed("text_key", "due_key")
    is_meant = F.col("named_id").isNull() | (F.col("named_id") == F.col("record_id"))
    return records.join(due, on=(F.col("text_key") == F.col("due_key")) & is_meant, how="left_semi")


def counted_by_age(kept_out: DataFrame, now: datetime) -> DataFrame:
    """Count decisions: reason, label, age (of the decision), records."""
    days = (F.unix_micros(moment(now)) - F.unix_micros("decided_at")) / 86_400_000_000
    age: Column = F.lit(OLDEST)
    for most, name in reversed(AGES):
        age = F.when(days < most, name).otherwise(age)
    counted = kept_out.groupBy("reason", "label", age.alias("age")).agg(F.sum(F.lit(1)).alias("records"))
    return counted.select("reason", "label", "age", "records")


def listed(kept_out: DataFrame, tickets: DataFrame) -> DataFrame:
    """Show kept-out records with their redacted texts, the newest decision first.

    Args:
        kept_out: newest decisions.
        tickets: silver.tickets.
    """
    texts = tickets.select("record_id", "subject", "text", "source", "withheld")
    told = ["record_id", "verdict", "reason", "label", "confidence", "labels", "decided_at", "decision_no", "place"]
    shown = kept_out.select(*told).join(texts, on="record_id", how="left")
    return shown.select(*told, "source", "subject", "text", "withheld").orderBy(F.desc("decided_at"), "record_id")
