"""Documents, annotations and quality, by hand; that they point to each other is tested on a whole flow."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import AGREEMENT, DECISIONS, LABELS, TICKETS_SILVER
from pipelines.transforms.documents import annotations, documents, quality_metrics
from tests.builders import NOON, Values, decision, frame, record, vote

MEMORY, SLM = "memory=ticket-encoder@1", "slm=intent-slm@1/intent-prompt@1"
TOPIC = "000000000003/tickets/000001/000000000000042"
FILE = "000000000003/0f1e/000000/000000000000007"


def told(found: DataFrame) -> list[tuple[object, ...]]:
    rows = [row.asDict() for row in found.orderBy(found.columns[0]).collect()]
    return [
        tuple(one.replace(tzinfo=UTC) if isinstance(one, datetime) else one for one in row.values()) for row in rows
    ]


def tickets(spark: SparkSession) -> DataFrame:
    from_file = record("r3", position=FILE, source="label_file", created_at=None)
    return frame(spark, TICKETS_SILVER, record("r1", position=TOPIC), record("r2", position=TOPIC), from_file)


def decisions(spark: SparkSession) -> DataFrame:
    rows = [
        decision("r1", place="quarantine", confidence=0.4, versions=[MEMORY]),
        decision("r1", decision_no=2, versions=["human=file", MEMORY, SLM]),
        decision("r3", place="quarantine", confidence=0.3, versions=[SLM]),
    ]
    return frame(spark, DECISIONS, *rows)


def test_a_document_says_where_it_came_from_and_where_it_is(spark: SparkSession) -> None:
    found = tickets(spark).transform(documents, decisions(spark))
    assert found.columns == ["document_id", "source", "source_path", "created_at", "received_day", "status"]
    day = NOON.date()
    assert told(found) == [
        ("r1", "email", "kafka:tickets/1/42", NOON, day, "gold"),
        ("r2", "email", "kafka:tickets/1/42", NOON, day, "pending"),
        ("r3", "label_file", "file:0f1e/7", None, day, "quarantine"),
    ]


def test_an_annotation_says_who_labelled_which_document(spark: SparkSession) -> None:
    votes = [
        vote("refund", 0.8, vote_id="1", annotator_id="ann", annotated_at=NOON - timedelta(days=1)),
        vote("billing", 0.9, "slm", vote_id="2", record_id="r2"),
        vote("refund", 0.8, vote_id="3"),
    ]
    found = frame(spark, LABELS, *votes).transform(annotations)
    assert found.columns == [
        *("annotation_id", "document_id", "voter", "annotator", "label", "confidence", "annotated_at"),
    ]
    assert told(found) == [
        ("1", "r1", "human", "ann", "refund", 0.8, NOON - timedelta(days=1)),
        ("2", "r2", "slm", SLM, "billing", 0.9, NOON),
        ("3", "r1", "human", None, "refund", 0.8, NOON),
    ]


def test_quality_is_the_least_kappa_of_those_that_a_decision_rests_on(spark: SparkSession) -> None:
    def measured(compared: str, rater: str | None, **figures: object) -> Values:
        return {"compared": compared, "rater": rater, "votes": 9, "items": 9, **figures}

    rows = [
        measured("model_and_people", MEMORY, cohen_kappa=0.7),
        measured("model_and_people", MEMORY, cohen_kappa=0.1, label="billing"),
        measured("model_and_people", MEMORY, cohen_kappa=0.1, day=NOON.date()),
        measured("people", None, fleiss_kappa=0.6),
        measured("annotator_and_others", "human=file", cohen_kappa=0.2),
    ]
    found = tickets(spark).transform(quality_metrics, decisions(spark), frame(spark, AGREEMENT, *rows))
    assert found.columns == [
        *("document_id", "kappa_score", "confidence_score", "status", "source_path", "place_path"),
    ]
    assert told(found) == [
        ("r1", 0.6, 0.9, "gold", "kafka:tickets/1/42", "gold.training_examples"),
        ("r2", None, None, "pending", "kafka:tickets/1/42", None),
        ("r3", None, 0.3, "quarantine", "file:0f1e/7", "quarantine.tickets"),
    ]
