"""What the student learns from: accepted gold with the vectors of its texts, and texts that are likely of a label."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gate_settings import GateSettings
from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.cascade import opinions
from pipelines.transforms.lots import in_audit, in_calibration
from pipelines.vocabulary import UNKNOWN_LABEL, Reason, Verdict, Voter

CHEAP = (Voter.MEMORY.value, Voter.STUDENT.value)


def may_teach(rows: DataFrame, gate: GateSettings) -> DataFrame:
    """Leave out the records that calibrate confidence or are audited: what a certificate rests on teaches nobody.

    Args:
        rows: with a record_id.
        gate: the shares that are held out.
    """
    held_out = in_audit(gate.audit_share) | in_calibration(gate.calibration_share, gate.audit_share)
    return rows.where(~held_out).select(*rows.columns)


def told_rows(decisions: DataFrame, tickets: DataFrame) -> DataFrame:
    """Choose the records outside gold about which people say what they are: they teach most.

    These are of no known intent, or models that are sure of another label keep them in quarantine. Where people differ
    nobody has said anything yet.

    Args:
        decisions: gold.decisions.
        tickets: silver.tickets.

    Returns:
        record_id, label (people's), cluster_id, voters.
    """
    by_people = F.exists("parts", lambda part: (part["label"] == Voter.HUMAN.value) & (part["probability"] > 0))
    is_stranger = (F.col("verdict") == Verdict.UNKNOWN_INTENT.value) & (F.col("label") == UNKNOWN_LABEL)
    is_contradicted = F.col("reason").eqNullSafe(Reason.LABELS_DISAGREE.value)
    told = decisions.transform(newest_decisions).where((is_stranger | is_contradicted) & by_people)
    voters = F.transform("parts", lambda part: part["label"]).alias("voters")
    known = told.join(tickets.select("record_id", "cluster_id"), on="record_id", how="inner")
    return known.select("record_id", "label", "cluster_id", voters)


def learning_rows(gold: DataFrame, embeddings: DataFrame, encoder_hash: str, most: int) -> DataFrame:
    """Choose what is learnt from: one record a near-duplicate cluster and label, so that no flood outweighs the rest.

    Within a cluster the record that a person voted on comes first. Of each label at most `most` are taken, those of
    people first, then by hash of the record.

    Args:
        gold: current rows of gold.training_examples; those of `told_rows` as well.
        embeddings: rows of silver.embeddings.
        encoder_hash: whose vectors.
        most: examples of a label.

    Returns:
        record_id, label, by_human, vector; in the order of the record ids.
    """
    vectors = embeddings.where((F.col("model_hash") == encoder_hash) & F.col("vector").isNotNull())
    by_human = F.array_contains("voters", Voter.HUMAN.value)
    known = gold.select("record_id", "label", "cluster_id", by_human.alias("by_human")).join(
        vectors.select("record_id", "vector").dropDuplicates(["record_id"]), on="record_id", how="inner"
    )
    family = F.coalesce("cluster_id", "record_id")
    once = known.withColumn("place", _place(F.col("label"), family)).where("place = 1")
    few = once.withColumn("place", _place(F.col("label"))).where(F.col("place") <= most)
    return few.select("record_id", "label", "by_human", "vector").orderBy("record_id")


def likely_rows(
    votes: DataFrame, gold: DataFrame, embeddings: DataFrame, least: float, encoder_hash: str, most: int
) -> DataFrame:
    """Choose texts that memory and student find likely to be of a label, and that nobody has settled.

    Texts that stand in gold or that a person has voted on are left out; of a near-duplicate cluster and label one is
    taken, of each label at most `most`, the first by the text's hash.

    Args:
        votes: rows of silver.labels.
        gold: current rows of gold.training_examples.
        embeddings: rows of silver.embeddings.
        least: mean probability from which a text is likely to be of a label.
        encoder_hash: whose vectors.
        most: texts of a label.

    Returns:
        text_hash, label, vector; in the order of the hashes.
    """
    settled = votes.where(F.col("voter") == Voter.HUMAN.value).select("text_key")
    settled = settled.unionByName(gold.select("text_key")).distinct()
    unsettled = votes.where(F.col("voter").isin(*CHEAP)).join(settled, on="text_key", how="left_anti")
    first = F.min(F.coalesce("cluster_id", "text_hash")).alias("family")
    families = unsettled.groupBy("text_hash").agg(first)
    is_likely = (F.col("confidence") >= least) & (F.col("label") != UNKNOWN_LABEL)
    told = unsettled.transform(opinions).where(is_likely).join(families, on="text_hash", how="inner")
    made = embeddings.where((F.col("model_hash") == encoder_hash) & F.col("vector").isNotNull())
    vectors = made.dropDuplicates(["text_hash"]).select("text_hash", "vector")
    once = told.withColumn("place", _first("label", "family")).where("place = 1")
    few = once.withColumn("place", _first("label")).where(F.col("place") <= most)
    return few.join(vectors, on="text_hash", how="inner").select("text_hash", "label", "vector").orderBy("text_hash")


def _first(*group: str) -> Column:
    return F.row_number().over(Window.partitionBy(*group).orderBy("text_hash"))


def _place(*group: Column) -> Column:
    """Number the rows of a group: those of people first, then by record id, which is a hash."""
    return F.row_number().over(Window.partitionBy(*group).orderBy(~F.col("by_human"), "record_id"))
