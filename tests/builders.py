"""Rows with valid defaults: a test names only what it is about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.declaration import MapBatches, Table
from pipelines.transforms.labelling import ENCODED, Voters

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

Values = Mapping[str, object]


def frame(spark: SparkSession, table: Table, *rows: Values) -> DataFrame:
    """Make a frame of a declared table; columns that a row does not name are null."""
    fields = [T.StructField(field.name, field.dataType, True) for field in table.columns]
    values = [tuple(row.get(field.name) for field in fields) for row in rows]
    return spark.createDataFrame(values, T.StructType(fields))


def record(record_id: str = "r1", **changes: object) -> Values:
    """A row of silver.tickets; its text_key is made of its text."""
    text = changes.get("text", "where is my card?")
    return {
        "record_id": record_id,
        "text_key": f"key of {text}",
        "source": "email",
        "text": text,
        "created_at": NOON,
        "received_day": date(2026, 1, 5),
        "spans": [],
        "cluster_id": record_id,
        "position": f"000000000000/tickets/000000/{record_id}",
        **changes,
    }


def vote(label: str | None, confidence: float | None, voter: str = "human", **changes: object) -> Values:
    """A row of silver.labels about the default record's text; the one alternative is the label itself."""
    versions: dict[str, Values] = {
        "human": {"model_name": "file"},
        "memory": {"model_name": "ticket-encoder", "model_version": "1", "model_hash": "e" * 64},
        "slm": {
            "model_name": "intent-slm",
            "model_version": "1",
            "model_hash": "5" * 64,
            "prompt_name": "intent-prompt",
            "prompt_version": "1",
            "prompt_hash": "9" * 64,
        },
    }
    text = changes.pop("text", "where is my card?")
    return {
        "vote_id": f"{voter} {label} {confidence} {sorted(changes.items(), key=str)} {text}",
        "record_id": "r1",
        "text_key": f"key of {text}",
        "voter": voter,
        "label": label,
        "confidence": confidence,
        "alternatives": [(label, confidence)],
        "voted_at": NOON,
        **versions.get(voter, {}),
        **changes,
    }


def decision(record_id: str = "r1", **changes: object) -> Values:
    """A row of gold.decisions: accepted as `billing` at .9 by a person."""
    text = changes.pop("text", "where is my card?")
    return {
        "record_id": record_id,
        "text_key": f"key of {text}",
        "decision_no": 1,
        "verdict": "accepted",
        "place": "gold",
        "label": "billing",
        "confidence": 0.9,
        "labels": ["billing"],
        "parts": [("human", 0.9)],
        "versions": ["human=file"],
        "gate_version": "0123456789abcdef",
        "decided_at": NOON,
        **changes,
    }


def no_vectors(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Stand in for an encoder where nobody looks at the vectors: every text has the same."""
    for texts in frames:
        rows = [(key, [1.0, 0.0], 1.0) for key in texts["text_hash"]]
        yield pd.DataFrame(rows, columns=ENCODED.fieldNames())


def voters(recall: MapBatches, ask: MapBatches | None = None, **changes: object) -> Voters:
    """Voters that stand in for models."""
    encoder = {"model_name": "stand-in", "model_version": "1", "model_hash": "e" * 64}
    return replace(Voters(encoder, no_vectors, recall, ask, {"model_version": "1"}), **changes)


def cast_on(texts: Sequence[str], voters: Voters) -> pd.DataFrame:
    """Let voters vote on texts as Spark would run them; the language model on each that has a vector."""
    shown = pd.DataFrame({"text_hash": [str(place) for place in range(len(texts))], "voter_text": list(texts)})
    vectors = pd.concat(voters.encode([shown]))
    seen = shown.merge(vectors, on="text_hash")
    votes = [*voters.recall([seen])]
    if voters.ask:
        votes += voters.ask([seen[seen["vector"].notna()]])
    return pd.concat([part for part in votes if len(part)], ignore_index=True)


def message(value: bytes | None, offset: int = 0, **changes: object) -> Values:
    """A row as Spark's Kafka source gives it."""
    return {
        "key": None,
        "value": value,
        "topic": "tickets",
        "partition": 0,
        "offset": offset,
        "timestamp": NOON,
        "headers": None,
        **changes,
    }


KAFKA = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, "
    "headers array<struct<key:string,value:binary>>"
)


def messages(spark: SparkSession, *rows: Values) -> DataFrame:
    """Make a frame of Kafka messages."""
    names = ["key", "value", "topic", "partition", "offset", "timestamp", "headers"]
    return spark.createDataFrame([tuple(row[name] for name in names) for row in rows], KAFKA)


RAW_TICKET = (
    "record_id string, ticket_key string, subject_key string, text_key string, source string, raw_subject string, "
    "raw_text string, raw_customer string, created_at timestamp, received_day date, position string"
)


def raw_tickets(spark: SparkSession, *rows: Values) -> DataFrame:
    """Make a RAW_TICKETS frame: by default one e-mail of one day, positions in the order given."""
    defaults: Values = {"source": "email", "raw_text": "where is my card?", "created_at": NOON}
    values = []
    for number, row in enumerate(rows):
        made = {**defaults, "received_day": date(2026, 1, 5), "position": f"000000000001/tickets/000000/{number:015d}"}
        made = {**made, **row}
        made.setdefault("text_key", f"key of {made['raw_text']}")
        values.append(tuple(made.get(name.split()[0]) for name in RAW_TICKET.split(", ")))
    return spark.createDataFrame(values, RAW_TICKET)
