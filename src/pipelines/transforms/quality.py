"""The ledger: every message, row and record accounted for, and what is counted beside it.

messages   = records of messages + re-deliveries + invalid + waiting
label rows = votes + invalid + withheld + waiting
records    = gold + quarantine + shed + discarded + pending
"""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.agreement import current
from pipelines.vocabulary import Place, Voter

MESSAGE_COUNTS = ["messages", "invalid", "redeliveries", "waiting", "records", "records_of_files"]
PLACE_COUNTS = ["gold", "quarantine", "shed", "discarded", "pending", "in_two_places", "unplaced"]
LABEL_COUNTS = ["label_rows", "label_invalid", "votes", "label_withheld", "label_waiting"]
DIFFERENCES = ["message_difference", "label_difference", "record_difference"]
LEDGER = [*MESSAGE_COUNTS, *PLACE_COUNTS, *LABEL_COUNTS, *DIFFERENCES, "difference"]


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

    Nothing is computed as the rest of something else, or a loss would hide in it. `waiting` are valid messages whose
    record silver does not have, `label_waiting` rows without a vote: work to do while streams run, a loss when they
    have drained. `pending` have no decision, `unplaced` a decision but no row in the place it names. Places are read
    as users read them (`agreement.current`); `in_two_places` counts records with more than one such row.

    Returns:
        One row of LEDGER: counts, a difference for each equation, and `difference`, the sum of their sizes.
    """
    lives = _lives(bronze, tickets, annotations, decisions, {"gold": gold, "quarantine": quarantine, "shed": shed})
    records = lives.select(*_record_counts())
    messages = bronze.agg(
        _how_many(F.lit(True)).alias("messages"), _how_many(F.col("error_code").isNotNull()).alias("invalid")
    )
    counted = messages.crossJoin(records).crossJoin(_label_counts(label_files, tickets, annotations, votes))
    differences = {
        "message_difference": F.expr(
            "messages - invalid - redeliveries - waiting - (records - records_of_files)",
        ),
        "label_difference": F.expr("label_rows - label_invalid - votes - label_withheld - label_waiting"),
        "record_difference": F.expr("records - gold - quarantine - shed - discarded - pending"),
    }
    total = reduce(lambda left, right: left + right, [F.abs(name) for name in DIFFERENCES])
    return counted.withColumns(differences).withColumn("difference", total).select(*LEDGER)


def quarantine_by_reason(quarantine: DataFrame, *other_places: DataFrame) -> DataFrame:
    """Count quarantined records: name (reason code), rows."""
    return _counted_by(current(quarantine, *other_places), F.col("reason"))


def votes_by_voter(votes: DataFrame) -> DataFrame:
    """Count votes: name (voter), rows."""
    return _counted_by(votes, F.col("voter"))


def redactions_by_type(tickets: DataFrame) -> DataFrame:
    """Count what was redacted: name (entity type), rows (found values)."""
    return _counted_by(tickets.select(F.explode("spans").alias("span")), F.col("span")["type"])


def cluster_counts(tickets: DataFrame) -> DataFrame:
    """Count near-duplicates: one row of records (clustered ones), clusters, and largest (records of the largest)."""
    sizes = tickets.where(F.col("cluster_id").isNotNull()).groupBy("cluster_id").agg(F.sum(F.lit(1)).alias("size"))
    return sizes.select(
        F.coalesce(F.sum("size"), F.lit(0)).alias("records"),
        F.coalesce(F.sum(F.lit(1)), F.lit(0)).alias("clusters"),
        F.coalesce(F.max("size"), F.lit(0)).alias("largest"),
    )


def _lives(
    bronze: DataFrame, tickets: DataFrame, annotations: DataFrame, decisions: DataFrame, places: dict[str, DataFrame]
) -> DataFrame:
    """One row a record id, from wherever it is seen: how many rows each table has of it, and if it is discarded."""
    others = {name: [frame for other, frame in places.items() if other != name] for name in places}
    sources = {
        "deliveries": bronze.where(F.col("error_code").isNull()),
        "silver": tickets,
        "files": annotations.where(F.col("matched_by") == "new_record").select("record_id").distinct(),
        "decided": decisions,
        **{name: current(rows, *others[name]) for name, rows in places.items()},
    }
    sightings = [
        rows.select("record_id", F.lit(name).alias("seen"), _newest_place(name)) for name, rows in sources.items()
    ]
    united = reduce(lambda left, right: left.unionByName(right), sightings)
    seen = [_how_many(F.col("seen") == name).alias(name) for name in sources]
    discarded = F.coalesce(F.max("newest")["place"] == Place.DISCARDED.value, F.lit(False))
    return united.groupBy("record_id").agg(*seen, discarded.alias("is_discarded"))


def _newest_place(source: str) -> Column:
    """The decision's number and place, so that the greatest is the newest; null for every other table."""
    kind = "struct<decision_no: int, place: string>"
    decided = F.struct("decision_no", "place") if source == "decided" else F.lit(None)
    return decided.cast(kind).alias("newest")


def _record_counts() -> list[Column]:
    deliveries, silver, placed = F.col("deliveries"), F.col("silver"), F.expr("gold + quarantine + shed")
    decided, discarded = F.col("decided") > 0, F.col("is_discarded")
    here = silver > 0
    return [
        _total(F.greatest(deliveries - 1, F.lit(0))).alias("redeliveries"),
        _how_many((deliveries > 0) & ~here).alias("waiting"),
        _total(silver).alias("records"),
        _how_many(F.col("files") > 0).alias("records_of_files"),
        *[_total(F.col(name)).alias(name) for name in ("gold", "quarantine", "shed")],
        _how_many(discarded).alias("discarded"),
        _how_many(here & ~decided & (placed == 0)).alias("pending"),
        _how_many(placed + discarded.cast("int") > 1).alias("in_two_places"),
        _how_many(decided & ~discarded & (placed == 0)).alias("unplaced"),
    ]


def _label_counts(label_files: DataFrame, tickets: DataFrame, annotations: DataFrame, votes: DataFrame) -> DataFrame:
    by_people = votes.where(F.col("voter") == Voter.HUMAN.value)
    withheld = tickets.where(F.col("withheld").isNotNull()).select("record_id")
    unread = annotations.join(withheld, on="record_id", how="left_semi").join(
        by_people.select("record_id"), on="record_id", how="left_anti"
    )
    rows = label_files.agg(
        _how_many(F.lit(True)).alias("label_rows"), _how_many(F.col("error_code").isNotNull()).alias("label_invalid")
    )
    counts = rows.crossJoin(by_people.agg(_how_many(F.lit(True)).alias("votes"))).crossJoin(
        unread.agg(_how_many(F.lit(True)).alias("label_withheld"))
    )
    # Rows and votes share no key: more votes than rows is the difference that can be seen.
    missing = F.expr("label_rows - label_invalid - votes - label_withheld")
    return counts.withColumn("label_waiting", F.greatest(missing, F.lit(0))).select(*LABEL_COUNTS)


def _how_many(condition: Column) -> Column:
    return _total(F.when(condition, 1).otherwise(0))


def _total(number: Column) -> Column:
    return F.coalesce(F.sum(number), F.lit(0)).cast("long")


def _counted_by(rows: DataFrame, name: Column) -> DataFrame:
    return rows.groupBy(name.alias("name")).agg(F.sum(F.lit(1)).alias("rows")).orderBy("name")
