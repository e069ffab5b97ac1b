"""What the student learns from: accepted gold with the vectors of its texts."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.settings import GateSettings
from pipelines.transforms.lots import in_audit, in_calibration
from pipelines.vocabulary import Voter


def learning_rows(
    gold: DataFrame, embeddings: DataFrame, encoder_hash: str, most: int, gate: GateSettings
) -> DataFrame:
    """Choose what is learnt from: one record a near-duplicate cluster and label, so that no flood outweighs the rest.

    Within a cluster the record that a person voted on comes first. Of each label at most `most` are taken, those of
    people first, then by hash of the record. Records that calibrate confidence or are audited are never learnt from:
    what a certificate rests on must have had no part in any fit.

    Args:
        gold: current rows of gold.training_examples.
        embeddings: rows of silver.embeddings.
        encoder_hash: whose vectors.
        most: examples of a label.
        gate: the shares that are held out.

    Returns:
        record_id, label, by_human, vector; in the order of the record ids.
    """
    vectors = embeddings.where((F.col("model_hash") == encoder_hash) & F.col("vector").isNotNull())
    by_human = F.array_contains("voters", Voter.HUMAN.value)
    held_out = in_audit(gate.audit_share) | in_calibration(gate.calibration_share, gate.audit_share)
    known = (
        gold.where(~held_out)
        .select("record_id", "label", "cluster_id", by_human.alias("by_human"))
        .join(vectors.select("record_id", "vector").dropDuplicates(["record_id"]), on="record_id", how="inner")
    )
    family = F.coalesce("cluster_id", "record_id")
    once = known.withColumn("place", _place(F.col("label"), family)).where("place = 1")
    few = once.withColumn("place", _place(F.col("label"))).where(F.col("place") <= most)
    return few.select("record_id", "label", "by_human", "vector").orderBy("record_id")


def _place(*group: Column) -> Column:
    """Number the rows of a group: those of people first, then by record id, which is a hash."""
    return F.row_number().over(Window.partitionBy(*group).orderBy(~F.col("by_human"), "record_id"))
