"""A small past for analysts: tickets of this week and of three weeks ago, whose figures are worked out by hand."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, TableStore, append_once
from pipelines.cli.opening import open_tables
from pipelines.contracts import (
    ANNOTATOR_QUALITY,
    CERTIFICATES,
    CLUSTER_MERGES,
    DECISIONS,
    LABELS,
    QUARANTINE,
    REVIEW_QUEUE,
    TICKETS_BRONZE,
    TICKETS_SILVER,
    TRAINING_EXAMPLES,
)
from pipelines.declaration import Table
from pipelines.workspace import open_workspace
from tests.builders import Values, decision, frame, record, vote
from tests.cli.workspaces import make_workspace

INTENTS = "intents:\n- {name: card, examples: [b]}\n- {name: refund, examples: [d]}\n"
TODAY = datetime.now(UTC)
NEW, OLD = TODAY - timedelta(days=2), TODAY - timedelta(days=20)
LOST = f"3f9a01c2{'0' * 56}"
"""The ticket that did not pass: the two versions of the prompt make two labels of it."""
GOLD_AT_FIRST = {"r2": ("refund", 0.9, NEW), "r3": ("refund", 0.8, NEW), "r4": ("refund", 0.95, OLD)}
NAME, MAIL = ("text", "PERSON", 0, 8, 0.9), ("text", "EMAIL_ADDRESS", 9, 20, 1.0)


def make_past(spark: SparkSession, folder: Path) -> Path:
    """Make a workspace whose tables hold the past."""
    root = make_workspace(folder, INTENTS)
    fill(spark, open_tables(open_workspace(root), spark))
    return root


def fill(spark: SparkSession, store: TableStore) -> None:
    """Put the past into tables that stand."""
    merged = {"record_id": "r5", "cluster_id": "r7", "cluster_no": 2}
    tables: dict[Table, Sequence[Values]] = {
        TICKETS_BRONZE: messages(),
        TICKETS_SILVER: tickets(),
        CLUSTER_MERGES: [{**merged, "absorbed_id": "r5", "absorbed_no": 5}],
        LABELS: [*votes_of_models(), *votes_of_people()],
        DECISIONS: decisions(),
        TRAINING_EXAMPLES: [placed(name, label, confidence) for name, (label, confidence, _) in GOLD_AT_FIRST.items()],
        QUARANTINE: [placed(LOST, "card", 0.6, reason="labels_disagree"), placed("r7", "card", 0.5)],
        REVIEW_QUEUE: tasks(),
        CERTIFICATES: certificates(),
        ANNOTATOR_QUALITY: qualities(),
    }

    def put(table: Table) -> None:
        append_once(frame(spark, table, *tables[table]), store, table, BatchWrite(table.writer, 1, 0))

    # A commit waits on the driver more than on the cores.
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(put, tables))


def messages() -> list[Values]:
    came = {"topic": "tickets", "partition": 0, "value": b"{}"}
    return [
        {**came, "offset": 41, "record_id": LOST, "ingested_at": NEW - timedelta(hours=2)},
        {**came, "offset": 42, "record_id": "r2", "ingested_at": NEW - timedelta(hours=2)},
        {**came, "offset": 43, "error_code": "not_json", "ingested_at": NEW},
    ]


def tickets() -> list[Values]:
    def ticket(name: str, number: int, came: datetime, cluster: str, *spans: object, **more: object) -> Values:
        told = {"text": f"text of {name}", "arrival_no": number, "cluster_id": cluster, "received_day": came.date()}
        return record(name, **told, spans=list(spans), **more)

    return [
        ticket("r4", 1, OLD, "r4"),
        ticket("r7", 2, NEW, "r7", NAME),
        ticket(LOST, 3, NEW, LOST, NAME, NAME, MAIL),
        ticket("r2", 4, NEW, "r2", MAIL),
        ticket("r5", 5, OLD, "r5", NAME),
        ticket("r3", 6, NEW, "r2", source="chat"),
        ticket("r6", 7, OLD, "r2"),
    ]


def votes_of_models() -> list[Values]:
    def asked(name: str, label: str, prompt: str, seconds: float, tier: str = "model") -> Values:
        cost = {"tokens_in": 100 if seconds else 0, "tokens_out": 1 if seconds else 0, "latency_ms": seconds * 1000}
        told = {"prompt_version": prompt, "tier": tier, "device": "cpu", "text_hash": f"hash of {name}"}
        return vote(label, 0.7, "slm", record_id=name, text=f"text of {name}", voted_at=NEW, **told, **cost)

    def recalled(name: str, label: str) -> Values:
        text = {"text": f"text of {name}", "text_hash": f"hash of {name}"}
        return vote(label, 0.9, "memory", record_id=name, voted_at=NEW, tier="model", latency_ms=10.0, **text)

    by_memory = {LOST: "card", "r2": "refund", "r3": "refund", "r5": "card"}
    return [
        asked(LOST, "card", "1", 2.0), asked("r7", "card", "1", 1.0), asked("r2", "refund", "1", 0.0, "cache"),
        asked(LOST, "refund", "2", 4.0), asked("r7", "card", "2", 3.0),
        *(recalled(name, label) for name, label in by_memory.items()),
    ]  # fmt: skip


def votes_of_people() -> list[Values]:
    said = {
        "ann": {"r2": "refund", "r3": "refund", "r5": "card"},
        "bob": {"r2": "refund", "r3": "card", "r5": "card"},
        "cyd": {"r3": "refund"},
    }
    return [
        vote(label, 1.0, record_id=name, text=f"text of {name}", annotator_id=annotator, voted_at=NEW, tier="person")
        for annotator, labels in said.items()
        for name, label in labels.items()
    ]


def decisions() -> list[Values]:
    def doubted(name: str, reason: str, confidence: float, at: datetime) -> Values:
        told = {"verdict": "low_confidence", "place": "quarantine", "reason": reason, "label": "card"}
        return decision(name, text=f"text of {name}", confidence=confidence, decided_at=at, **told)

    accepted = [
        decision(name, text=f"text of {name}", label=label, confidence=confidence, decided_at=at)
        for name, (label, confidence, at) in GOLD_AT_FIRST.items()
    ]
    return [
        *accepted,
        doubted(LOST, "labels_disagree", 0.6, NEW),
        doubted("r7", "confidence_below_threshold", 0.5, NEW),
        # It has moved: only its newest verdict counts.
        doubted("r5", "confidence_below_threshold", 0.4, OLD),
        decision("r5", text="text of r5", decision_no=2, label="card", confidence=0.85, decided_at=NEW),
    ]


def placed(name: str, label: str, confidence: float, **more: object) -> Values:
    told = {"record_id": name, "text_key": f"key of text of {name}", "text": f"text of {name}", "decision_no": 1}
    return {**told, "label": label, "confidence": confidence, "created_at": NEW, **more}


def tasks() -> list[Values]:
    return [
        placed(LOST, "card", 0.6, task="labels_disagree"),
        placed("r7", "card", 0.5, task="confidence_below_threshold"),
        placed("r4", "refund", 0.95, task="audit_sample"),
        # People have answered it.
        placed("r2", "refund", 0.9, task="audit_sample"),
    ]


def certificates() -> list[Values]:
    def tried(threshold: float, precision: float) -> Values:
        return {"threshold": threshold, "precision": precision, "audited": 100, "errors": 2}

    promised = {"threshold": 0.8, "error_bound": 0.04, "thresholds": [tried(0.9, 0.99), tried(0.8, 0.98)]}
    return [
        {"certificate_id": "first", "status": "not_certified", "issued_at": OLD},
        {"certificate_id": "second", "status": "certified", "issued_at": NEW, **promised},
    ]


def qualities() -> list[Values]:
    def good(annotator: str, accuracy: float, at: datetime, *mistakes: Values) -> Values:
        told = {"votes": 3, "compared": 2, "majority_agreement": accuracy, "mistakes": list(mistakes)}
        return {"annotator_id": annotator, "accuracy": accuracy, "measured_at": at, **told}

    confusion = {"true_label": "refund", "said": "card", "votes": 1.0}
    return [good("bob", 0.9, OLD), good("ann", 0.95, NEW), good("bob", 0.6, NEW, confusion)]
