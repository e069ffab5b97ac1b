"""What the student learns from."""

from pyspark.sql import SparkSession

from pipelines.contracts import DECISIONS, EMBEDDINGS, LABELS, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.gate_settings import GateSettings
from pipelines.transforms.training import learning_rows, likely_rows, may_teach, told_rows
from tests.builders import Values, decision, frame, record, vote


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
        return [tuple(row) for row in gold.transform(learning_rows, embeddings, "e", most).collect()]

    assert learnt(10) == [
        ("r2", "refund", True, [2.0]), ("r3", "login", False, [3.0]), ("r4", "refund", False, [4.0]),
        ("r5", "refund", True, [5.0]), ("r6", "refund", False, [6.0]), ("r8", "login", False, [8.0]),
    ]  # fmt: skip
    assert [row[0] for row in learnt(2)] == ["r2", "r3", "r5", "r8"]


def test_what_a_certificate_rests_on_teaches_nobody(spark: SparkSession) -> None:
    gold = frame(spark, TRAINING_EXAMPLES, *[example(f"r{number}", "refund", None) for number in range(40)])

    def teaching(**shares: float) -> set[str]:
        rows = gold.transform(may_teach, GateSettings(**shares)).collect()
        return {row["record_id"] for row in rows}

    everybody = {f"r{number}" for number in range(40)}
    assert teaching(audit_share=0.0, calibration_share=0.0) == everybody
    assert teaching(audit_share=1.0) == teaching(calibration_share=1.0) == set()
    # Each share holds out records of its own.
    audited, calibrating = (
        everybody - teaching(audit_share=0.5, calibration_share=0.0),
        everybody - teaching(audit_share=0.0, calibration_share=0.5),
    )
    assert min(len(audited), len(calibrating), len(audited ^ calibrating)) > 5


def test_what_people_say_of_records_outside_gold_is_learnt_from_and_nothing_else(spark: SparkSession) -> None:
    unknown = {"verdict": "unknown_intent", "label": "unknown", "place": "quarantine"}
    by_people = {**unknown, "parts": [("human", 1.0), ("memory", 0.2)]}
    against = {"verdict": "disagreement", "reason": "labels_disagree", "label": "refund", "place": "quarantine"}
    log = [
        decision("said", **by_people),
        decision("by models", **{**unknown, "parts": [("memory", 0.9)]}),
        decision("by people, a label that is gone", **{**by_people, "label": "fax"}),
        decision("against sure models", **{**against, "parts": [("human", 1.0), ("memory", 0.1)]}),
        decision("models are surer", **{**against, "parts": [("human", None), ("memory", 0.99)]}),
        decision("people differ", **{**against, "reason": "people_disagree", "parts": [("human", 1.0)]}),
        decision("thought better of", **by_people),
        decision("thought better of", decision_no=2),
    ]
    names = {str(row["record_id"]) for row in log}
    tickets = frame(spark, TICKETS_SILVER, *[record(name, cluster_id=f"cluster of {name}") for name in sorted(names)])
    rows = frame(spark, DECISIONS, *log).transform(told_rows, tickets).collect()
    assert sorted(tuple(row) for row in rows) == [
        ("against sure models", "refund", "cluster of against sure models", ["human", "memory"]),
        ("said", "unknown", "cluster of said", ["human", "memory"]),
    ]


def cast(text: str, label: str, *numbers: float, **changes: object) -> list[Values]:
    """The votes of memory and student on a text, whose hash is the text."""
    return [
        vote(label, number, voter, text=text, text_hash=text, **changes)
        for number, voter in zip(numbers, ("memory", "student"), strict=False)
    ]


def test_likely_texts_are_those_that_nobody_settled_one_a_cluster_and_label(spark: SparkSession) -> None:
    votes = [
        *cast("a likely", "refund", 0.4, 0.6),
        *cast("b unlikely", "refund", 0.4, 0.59),
        *cast("c unknown", "unknown", 0.9),
        *cast("d in gold", "refund", 0.9),
        *cast("e by a person", "refund", 0.7),
        vote("login", 0.3, "human", text="e by a person"),
        *cast("f leads", "login", 0.7, cluster_id="k"),
        *cast("g follows", "login", 0.7, cluster_id="k"),
        *cast("h third", "login", 0.7),
        *cast("i without a vector", "refund", 0.7),
        vote("refund", 0.99, "slm", text="j", text_hash="j by the language model alone"),
    ]
    vectors = [
        {"text_hash": str(row["text_hash"]), "model_hash": "e", "vector": [1.0]}
        for row in votes
        if row.get("text_hash") and row["text_hash"] != "i without a vector"
    ]
    told = frame(spark, LABELS, *votes)
    gold = frame(spark, TRAINING_EXAMPLES, {"record_id": "r", "text_key": "key of d in gold"})
    embeddings = frame(spark, EMBEDDINGS, *vectors, {"text_hash": "i without a vector", "model_hash": "old"})

    def learnt(most: int) -> list[tuple[object, ...]]:
        return [tuple(row) for row in told.transform(likely_rows, gold, embeddings, 0.5, "e", most).collect()]

    assert learnt(9) == [("a likely", "refund", [1.0]), ("f leads", "login", [1.0]), ("h third", "login", [1.0])]
    assert [row[0] for row in learnt(1)] == ["a likely", "f leads"]
