"""After a change of the label set: decisions follow into the names of today, retired labels are voted on anew.

Old votes stay as they were cast. Work is found by comparing the newest decisions with the labels of today, so a run
that was cut off is finished by the next one.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pyspark.sql import DataFrame

from pipelines import contracts as tables
from pipelines.adapters.delta import BatchWrite, next_batch, read_table
from pipelines.adapters.spark import hold
from pipelines.faults import hit
from pipelines.jobs.flow import Flow
from pipelines.jobs.labelling import label
from pipelines.jobs.reprocessing import decide_again
from pipelines.transforms.agreement import newest_decisions
from pipelines.transforms.label_sets import of_former_labels

QUERY = "relabel"


@dataclass(frozen=True)
class Relabelled:
    """What a change of the label set touches.

    Attributes:
        renamed: records that are decided anew under a name of today.
        voted: records that are voted on anew, because a label of theirs was retired.
        by_label: records by the former label that they name, the first by name of several.
        by_place: records by where they stood.
    """

    renamed: int
    voted: int
    by_label: dict[str, int]
    by_place: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def find_former(flow: Flow) -> DataFrame:
    """Find the records whose newest decision names a former label; see `label_sets.of_former_labels`."""
    decisions = read_table(flow.spark, flow.store, tables.DECISIONS).transform(newest_decisions)
    return decisions.transform(of_former_labels, flow.labels)


def count_former(found: DataFrame) -> Relabelled:
    """Count what would be touched."""
    groups = [row.asDict() for row in found.groupBy("former_label", "place", "is_retired").count().collect()]
    voted = sum(group["count"] for group in groups if group["is_retired"])
    labels, places = Counter[str](), Counter[str]()
    for group in groups:
        labels[group["former_label"]] += group["count"]
        places[group["place"]] += group["count"]
    return Relabelled(labels.total() - voted, voted, dict(labels.most_common()), dict(places.most_common()))


def relabel(flow: Flow, found: DataFrame, tell: Callable[[str], None]) -> None:
    """Vote anew where a label was retired, decide anew on all that named a former label, and move what has to move.

    Args:
        flow: with the labels of today.
        found: what `find_former` gave, held.
        tell: told which step begins.
    """
    spark, store = flow.spark, flow.store
    written = (tables.EMBEDDINGS, tables.LABELS, tables.DECISIONS)
    write = BatchWrite(QUERY, 1, next_batch(spark, store, QUERY, written))
    tickets = read_table(spark, store, tables.TICKETS_SILVER)
    records = hold(tickets.join(found.select("record_id"), on="record_id", how="left_semi"))
    retired = records.join(found.where("is_retired").select("record_id"), on="record_id", how="left_semi")
    if not retired.isEmpty():
        tell("voting anew where a label was retired")
        label(retired, read_table(spark, store, tables.ANNOTATIONS).limit(0), flow, write)
        hit("after_voting_anew")
    tell("deciding anew")
    decide_again(flow, found.select("record_id"), records, write)
