"""Samples by lot: a hash of the record id, so the same records whenever and wherever it is drawn."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.vocabulary import Purpose, Reason


def lot(purpose: str) -> Column:
    """Draw a record's lot for a purpose: 0 to 2**32, even whatever the ids look like; each purpose draws anew."""
    digest = F.sha2(F.concat_ws(":", F.lit(purpose), F.col("record_id")), 256)
    return F.conv(F.substring(digest, 1, 8), 16, 10).cast("double")


def in_audit(share: float) -> Column:
    """Tell whether a record is in the share that people check."""
    return lot(Reason.AUDIT_SAMPLE.value) < share * 2.0**32


def in_calibration(share: float, audit_share: float) -> Column:
    """Tell whether a record is in the share that calibrates confidence; one that is audited never is."""
    return (lot(Purpose.CALIBRATION.value) < share * 2.0**32) & ~in_audit(audit_share)
