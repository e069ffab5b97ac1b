"""Texts that a voter could not answer: tried again so many times, then given up. All is read from stored votes.

A failure is a vote that says why there is none. Whoever has answered a text once has not failed on it.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.transforms.labelling import CAST
from pipelines.vocabulary import NoAnswer, Tier, Voter

MOST_TRIES = 5
"""After so many failures of one voter a text is nobody's fault any more but its own."""
PAIR = ("text_hash", "voter")


def failed_pairs(votes: DataFrame) -> DataFrame:
    """Find the texts that a voter has failed on and not answered, with the tries so far, while some are left.

    Args:
        votes: rows of silver.labels.

    Returns:
        text_hash, voter, tries.
    """
    failures = votes.where(F.col("failure").isNotNull() & F.col("text_hash").isNotNull())
    tries = failures.groupBy(*PAIR).agg(F.max("try_no").alias("tries")).where(F.col("tries") < MOST_TRIES)
    answered = votes.where(F.col("failure").isNull()).select(*PAIR)
    return tries.join(answered, on=[*PAIR], how="left_anti")


def records_of(votes: DataFrame, failed: DataFrame) -> DataFrame:
    """Name the records that have these texts: record_id."""
    failures = votes.where(F.col("failure").isNotNull())
    return failures.join(failed, on=[*PAIR], how="left_semi").select("record_id").distinct()


def tried_again(votes: DataFrame, failed: DataFrame, past: DataFrame) -> DataFrame:
    """Keep of new votes what was open, with the number of the try.

    A voter that is not asked any more (the language model is off, or the others are sure by now) has failed once more:
    so that every text comes to an end.

    Args:
        votes: `CAST`'s columns, of everybody on the texts that somebody failed on.
        failed: what `failed_pairs` gave.
        past: rows of silver.labels.

    Returns:
        `CAST`'s columns.
    """
    answered = past.where(F.col("failure").isNull()).select(*PAIR)
    open_votes = votes.drop("try_no").join(answered, on=[*PAIR], how="left_anti")
    told = open_votes.join(failed, on=[*PAIR], how="left").withColumn("try_no", _next_try())
    silent = failed.join(open_votes, on=[*PAIR], how="left_anti").withColumns(
        {"failure": F.lit(NoAnswer.NOT_ASKED.value), "try_no": _next_try()}
    )
    return told.unionByName(silent, allowMissingColumns=True).select(*CAST.names)


def lost_votes(texts: DataFrame, asked_by: dict[str, str]) -> DataFrame:
    """Write the failure of the language model on texts whose reading ends its worker: gives `CAST`'s columns.

    Args:
        texts: with text_hash.
        asked_by: versions and settings of the model; see `labelling.Voters`.
    """
    told = {"voter": Voter.SLM, "failure": NoAnswer.WORKER_LOST, "tier": Tier.MODEL, **asked_by}
    fields = [field for field in CAST if field.name != "text_hash"]
    columns = [F.lit(told.get(field.name)).cast(field.dataType).alias(field.name) for field in fields]
    return texts.select("text_hash", *columns).withColumn("try_no", F.lit(1)).select(*CAST.names)


def _next_try() -> Column:
    return (F.coalesce("tries", F.lit(0)) + 1).cast("int")
