"""The way of each record in three frames that fit together: documents, annotations of them, and their quality.

`document_id` is the record_id: a document's row stands in silver.tickets, and both other frames point to it.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import PLACES
from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.evidence import vote_version
from pipelines.transforms.intake import LABEL_SOURCE
from pipelines.vocabulary import Compared, Place, Voter

POSITION = r"^\d+/(.*)/(\d+)/(\d+)$"
"""Micro-batch, topic or file, partition, number; see `intake.position`."""


def documents(tickets: DataFrame, decisions: DataFrame) -> DataFrame:
    """List every record with where it came from and where it is.

    Args:
        tickets: silver.tickets.
        decisions: gold.decisions.

    Returns:
        document_id, source (channel), source_path (`kafka:TOPIC/PARTITION/OFFSET` of its first delivery, or
        `file:PSEUDONYM/ROW` of a labelled file; files' names stand in bronze only), created_at (null for a labelled
        file's), received_day, status (place; pending without a decision).
    """
    placed = decisions.transform(newest_decisions).select("record_id", "place")
    return tickets.join(placed, on="record_id", how="left").select(
        F.col("record_id").alias("document_id"),
        "source",
        _source_path().alias("source_path"),
        *("created_at", "received_day"),
        _status().alias("status"),
    )


def annotations(votes: DataFrame) -> DataFrame:
    """List every vote on a document, people's and models'.

    Args:
        votes: silver.labels.

    Returns:
        annotation_id, document_id, voter, annotator (a person's pseudonym, null where nobody is named; a model's
        versions), label (null where a model has failed), confidence, annotated_at.
    """
    is_human = F.col("voter") == Voter.HUMAN.value
    return votes.select(
        F.col("vote_id").alias("annotation_id"),
        F.col("record_id").alias("document_id"),
        "voter",
        F.when(is_human, F.col("annotator_id")).otherwise(vote_version()).alias("annotator"),
        *("label", "confidence"),
        F.coalesce("annotated_at", "voted_at").alias("annotated_at"),
    )


def quality_metrics(tickets: DataFrame, decisions: DataFrame, agreement: DataFrame) -> DataFrame:
    """Tell how far each document's label can be trusted, and where its rows stand.

    Args:
        tickets: silver.tickets.
        decisions: gold.decisions.
        agreement: current rows of gold.agreement.

    Returns:
        document_id, kappa_score (the least kappa of those whose votes its decision rests on: Cohen's of each version
        of a model against people, Fleiss' of people among themselves; null where none was measured),
        confidence_score (of its decision), status, source_path, place_path (its row's table; null without one).
    """
    newest = decisions.transform(newest_decisions)
    told = newest.select("record_id", "decision_no", "place", "confidence")
    known = newest.transform(_least_kappa, agreement)
    decided = told.join(known, on=["record_id", "decision_no"], how="left")
    return tickets.join(decided, on="record_id", how="left").select(
        F.col("record_id").alias("document_id"),
        F.col("kappa").alias("kappa_score"),
        F.col("confidence").alias("confidence_score"),
        _status().alias("status"),
        _source_path().alias("source_path"),
        _place_path().alias("place_path"),
    )


def _least_kappa(decisions: DataFrame, agreement: DataFrame) -> DataFrame:
    """Give each decision the least kappa of the versions that it rests on: record_id, decision_no, kappa."""
    overall = agreement.where(F.col("label").isNull() & F.col("day").isNull())
    of_people = F.col("compared") == Compared.PEOPLE.value
    raters = overall.where(of_people | (F.col("compared") == Compared.MODEL.value)).select(
        F.when(of_people, F.lit(Voter.HUMAN.value)).otherwise(F.col("rater")).alias("rater"),
        F.coalesce("cohen_kappa", "fleiss_kappa").alias("kappa"),
    )
    named = decisions.select("record_id", "decision_no", F.explode("versions").alias("version"))
    # People have no versions: whatever file their votes came with, they are people.
    is_human = F.col("version").startswith(f"{Voter.HUMAN.value}=")
    rested = named.withColumn("rater", F.when(is_human, F.lit(Voter.HUMAN.value)).otherwise(F.col("version")))
    measured = rested.join(raters, on="rater", how="inner")
    return measured.groupBy("record_id", "decision_no").agg(F.min("kappa").alias("kappa"))


def _status() -> Column:
    return F.coalesce("place", F.lit(Place.PENDING.value))


def _place_path() -> Column:
    path = F.lit(None).cast("string")
    for place, table in PLACES.items():
        path = F.when(F.col("place") == place.value, F.lit(table.full_name)).otherwise(path)
    return path


def _source_path() -> Column:
    folder = F.regexp_extract("position", POSITION, 1)
    partition, number = (F.regexp_extract("position", POSITION, group).cast("long") for group in (2, 3))
    of_file = F.format_string("file:%s/%d", folder, number)
    return F.when(F.col("source") == LABEL_SOURCE, of_file).otherwise(
        F.format_string("kafka:%s/%d/%d", folder, partition, number)
    )
