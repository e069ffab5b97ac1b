from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from pipelines.contracts import LABELS, QUARANTINE, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.transforms.datasets import (
    disagreement_rows,
    example_counts,
    model_rows,
    redaction_counts,
    training_rows,
)
from tests.builders import NOON, Values, decision, frame, record, vote


def disagreed(record_id: str, text: str | None, *labels: str) -> Values:
    key = text if text is not None else record_id
    return {**decision(record_id, text=key, verdict="disagreement", labels=sorted(labels)), "text": text}


def test_training_rows_come_in_the_order_of_their_ids(spark: SparkSession) -> None:
    rows = [{**decision(name), "text": f"text of {name}", "voters": ["human"]} for name in ("r2", "r10", "r1")]
    training = training_rows(frame(spark, TRAINING_EXAMPLES, *rows).withColumn("split", F.lit("test")))
    assert training.columns == ["record_id", "text", "label", "confidence", "voters", "versions", "split"]
    assert [tuple(row) for row in training.collect()] == [
        ("r1", "text of r1", "billing", 0.9, ["human"], ["human=file"], "test"),
        ("r10", "text of r10", "billing", 0.9, ["human"], ["human=file"], "test"),
        ("r2", "text of r2", "billing", 0.9, ["human"], ["human=file"], "test"),
    ]


def test_rows_are_counted_by_what_they_are(spark: SparkSession) -> None:
    rows = [
        {**decision("r1"), "source": "email", "voters": ["human", "slm"], "created_at": NOON},
        {**decision("r2"), "source": "chat", "voters": ["human"]},
    ]
    examples = frame(spark, TRAINING_EXAMPLES, *rows).withColumn("split", F.lit("train"))
    assert [tuple(row) for row in example_counts(examples).collect()] == [
        ("class", "train", "billing", 2),
        ("month", None, "2026-01", 1),
        ("month", None, "unknown", 1),
        ("source", None, "chat", 1),
        ("source", None, "email", 1),
        ("version", None, "human=file", 2),
        ("voter", None, "human", 2),
        ("voter", None, "slm", 1),
    ]
    name = {"field": "text", "type": "PERSON", "start": 0, "end": 3, "score": 0.9}
    tickets = frame(
        spark,
        TICKETS_SILVER,
        record("r1", spans=[name, name, {**name, "field": "subject"}], redaction_version="p1"),
        record("r9", spans=[name], redaction_version="p1"),
    )
    assert [tuple(row) for row in redaction_counts(tickets, examples).collect()] == [
        ("policy", None, "p1", 1),
        ("replaced", None, "PERSON", 2),
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
