"""Work for people: what the votes could not settle, and a share of what they settled."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.contracts import REVIEW_QUEUE
from pipelines.gate_settings import GateSettings
from pipelines.transforms.lots import in_audit
from pipelines.vocabulary import Reason, Verdict

ASKED = (Verdict.DISAGREEMENT, Verdict.LOW_CONFIDENCE, Verdict.UNKNOWN_INTENT, Verdict.UNCONFIRMED)


def review_tasks(placed: DataFrame, settings: GateSettings) -> DataFrame:
    """Ask a person about every record whose label a person could settle, and about a share of the accepted ones.

    The share is chosen by a hash of the record id: the same records whenever and wherever it is computed. Of
    unconfirmed look-alikes one is asked about: a second person's word on it is one on all of them.

    Args:
        placed: what `agreement.place_decided` gives.
        settings: the audit's share.

    Returns:
        Payload of gold.review_queue; `task` is the decision's reason, `third_person` where people differ, or
        `audit_sample`.
    """
    asked = F.col("verdict").isin([verdict.value for verdict in ASKED])
    asked |= F.col("reason").eqNullSafe(Reason.LABELLING_FAILED.value)
    asked &= (F.col("verdict") != Verdict.UNCONFIRMED.value) | F.coalesce("leads", F.lit(False))
    audited = (F.col("verdict") == Verdict.ACCEPTED.value) & in_audit(settings.audit_share)
    people_differ = F.col("reason") == Reason.PEOPLE_DISAGREE.value
    asks = F.when(people_differ, F.lit(Reason.THIRD_PERSON.value)).otherwise(F.col("reason"))
    task = F.when(asked, asks).when(audited, F.lit(Reason.AUDIT_SAMPLE.value))
    choices = F.array_sort(F.array_compact(F.array_union("labels", F.array("label"))))
    return (
        placed.withColumns({"task": task, "labels": choices})
        .where(F.col("task").isNotNull())
        .select(*REVIEW_QUEUE.payload_names)
    )
