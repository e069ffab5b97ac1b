"""Clusters on rows: what the index answered, which clusters became one, which counts today."""

from pyspark.sql import DataFrame, SparkSession

from pipelines.columns import CLUSTERING
from pipelines.contracts import CLUSTER_MERGES, TICKETS_SILVER
from pipelines.declaration import uncommented
from pipelines.transforms.clusters import add_clusters, current_clusters, merge_clusters
from tests.builders import Values, frame, record

NUMBERS = {"a": 1, "b": 2, "c": 3, "d": 4}


def clustered(record_id: str, arrival_no: int, cluster: str, *links: tuple[str, str | None]) -> Values:
    """A stored record; a link names an earlier record and the cluster it was part of, None in the same batch."""
    return record(
        record_id,
        arrival_no=arrival_no,
        cluster_id=cluster,
        cluster_no=NUMBERS[cluster],
        links=[(other, 0.9, its, NUMBERS[its] if its else None) for other, its in links],
        links_capped=False,
    )


def merged(spark: SparkSession, log: DataFrame, *rows: Values) -> list[tuple[object, ...]]:
    told = frame(spark, TICKETS_SILVER, *rows).transform(merge_clusters, log)
    assert told.columns == CLUSTER_MERGES.payload_names
    names = ["absorbed_id", "absorbed_no", "cluster_id", "cluster_no", "record_id", "linked_record_id", "similarity"]
    return sorted(map(tuple, told.select(*names).collect()))


def merge(absorbed: str, cluster: str) -> Values:
    return {
        "absorbed_id": absorbed,
        "absorbed_no": NUMBERS[absorbed],
        "cluster_id": cluster,
        "cluster_no": NUMBERS[cluster],
        "record_id": "r",
        "linked_record_id": "l",
        "similarity": 0.8,
    }


def test_records_get_what_the_index_answered_and_withheld_ones_nothing(spark: SparkSession) -> None:
    names = [field.name for field in CLUSTERING[1:]]
    redacted = frame(spark, TICKETS_SILVER, record("r1"), record("r2", withheld="over_daily_limit")).drop(*names)
    answer = spark.createDataFrame([("r1", 7, "c0", 3, [("r0", 0.9, "c0", 3)], True)], uncommented(CLUSTERING))
    rows = {row.record_id: row for row in redacted.transform(add_clusters, answer).collect()}
    assert [rows["r1"][name] for name in names] == [7, "c0", 3, [("r0", 0.9, "c0", 3)], True]
    assert [rows["r2"][name] for name in names] == [None] * 5


def test_a_link_to_another_cluster_is_a_merge_told_once_with_its_first_cause(spark: SparkSession) -> None:
    empty = frame(spark, CLUSTER_MERGES)
    rows = [
        clustered("r9", 9, "a", ("x", "a"), ("y", "c")),
        clustered("r8", 8, "a", ("z", "c"), ("w", None)),
        clustered("r7", 7, "b", ("v", "b")),
    ]
    assert merged(spark, empty, *rows) == [("c", 3, "a", 1, "r8", "z", 0.9)]


def test_what_an_absorbed_cluster_had_absorbed_moves_along(spark: SparkSession) -> None:
    log = frame(spark, CLUSTER_MERGES, merge("d", "c"), merge("c", "b"), merge("d", "b"))
    told = merged(spark, log, clustered("r9", 9, "a", ("x", "a"), ("y", "b")))
    assert [(row[0], row[2]) for row in told] == [("b", "a"), ("c", "a"), ("d", "a")]
    assert {row[4] for row in told} == {"r9"}


def test_a_row_s_cluster_today_is_the_oldest_it_became_part_of(spark: SparkSession) -> None:
    log = frame(spark, CLUSTER_MERGES, merge("d", "c"), merge("c", "a"), merge("d", "a"))
    rows = frame(
        spark,
        TICKETS_SILVER,
        *(record(f"r{cluster}", cluster_id=cluster) for cluster in "abcd"),
        record("w", cluster_id=None),
    )
    now = rows.transform(current_clusters, log)
    assert now.columns == rows.columns
    assert {row.record_id: row.cluster_id for row in now.collect()} == {
        "ra": "a", "rb": "b", "rc": "a", "rd": "a", "w": None,
    }  # fmt: skip
