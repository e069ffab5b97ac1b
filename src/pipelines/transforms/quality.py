"""The ledger: every message, row and record accounted for, and what is counted beside it.

messages   = records of messages + re-deliveries + invalid + waiting
label rows = votes + invalid + withheld + waiting
records    = gold + quarantine + shed + discarded + pending
"""

from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.agreement import current
from pipelines.vocabulary import Place, Tier, Voter

MESSAGE_COUNTS = ["messages", "invalid", "redeliveries", "waiting", "records", "records_of_files"]
PLACE_COUNTS = ["gold", "quarantine", "shed", "discarded", "pending", "in_two_places", "unplaced"]
LABEL_COUNTS = ["label_rows", "label_invalid", "votes", "label_withheld", "label_waiting"]
EQUATIONS = {
    "message_difference": "messages - invalid - redeliveries - waiting - (records - records_of_files)",
    "label_difference": "label_rows - label_invalid - votes - label_withheld - label_waiting",
    "record_difference": "records - gold - quarantine - shed - discarded - pending",
}
LEDGER = [*MESSAGE_COUNTS, *PLACE_COUNTS, *LABEL_COUNTS, *EQUATIONS, "difference"]
PLACES = ("gold", "quarantine", "shed")


def ledger(
    bronze: DataFrame,
    label_files: DataFrame,
    tickets: DataFrame,
    annotations: DataFrame,
    votes: DataFrame,
    decisions: DataFrame,
    gold: DataFrame,
    quarantine: DataFrame,
    shed: DataFrame,
) -> DataFrame:
    """Account for everything that came in: one row of counts.

    Only `label_waiting` is the rest of other counts; a loss would hide in such a number. `waiting` are valid messages
    whose record silver does not have, `label_waiting` rows without a vote: work to do while streams run, a loss once
    they have drained. `pending` records have no decision, `unplaced` ones a decision but no row in a place. Places are
    read as users read them (see `agreement.current`); `in_two_places` counts records that have more than one such row.

    Returns:
        One row of LEDGER: counts, a difference for each equation, and `difference`, the sum of their sizes.
    """
    is_invalid, nothing = F.col("error_code").isNotNull(), F.lit(False)
    sightings = [
        _seen("message", bronze, is_invalid),
        _seen("label_row", label_files, is_invalid),
        _seen("record", tickets, F.col("withheld").isNotNull()),
        _seen("annotation", annotations, F.col("matched_by") == "new_record"),
        _seen("vote", votes.where(F.col("voter") == Voter.HUMAN.value), nothing),
        _seen("decision", decisions, F.col("place") == Place.DISCARDED.value, F.col("decision_no")),
        *[
            _seen(name, rows, nothing, F.col("decision_no"))
            for name, rows in zip(PLACES, (gold, quarantine, shed), strict=True)
        ],
    ]
    # One pass over all tables and one shuffle by record: joins of nine tables would take many of each.
    united = reduce(lambda left, right: left.unionByName(right), sightings)
    lives = united.groupBy("record_id").agg(*_life()).withColumns(_places_of_life())
    counted = lives.agg(*_counts())
    # Rows and votes share no key: more votes than rows is the difference that can be seen.
    unvoted = F.greatest(F.expr("label_rows - label_invalid - votes - label_withheld"), F.lit(0))
    total = reduce(lambda left, right: left + right, [F.abs(name) for name in EQUATIONS])
    return (
        counted.withColumn("label_waiting", unvoted)
        .withColumns({name: F.expr(equation) for name, equation in EQUATIONS.items()})
        .withColumn("difference", total)
        .select(*LEDGER)
    )


def quarantine_by_reason(quarantine: DataFrame, *other_places: DataFrame) -> DataFrame:
    """Count quarantined records: name (reason code), rows."""
    return _counted_by(current(quarantine, *other_places), F.col("reason"))


def verdicts_since(decisions: DataFrame, since: datetime) -> DataFrame:
    """Count the decisions that were made at some time or later: name (reason code, or `accepted`), rows."""
    made = decisions.where(F.col("decided_at") >= F.lit(since))
    return _counted_by(made, F.coalesce("reason", "verdict"))


def votes_by_voter(votes: DataFrame) -> DataFrame:
    """Count votes: name (voter, with its tier when the vote was taken over), rows."""
    taken_over = F.col("tier").isin(Tier.CACHE.value, Tier.CLUSTER.value)
    return _counted_by(votes, F.concat("voter", F.when(taken_over, F.concat(F.lit(" by "), "tier")).otherwise("")))


