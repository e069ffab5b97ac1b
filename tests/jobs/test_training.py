"""What a student is made of: examples, gold, and what people call unknown, out of real tables."""

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.contracts import DECISIONS, EMBEDDINGS, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.declaration import Table
from pipelines.gate_settings import GateSettings
from pipelines.intents import Intent
from pipelines.jobs.training import LearningSet, Shares, read_learning_set, told_by_people, train
from tests.builders import Values, decision, frame, record
from tests.jobs.conftest import Lake

INTENTS = (Intent("card", examples=("card",) * 5), Intent("refund", examples=("refund",) * 5))
DIRECTIONS = {"card": [1.0, 0.0, 0.0], "refund": [0.0, 1.0, 0.0], "weather": [0.0, 0.0, 1.0]}
NOBODY_HELD_OUT = GateSettings(audit_share=0.0, calibration_share=0.0)
BATCHES = count()


def encode(texts: Sequence[str]) -> np.ndarray:
    return np.array([DIRECTIONS[text] for text in texts])


def write(lake: Lake, table: Table, rows: Sequence[Values]) -> None:
    append_once(frame(lake.spark, table, *rows), lake.store, table, BatchWrite("test", 1, next(BATCHES)))


def learn(lake: Lake, gate: GateSettings = NOBODY_HELD_OUT) -> LearningSet:
    return read_learning_set(lake.spark, lake.store, INTENTS, "e", encode, Shares(1.0, gate))


def test_a_student_learns_unknown_from_people_once_it_has_enough_of_it(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake()
    assert train(learn(lake), INTENTS).labels == ("card", "refund")
    strangers = [f"w{number}" for number in range(5)]
    unknown = {"verdict": "unknown_intent", "label": "unknown", "place": "quarantine", "parts": [("human", 1.0)]}
    write(lake, TICKETS_SILVER, [record(name) for name in [*strangers, "g"]])
    write(lake, DECISIONS, [decision(name, **unknown) for name in strangers])
    gold = {"record_id": "g", "label": "card", "cluster_id": "g", "decision_no": 1, "voters": ["memory"]}
    write(lake, TRAINING_EXAMPLES, [gold])
    vectors = {**dict.fromkeys(strangers, "weather"), "g": "card"}
    stored = [{"record_id": name, "model_hash": "e", "vector": DIRECTIONS[word]} for name, word in vectors.items()]
    write(lake, EMBEDDINGS, stored)
    examples = learn(lake)
    assert (examples.sources["people"], examples.sources["models"]) == (5, 1)
    assert sorted(examples.owners) == [0] * 6 + [1] * 5 + [2] * 5
    assert examples.names[2].tolist() == DIRECTIONS["weather"], "the mean of its examples stands in for a name"
    verified = told_by_people(examples, INTENTS)
    assert verified.labels == ("unknown",) * 5, "the memory takes in what people said, and nothing that models did"
    assert verified.vectors.tolist() == [DIRECTIONS["weather"]] * 5
    trained = train(examples, INTENTS)
    assert (trained.labels, trained.missing) == (("card", "refund", "unknown"), {})
    assert learn(lake, GateSettings(audit_share=1.0)).owners.max() == 1, "what is audited teaches nobody"
