"""The gate's rules: votes in, verdicts out, verdicts into places.

*Threshold first*: a vote without enough confidence does not stand. *Then agreement*: all standing votes of a text, from
whatever batch or file, must say one label.
"""

from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.columns import ALTERNATIVES, IDENTITY, PLACED, STRINGS
from pipelines.contracts import DECISIONS, QUARANTINE, SHED, TRAINING_EXAMPLES
from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.transforms.evidence import list_votes
from pipelines.transforms.label_sets import as_of_today
from pipelines.transforms.look_alikes import hold_back
from pipelines.transforms.opinions import weigh
from pipelines.transforms.retries import MOST_TRIES
from pipelines.transforms.verdicts import as_outcome, outcome
from pipelines.vocabulary import Action, Place, Reason, Verdict

CONFIDENCE_DECIMALS = 6
"""Differences below this do not make a new decision."""

IDENTITY_NAMES = [field.name for field in IDENTITY]
PLACED_NAMES = [field.name for field in PLACED]
COMPARED = ("verdict", "reason", "label", "confidence", "second_label", "labels", "leads")


def judge(
    records: DataFrame,
    votes: DataFrame,
    previous: DataFrame,
    labels: LabelSet,
    rules: GateRules,
    decided_at: datetime,
    commands: DataFrame | None = None,
    crowds: DataFrame | None = None,
) -> DataFrame:
    """Give each record the verdict its evidence carries now, if that is news.

    The first rule that applies decides:
    0. What a person asked to discard is discarded, and stays so until a replay is asked for.
    1. A withheld record has no text to label, so no vote lifts it: `over_daily_limit` is shed; `text_too_long` and
       `redaction_failed` are quarantined.
    2. A text nobody voted on yet has no decision: its records are pending, as are those of a text that a model has
       failed on and will be shown again; after the last try it has `failed`, unless a person's vote stands.
    3. No vote stands: `low_confidence`. Several standing labels: `disagreement`; a majority of people leaves only one.
    4. The one standing label is `unknown` or not among the known ones: `unknown_intent`.
    5. No person stands for it, and its label was suspended, or its confidence (see `opinions.weigh`) is below the
       effective gate: `low_confidence`. With a person, the user's own gate counts.
    6. It is one of too many look-alikes that rest on one person's word: `unconfirmed` (see `look_alikes`). Else it is
       accepted.

    Args:
        records: silver.tickets rows of the touched texts, all records of each, and all records of `crowds`.
        votes: every stored vote of those texts.
        previous: every stored decision of those records.
        labels: those that may reach gold, and what became of former ones.
        rules: the gate's thresholds, and what evidence added to them.
        decided_at: when the micro-batch runs.
        commands: what `commands.standing_commands` gives; None: nobody asked for anything.
        crowds: what `look_alikes.find_crowds` gives for the clusters of these records; None: there are none.

    Returns:
        Payload of gold.decisions: only records whose decision is new, or differs from their newest one.
    """
    told = votes.transform(as_of_today, labels)
    newest = F.max_by(F.struct("place", "decision_no", *COMPARED), "decision_no").alias("newest")
    known = (
        records.select(*IDENTITY_NAMES, "withheld")
        .join(told.transform(weigh, rules), on="text_key", how="left")
        .join(previous.groupBy("record_id").agg(newest), on="record_id", how="left")
        .transform(_asked_for, commands)
    )
    judged = (
        known.where(F.col("withheld").isNotNull() | (F.col("versions").isNotNull() & ~_is_tried_again()))
        .withColumns({"outcome": outcome(labels, rules), "is_discarded": _is_discarded() | _stays_discarded()})
        .transform(hold_back, crowds, told, rules)
        .withColumn("outcome", _unless_discarded())
    )
    decided = judged.select(*IDENTITY_NAMES, "newest", "action", "outcome.*", "leads", *_what_votes_say())
    news = ~_compared("").eqNullSafe(_compared("newest.")) & ~_stays_discarded()
    stamps = {
        "decision_no": (F.coalesce("newest.decision_no", F.lit(0)) + 1).cast("int"),
        "gate_version": F.lit(rules.fingerprint()),
        "decided_at": F.lit(decided_at).cast("timestamp"),
    }
    return decided.where(news).withColumns(stamps).select(*DECISIONS.payload_names)


def explain(records: DataFrame, decided: DataFrame, votes: DataFrame) -> DataFrame:
    """Bring each record's verdict and its votes together; one that nobody voted on has neither.

    Args:
        records: rows with record_id, text_key, position and text.
        decided: what `judge` gave.
        votes: payload of silver.labels.

    Returns:
        position, text, verdict, reason, label, confidence, votes; in the order of the positions.
    """
    verdicts = decided.select("record_id", "verdict", "reason", "label", "confidence")
    return (
        records.select("record_id", "text_key", "position", "text")
        .join(verdicts, on="record_id", how="left")
        .join(votes.transform(list_votes), on="text_key", how="left")
        .select("position", "text", "verdict", "reason", "label", "confidence", "votes")
        .orderBy("position")
    )


