"""What votes cost, and what taking them over costs, read from the votes."""

from datetime import timedelta

from pyspark.sql import SparkSession

from pipelines.contracts import COST_PER_LABEL, LABELS, VOTES
from pipelines.transforms.economy import cluster_disagreement, cluster_sample, questions
from pipelines.transforms.quality import votes_by_voter
from tests.builders import NOON, Values, frame, vote


def asked(label: str | None, text_hash: str, cluster: str | None, minute: int, **changes: object) -> Values:
    told = {
        "text_hash": text_hash,
        "cluster_id": cluster,
        "tier": "model",
        "voted_at": NOON + timedelta(minutes=minute),
    }
    cost = {"tokens_in": 100, "tokens_out": 1, "latency_ms": 500.0, "device": "cpu"}
    return {**vote(label, 0.9, "slm"), **told, **cost, **changes}


def test_a_text_costs_once_however_many_records_have_it(spark: SparkSession) -> None:
    free = {"tier": "cache", "tokens_in": 0, "tokens_out": 0, "latency_ms": 0.0}
    votes = frame(
        spark,
        LABELS,
        asked("a", "h1", "c", 0, record_id="r1"),
        asked("a", "h1", "c", 0, record_id="r2"),
        asked("b", "h2", None, 1, record_id="r3"),
        asked("a", "h1", "c", 2, record_id="r4", **free),
        asked("b", "h2", None, 3, record_id="r6", vote_id="asked once more"),
        asked("a", "h3", "c", 60 * 24, record_id="r5"),
        vote("a", 0.9, "human"),
    )
    votes.createOrReplaceTempView("cast_votes")
    query = COST_PER_LABEL.query.replace("silver.votes", f"({VOTES.query})").replace("silver.labels", "cast_votes")
    rows = spark.sql(query).where("voter = 'slm'").orderBy("day", "tier").collect()
    told = [(str(row.day), row.tier, row.votes, row.texts, row.tokens_in, row.tokens_out, row.seconds) for row in rows]
    assert told == [
        ("2026-01-05", "cache", 1, 1, 0, 0, 0.0),
        ("2026-01-05", "model", 4, 2, 300, 3, 1.5),
        ("2026-01-06", "model", 1, 1, 100, 1, 0.5),
    ]
    assert [tuple(row) for row in votes.transform(votes_by_voter).collect()] == [
        ("human", 1), ("slm", 5), ("slm by cache", 1),
    ]  # fmt: skip


def test_the_sample_of_a_cluster_is_compared_with_its_first_text(spark: SparkSession) -> None:
    votes = frame(
        spark,
        LABELS,
        asked("a", "h1", "c", 0),
        asked("a", "h2", "c", 1),
        asked("b", "h3", "c", 2),
        asked("b", "h3", "c", 2, record_id="another of the same text"),
        asked("b", "h4", "c", 3, tier="cluster"),
        asked(None, "h5", "c", 4),
        asked("b", "h6", "d", 0),
        asked("b", "h7", None, 0),
        asked("b", "h8", "c", 0, model_version="2"),
    )
    rows = [tuple(row) for row in votes.transform(cluster_disagreement).collect()]
    assert rows == [("intent-slm", "1", "intent-prompt", "1", 2, 1)]
    assert [tuple(row) for row in votes.transform(cluster_sample).collect()] == [(2, 1)]


def test_each_text_is_counted_by_how_its_question_was_answered_or_why_it_was_not_asked(spark: SparkSession) -> None:
    def cheap(text_hash: str, label: str, confidence: float, minute: int = 0, **changes: object) -> Values:
        told = {"text_hash": text_hash, "voted_at": NOON + timedelta(minutes=minute), "tier": "model"}
        return {**vote(label, confidence, "memory"), **told, **changes}

    votes = frame(
        spark,
        LABELS,
        cheap("asked", "a", 0.7),
        cheap("asked", "a", 0.7, record_id="another of the same text"),
        asked("b", "asked", "c", 0),
        asked("b", "asked", "c", 0, record_id="another of the same text"),
        cheap("asked", "a", 0.7, minute=5),
        asked("b", "asked", "c", 5, tier="cache"),
        cheap("follows", "a", 0.7),
        asked("b", "follows", "c", 0, tier="cluster"),
        cheap("sure", "a", 0.9),
        cheap("sure of the sample", "a", 0.8),
        asked("a", "sure of the sample", None, 0),
        cheap("another of it", "a", 0.6),
        cheap("another of it", "a", 1.0, voter="student", vote_id="student", alternatives=[("a", 1.0)]),
        asked("b", "another of it", None, 0),
        cheap("too doubtful", "a", 0.5),
        cheap("of no intent", "unknown", 0.9),
        vote("a", 0.9, "human"),
    )
    (told,) = votes.transform(questions, 0.8).collect()
    assert told.asDict() == {
        "model": 3, "cache": 1, "cluster": 1, "sure": 1, "beside": 2, "seconds": 2, "sampled": 2, "differing": 1,
    }  # fmt: skip
