from pyspark.sql import SparkSession

from pipelines.contracts import LABELS, QUARANTINE, TRAINING_EXAMPLES
from pipelines.transforms.datasets import disagreement_rows, model_rows, training_rows
from tests.builders import Values, decision, frame, vote


def disagreed(record_id: str, text: str | None, *labels: str) -> Values:
    key = text if text is not None else record_id
    return {**decision(record_id, text=key, verdict="disagreement", labels=sorted(labels)), "text": text}


def test_training_rows_come_in_the_order_of_their_ids(spark: SparkSession) -> None:
    rows = [{**decision(name), "text": f"text of {name}", "voters": ["human"]} for name in ("r2", "r10", "r1")]
    training = training_rows(frame(spark, TRAINING_EXAMPLES, *rows))
    assert training.columns == ["record_id", "text", "label", "confidence", "voters", "versions"]
    assert [tuple(row) for row in training.collect()] == [
        ("r1", "text of r1", "billing", 0.9, ["human"], ["human=file"]),
        ("r10", "text of r10", "billing", 0.9, ["human"], ["human=file"]),
        ("r2", "text of r2", "billing", 0.9, ["human"], ["human=file"]),
    ]


def test_a_disagreement_is_one_line_a_text_with_labels_sorted_and_counted(spark: SparkSession) -> None:
    quarantine = frame(
        spark,
        QUARANTINE,
        disagreed("r2", "is it\r\nmine,\tor | yours?\u2028\x07", "refund", "card"),
        disagreed("r1", "is it\r\nmine,\tor | yours?\u2028\x07", "refund", "card"),
        disagreed("r3", "and é?", "c", "b", "a"),
        decision("r4", verdict="low_confidence"),
    )
    assert [row["line"] for row in disagreement_rows(quarantine).collect()] == [
        "and é? | a,b,c | 3",
        "is it mine, or | yours?  | card,refund | 2",
    ]


def test_models_and_prompts_that_voted_are_listed_once_and_files_not(spark: SparkSession) -> None:
    votes = frame(spark, LABELS, vote("a", 0.9), vote("a", 0.9, "slm"), vote("b", 0.8, "slm"), vote("a", 0.9, "memory"))
    assert [tuple(row) for row in model_rows(votes).collect()] == [
        ("model", "intent-slm", "1", "5" * 64),
        ("model", "ticket-encoder", "1", "e" * 64),
        ("prompt", "intent-prompt", "1", "9" * 64),
    ]