def newest_decisions(decisions: DataFrame) -> DataFrame:
    """Keep each record's newest decision."""
    newest = F.max("decision_no").over(Window.partitionBy("record_id"))
    ranked = decisions.withColumn("newest_no", newest)
    return ranked.where(F.col("decision_no") == F.col("newest_no")).select(*DECISIONS.column_names)


def place_decided(decided: DataFrame, records: DataFrame) -> DataFrame:
    """Bring decisions and what silver knows of their records together, for whatever place they go to.

    Returns:
        One row a decision: the shared columns of all places, and those that only some places keep.
    """
    known = records.select(
        *["record_id", "source", "subject", "text", "cluster_id", "created_at", "kept_record_id", "received_day"]
    )
    # A left join: a decision is placed even if its record could not be read.
    return decided.join(known, on="record_id", how="left").select(
        *PLACED_NAMES,
        *["verdict", "reason", "place", "second_label", "second_confidence", "labels", "parts", "versions", "leads"],
        *["kept_record_id", "received_day"],
    )


def training_examples(placed: DataFrame) -> DataFrame:
    """Rows of gold.training_examples for the accepted ones of what `place_decided` gives."""
    accepted = placed.where(F.col("place") == Place.GOLD.value)
    voters = F.transform("parts", lambda part: part["label"])
    return accepted.withColumn("voters", voters).select(*TRAINING_EXAMPLES.payload_names)


def quarantined(placed: DataFrame) -> DataFrame:
    """Rows of quarantine.tickets: what a decision keeps out of gold, with its reason."""
    kept_out = placed.where(F.col("place") == Place.QUARANTINE.value)
    return kept_out.select(*QUARANTINE.payload_names)


def shed_pointers(placed: DataFrame) -> DataFrame:
    """Rows of quarantine.shed: which record holds the text that was over the day's limit."""
    shed = placed.where(F.col("place") == Place.SHED.value)
    return shed.select(*SHED.payload_names)


def current(rows: DataFrame, *other_places: DataFrame) -> DataFrame:
    """Read a place as if every move were one step: keep rows whose record has no newer row in any place.

    A move inserts into the new place, then deletes from the old one, in two transactions: between the two the old row
    is there but no longer true.
    """
    newer = rows.select("record_id", "decision_no")
    for place in other_places:
        newer = newer.unionByName(place.select("record_id", "decision_no"))
    return rows.join(_moved(newer), on=_is_older(), how="left_anti").select(*rows.columns)


def superseded(rows: DataFrame, decided: DataFrame) -> DataFrame:
    """Keep the rows of a place whose record has a newer decision: what a move leaves behind.

    Args:
        rows: of a place.
        decided: record_id, decision_no.
    """
    return rows.join(_moved(decided), on=_is_older(), how="left_semi")


def _moved(decided: DataFrame) -> DataFrame:
    # Only moved records have a second decision: the side that is compared stays small, whatever a place's size.
    names = F.col("record_id").alias("moved_record_id"), F.col("decision_no").alias("moved_decision_no")
    return decided.where(F.col("decision_no") > 1).select(*names)


def _is_older() -> Column:
    return (F.col("record_id") == F.col("moved_record_id")) & (F.col("decision_no") < F.col("moved_decision_no"))


def _what_votes_say() -> list[Column]:
    """The evidence, emptied for withheld records: votes on other copies of a text are not about them."""
    is_open = F.col("withheld").isNull()
    nothing = {"labels": STRINGS, "parts": ALTERNATIVES, "versions": STRINGS}
    named = ("label", "confidence", "second_label", "second_confidence")
    plain = [F.when(is_open, F.col(name)).alias(name) for name in named]
    lists = [F.when(is_open, F.col(name)).otherwise(F.array().cast(kind)).alias(name) for name, kind in nothing.items()]
    return [*plain, *lists]


def _compared(prefix: str) -> Column:
    rounded = F.round(f"{prefix}confidence", CONFIDENCE_DECIMALS)
    columns = [rounded if name == "confidence" else F.col(f"{prefix}{name}") for name in COMPARED]
    return F.struct(*[column.alias(name) for column, name in zip(columns, COMPARED, strict=True)])


def _asked_for(judged: DataFrame, commands: DataFrame | None) -> DataFrame:
    """Add what was asked for last of each record: `action`, null when nothing was."""
    if commands is None:
        return judged.withColumn("action", F.lit(None).cast("string"))
    return judged.join(commands.select("record_id", "action"), on="record_id", how="left")


def _unless_discarded() -> Column:
    discarded = as_outcome(Verdict.DISCARDED, Reason.DISCARDED_ON_REQUEST, Place.DISCARDED)
    return F.when(_is_discarded(), discarded).otherwise(F.col("outcome"))


def _is_discarded() -> Column:
    return F.coalesce(F.col("action") == Action.DISCARD.value, F.lit(False))


def _stays_discarded() -> Column:
    was_discarded = F.col("newest.place") == Place.DISCARDED.value
    is_replayed = F.coalesce(F.col("action") == Action.REPLAY.value, F.lit(False))
    return F.coalesce(was_discarded & ~is_replayed, F.lit(False))


def _is_tried_again() -> Column:
    return F.coalesce(F.col("tries") < MOST_TRIES, F.lit(False))