def redactions_by_type(tickets: DataFrame) -> DataFrame:
    """Count what was redacted: name (entity type), rows (found values)."""
    return _counted_by(tickets.select(F.explode("spans").alias("span")), F.col("span")["type"])


def cluster_counts(tickets: DataFrame) -> DataFrame:
    """Count near-duplicates among tickets with the clusters of today.

    Returns:
        One row: records (clustered ones), clusters, largest (records of the largest), capped (records that a crowded
        LSH bucket kept from being compared with all).
    """
    clustered = tickets.where(F.col("cluster_id").isNotNull())
    sizes = clustered.groupBy("cluster_id").agg(
        F.sum(F.lit(1)).alias("size"), F.sum(F.col("links_capped").cast("int")).alias("capped")
    )
    return sizes.select(
        F.coalesce(F.sum("size"), F.lit(0)).alias("records"),
        F.coalesce(F.sum(F.lit(1)), F.lit(0)).alias("clusters"),
        F.coalesce(F.max("size"), F.lit(0)).alias("largest"),
        F.coalesce(F.sum("capped"), F.lit(0)).alias("capped"),
    )


def _seen(what: str, rows: DataFrame, flag: Column, decision_no: Column | None = None) -> DataFrame:
    """Rows of one table as sightings of records: what was seen, one fact about it, and its decision's number."""
    number = F.lit(None) if decision_no is None else decision_no
    return rows.select(
        "record_id", F.lit(what).alias("seen"), flag.alias("flag"), number.cast("int").alias("decision_no")
    )


def _life() -> list[Column]:
    """What was seen of one record: rows by table, and the places it stood in with the numbers of their decisions."""

    def rows(what: str, flag: bool | None = None) -> Column:
        seen = F.col("seen") == what
        return _how_many(seen if flag is None else seen & (F.coalesce("flag", F.lit(False)) == flag))

    is_place, is_decision = F.col("seen").isin(*PLACES), F.col("seen") == "decision"
    newest = F.max(F.when(is_decision, F.struct("decision_no", "flag")))
    return [
        rows("message", flag=False).alias("deliveries"),
        rows("message", flag=True).alias("invalid"),
        rows("label_row").alias("label_rows"),
        rows("label_row", flag=True).alias("label_invalid"),
        rows("record").alias("records"),
        rows("record", flag=True).alias("withheld"),
        rows("annotation").alias("annotations"),
        rows("annotation", flag=True).alias("of_file"),
        rows("vote").alias("votes"),
        rows("decision").alias("decisions"),
        F.coalesce(newest["flag"], F.lit(False)).alias("is_discarded"),
        F.collect_list(F.when(is_place, F.struct("decision_no", "seen"))).alias("rows"),
    ]


def _places_of_life() -> dict[str, Column]:
    """Rows of one record in each place, as a reader sees them: only those of its newest decision."""
    newest = F.array_max("rows")["decision_no"]
    places = F.transform(
        F.filter("rows", lambda row: row["decision_no"] == newest),
        lambda row: row["seen"],
    )
    return {name: F.size(places) - F.size(F.array_remove(places, name)) for name in PLACES}


def _counts() -> list[Column]:
    here, placed = F.col("records") > 0, F.expr("gold + quarantine + shed")
    # On its way out a record is where readers see it, until its row is gone.
    decided, discarded = F.col("decisions") > 0, F.col("is_discarded") & (placed == 0)
    unread = (F.col("withheld") > 0) & (F.col("votes") == 0)
    summed = ["invalid", "label_rows", "label_invalid", "records", "votes", *PLACES]
    return [
        *[_total(F.col(name)).alias(name) for name in summed],
        _total(F.expr("deliveries + invalid")).alias("messages"),
        _total(F.greatest(F.col("deliveries") - 1, F.lit(0))).alias("redeliveries"),
        _how_many((F.col("deliveries") > 0) & ~here).alias("waiting"),
        _how_many(F.col("of_file") > 0).alias("records_of_files"),
        _how_many(discarded).alias("discarded"),
        _how_many(here & ~decided & (placed == 0)).alias("pending"),
        _how_many(placed > 1).alias("in_two_places"),
        _how_many(decided & ~discarded & (placed == 0)).alias("unplaced"),
        _total(F.when(unread, F.col("annotations"))).alias("label_withheld"),
    ]


def _how_many(condition: Column) -> Column:
    return _total(F.when(condition, 1).otherwise(0))


def _total(number: Column) -> Column:
    return F.coalesce(F.sum(number), F.lit(0)).cast("long")


def _counted_by(rows: DataFrame, name: Column) -> DataFrame:
    return rows.groupBy(name.alias("name")).agg(F.sum(F.lit(1)).alias("rows")).orderBy("name")
