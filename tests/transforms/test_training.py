"""What the student learns from."""

from pyspark.sql import SparkSession

from pipelines.contracts import EMBEDDINGS, TRAINING_EXAMPLES
from pipelines.settings import GateSettings
from pipelines.transforms.training import learning_rows
from tests.builders import Values, frame

ALL_LEARN = GateSettings(audit_share=0.0, calibration_share=0.0)


def example(record_id: str, label: str, cluster: str | None, *voters: str) -> Values:
    return {"record_id": record_id, "label": label, "cluster_id": cluster, "voters": [*voters]}


def test_one_example_a_cluster_and_label_is_learnt_from_and_those_of_people_come_first(spark: SparkSession) -> None:
    gold = frame(
        spark,
        TRAINING_EXAMPLES,
        example("r1", "refund", "c1", "memory"),
        example("r2", "refund", "c1", "human", "memory"),
        example("r3", "login", "c1", "memory"),
        example("r4", "refund", "c4", "memory"),
        example("r5", "refund", "c5", "human"),
        example("r6", "refund", None, "memory"),
        example("r7", "refund", "c7", "memory"),
        example("r8", "login", "c8", "memory"),
    )
    vectors = [
        {"record_id": f"r{number}", "model_hash": "e", "vector": [float(number)]} for number in (1, 2, 3, 4, 5, 6, 8)
    ]
    other = [{"record_id": "r7", "model_hash": "old", "vector": [7.0]}, {"record_id": "r8", "model_hash": "old"}]
    embeddings = frame(spark, EMBEDDINGS, *vectors, *other)

    def learnt(most: int) -> list[tuple[object, ...]]:
        return [tuple(row) for row in gold.transform(learning_rows, embeddings, "e", most, ALL_LEARN).collect()]

    assert learnt(10) == [
        ("r2", "refund", True, [2.0]), ("r3", "login", False, [3.0]), ("r4", "refund", False, [4.0]),
        ("r5", "refund", True, [5.0]), ("r6", "refund", False, [6.0]), ("r8", "login", False, [8.0]),
    ]  # fmt: skip
    assert [row[0] for row in learnt(2)] == ["r2", "r3", "r5", "r8"]
    # What a certificate rests on has no part in any fit.
    everything_is_audited = GateSettings(audit_share=1.0)
    assert gold.transform(learning_rows, embeddings, "e", 10, everything_is_audited).collect() == []
