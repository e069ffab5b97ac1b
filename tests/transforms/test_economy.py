"""What votes cost, and what taking them over costs, read from the votes."""

from datetime import timedelta

from pyspark.sql import SparkSession

from pipelines.contracts import LABELS
from pipelines.transforms.economy import cluster_disagreement, labelling_economy
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
    rows = votes.transform(labelling_economy).orderBy("day", "tier").collect()
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
