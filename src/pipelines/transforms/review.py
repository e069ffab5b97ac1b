"""Work for people: what the votes could not settle, and a share of what they settled."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import REVIEW_QUEUE
from pipelines.settings import GateSettings
from pipelines.vocabulary import Reason, Verdict

ASKED = (Verdict.DISAGREEMENT, Verdict.LOW_CONFIDENCE, Verdict.UNKNOWN_INTENT)


def review_tasks(placed: DataFrame, settings: GateSettings) -> DataFrame:
    """Ask a person about every record whose label a person could settle, and about a share of the accepted ones.

    The share is chosen by a hash of the record id: the same records whenever and wherever it is computed.

    Args:
        placed: what `agreement.place_decided` gives.
        settings: the audit's share.

    Returns:
        Payload of gold.review_queue; `task` is the decision's reason, or `audit_sample`.
    """
    asked = F.col("verdict").isin([verdict.value for verdict in ASKED])
    asked |= F.col("reason").eqNullSafe(Reason.LABELLING_FAILED.value)
    audited = (F.col("verdict") == Verdict.ACCEPTED.value) & _in_share(settings.audit_share)
    task = F.when(asked, F.col("reason")).when(audited, F.lit(Reason.AUDIT_SAMPLE.value))
    choices = F.array_sort(F.array_compact(F.array_union("labels", F.array("label"))))
    return (
        placed.withColumns({"task": task, "labels": choices})
        .where(F.col("task").isNotNull())
        .select(*REVIEW_QUEUE.payload_names)
    )


def _in_share(share: float) -> Column:
    """True for `share` of all record ids, whatever they look like: the first 32 bits of a SHA-256 are even."""
    digest = F.sha2(F.concat_ws(":", F.lit(Reason.AUDIT_SAMPLE.value), F.col("record_id")), 256)
    return F.conv(F.substring(digest, 1, 8), 16, 10).cast("double") < share * 2.0**32
