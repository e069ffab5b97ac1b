"""Samples by hash: the same records whenever and wherever it is computed, and each sample independent of the others."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.vocabulary import Reason

AUDIT, CALIBRATION = Reason.AUDIT_SAMPLE.value, "calibration_sample"


def draw(sample: str) -> Column:
    """Give each record its number in a sample, from 0 to 1: evenly spread, whatever record ids look like."""
    digest = F.sha2(F.concat_ws(":", F.lit(sample), F.col("record_id")), 256)
    return F.conv(F.substring(digest, 1, 8), 16, 10).cast("double") / 2.0**32


def is_audited(share: float) -> Column:
    """Tell the records whose labels people check for ever, if they are accepted."""
    return draw(AUDIT) < share


def calibrates(share: float, audit_share: float) -> Column:
    """Tell the records whose labels people give so that confidence can be calibrated; never one that is audited."""
    return (draw(CALIBRATION) < share) & ~is_audited(audit_share)
