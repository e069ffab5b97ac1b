"""Who says something else than whom, by hand."""

from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import LABELS, TICKETS_SILVER
from pipelines.transforms.disagreements import compared_versions, confusions, contested_clusters, newest_labels
from tests.builders import NOON, Values, frame, record, vote

LATER = NOON + timedelta(days=1)
MEMORY, FIRST, SECOND = (
    "memory=ticket-encoder@1",
    "slm=intent-slm@1/intent-prompt@1",
    "slm=intent-slm@1/intent-prompt@2",
)


def person(name: str | None, label: str, **changes: object) -> Values:
    return vote(label, 1.0, annotator_id=name, **changes)


def newest(spark: SparkSession, *votes: Values) -> DataFrame:
    return frame(spark, LABELS, *votes).transform(newest_labels)


def told(rows: DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row) for row in rows.select(*columns).collect())


def test_of_each_rater_the_newest_label_on_a_text_counts(spark: SparkSession) -> None:
    rows = newest(
        spark,
        person("ann", "a", voted_at=LATER, annotated_at=NOON),
        person("ann", "b", voted_at=NOON, annotated_at=LATER),
        vote("a", 0.7, "memory", record_id="copy", voted_at=LATER),
        vote("b", 0.9, "memory"),
        vote(None, None, "slm", failure="too slow"),
        person(None, "c"),
    )
    assert told(rows, "rater", "label", "record_id", "confidence", "said_at") == [
        ("ann", "b", "r1", 1.0, LATER.replace(tzinfo=None)),
        (MEMORY, "a", "copy", 0.7, LATER.replace(tzinfo=None)),
    ]


def test_two_raters_are_compared_on_the_texts_that_both_labelled_in_both_directions(spark: SparkSession) -> None:
    rows = newest(
        spark,
        vote("a", 0.9, "memory", text="x"),
        vote("b", 0.9, "slm", text="x"),
        vote("a", 0.9, "memory", text="y"),
        vote("a", 0.9, "slm", text="y"),
        vote("a", 0.9, "memory", text="of the memory alone"),
    ).transform(confusions)
    assert told(rows, "voter", "rater", "other_voter", "other_rater", "label", "other_label", "texts") == [
        ("memory", MEMORY, "slm", FIRST, "a", "a", 1),
        ("memory", MEMORY, "slm", FIRST, "a", "b", 1),
        ("slm", FIRST, "memory", MEMORY, "a", "a", 1),
        ("slm", FIRST, "memory", MEMORY, "b", "a", 1),
    ]


def test_versions_of_one_voter_are_compared_the_earlier_first(spark: SparkSession) -> None:
    by_second = {"prompt_version": "2", "voted_at": LATER}
    rows = newest(
        spark,
        vote("a", 0.9, "slm", text="x"),
        vote("b", 0.9, "slm", text="x", **by_second),
        vote("a", 0.9, "slm", text="y"),
        vote("a", 0.9, "slm", text="y", **by_second),
        vote("a", 0.9, "slm", text="of the first alone"),
        vote("c", 0.9, "memory", text="x"),
        person("ann", "a", text="x"),
        person("bob", "b", text="x"),
    ).transform(compared_versions)
    assert told(rows, "voter", "before", "after", "texts", "flips") == [("slm", FIRST, SECOND, 2, 1)]
    assert told(rows, "began_at") == [(LATER.replace(tzinfo=None),)]


def test_a_cluster_is_contested_by_the_votes_that_are_not_for_its_commonest_label(spark: SparkSession) -> None:
    tickets = frame(
        spark,
        TICKETS_SILVER,
        record("r1", text="x", cluster_id="r1"),
        record("r2", text="x!", cluster_id="r1"),
        record("r3", text="y", cluster_id="r3"),
        record("withheld", cluster_id=None),
    )
    rows = newest(
        spark,
        vote("a", 0.9, "memory", text="x"),
        person("ann", "a", text="x"),
        person("bob", "c", text="x"),
        vote("b", 0.9, "memory", text="x!", record_id="r2"),
        vote("b", 0.9, "slm", text="x!", record_id="r2"),
        person("ann", "b", text="x!", record_id="r2"),
        vote("a", 0.9, "memory", text="y", record_id="r3"),
        person("ann", "a", text="y", record_id="r3"),
    ).transform(contested_clusters, tickets)
    assert told(rows, "cluster_id", "records", "votes", "differing", "share", "text") == [("r1", 2, 6, 3, 0.5, "x")]
    assert told(rows, "labels") == [(["b", "a", "c"],)]
