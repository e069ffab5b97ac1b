from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import TEXT_FEATURES, TICKETS_SILVER
from pipelines.transforms.cluster_names import name_clusters
from tests.builders import Values, frame, record


def described(record_id: str, *phrases: str) -> Values:
    """A row of silver.text_features; the first phrase has the best score."""
    return {"record_id": record_id, "key_phrases": [(phrase, float(rank)) for rank, phrase in enumerate(phrases)]}


def named(spark: SparkSession, tickets: Sequence[Values], features: Sequence[Values], biggest: int = 5) -> list[tuple]:
    texts: DataFrame = frame(spark, TEXT_FEATURES, *features)
    rows = frame(spark, TICKETS_SILVER, *tickets).transform(name_clusters, texts, biggest).collect()
    return [(row["group_id"], row["records"], list(row["phrases"])) for row in rows]


LOST = [record(f"l{number}", cluster_id="lost") for number in range(3)]
PAID = [record(f"p{number}", cluster_id="paid") for number in range(2)]
ALONE = [record("alone"), record("withheld", cluster_id=None, text=None)]


def test_the_biggest_clusters_come_first_and_single_records_are_none(spark: SparkSession) -> None:
    features = [described(row["record_id"], "my card") for row in (*LOST, *PAID, *ALONE)]

    assert [row[:2] for row in named(spark, [*PAID, *ALONE, *LOST], features)] == [("lost", 3), ("paid", 2)]
    assert [row[:2] for row in named(spark, [*PAID, *ALONE, *LOST], features, 1)] == [("lost", 3)]


def test_a_phrase_of_all_members_that_is_rare_outside_names_a_cluster(spark: SparkSession) -> None:
    # "dear team" is in all texts, "last night" in one of the cluster: both weigh less than what sets it apart.
    features = [
        described("l0", "dear team", "card stolen"),
        described("l1", "last night", "dear team", "card stolen"),
        described("l2", "dear team", "card stolen"),
        described("p0", "dear team", "paid twice"),
        described("p1", "dear team", "paid twice"),
        described("alone", "dear team"),
    ]

    assert named(spark, [*LOST, *PAID, *ALONE], features) == [
        ("lost", 3, ["card stolen", "last night", "dear team"]),
        ("paid", 2, ["paid twice", "dear team"]),
    ]


def test_a_name_has_three_phrases_none_within_another(spark: SparkSession) -> None:
    phrases = ("stolen card", "my stolen card", "blue wallet", "card", "train station", "police report")
    features = [described(row["record_id"], *phrases) for row in LOST]

    assert named(spark, LOST, features) == [("lost", 3, ["stolen card", "blue wallet", "train station"])]


def test_a_cluster_without_features_has_no_name(spark: SparkSession) -> None:
    assert named(spark, LOST, []) == [("lost", 3, [])]
    assert named(spark, LOST, [described("elsewhere", "my card")]) == [("lost", 3, [])]
