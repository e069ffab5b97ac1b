"""Auditing the labels of gold on real tables, with an encoder that stands in."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, TableStore, append_once
from pipelines.contracts import EMBEDDINGS, TRAINING_EXAMPLES
from pipelines.intents import Intent
from pipelines.jobs.label_audit import audit
from tests.builders import decision, frame

DRAW = np.random.default_rng(8)
CENTRES = {"refund": [1.0, 0.0, 0.0], "login": [0.0, 1.0, 0.0], "card": [0.0, 0.0, 1.0]}
INTENTS = [Intent(name, examples=(f"an example of {name}",)) for name in CENTRES]


def vector(label: str) -> list[float]:
    drawn = np.array(CENTRES[label]) + DRAW.normal(size=3) * 0.1
    return [float(number) for number in drawn / np.linalg.norm(drawn)]


def encode(texts: Sequence[str]) -> np.ndarray:
    """Tell a text's vector from the label that it names."""
    return np.array([next(CENTRES[name] for name in CENTRES if name in text) for text in texts])


def test_a_wrong_label_in_gold_is_listed_once_with_what_the_others_say(
    spark: SparkSession, empty_tables: Path, tmp_path: Path
) -> None:
    shutil.copytree(empty_tables, tmp_path / "tables")
    store = TableStore("", str(tmp_path / "tables"), "")
    names = [(f"{label}{number}", label) for label in CENTRES for number in range(8)]
    gold = [
        {**decision(name, label=label), "text": f"text of {name}", "cluster_id": name, "voters": ["memory"]}
        for name, label in names
    ]
    # Two look-alikes with the same wrong label: one of them is asked about, for both.
    wrong = {**decision("w1", label="login"), "text": "give it back", "cluster_id": "w", "voters": ["human"]}
    gold += [wrong, {**wrong, "record_id": "w2", "voters": ["memory"]}]
    gold += [{**decision("old", label="gone"), "text": "of a label of yesterday", "cluster_id": "old"}]
    told = {**dict(names), "w1": "refund", "w2": "refund", "old": "card"}
    vectors = [{"record_id": name, "model_hash": "e", "vector": vector(label)} for name, label in told.items()]
    for table, rows in ((TRAINING_EXAMPLES, gold), (EMBEDDINGS, vectors)):
        append_once(frame(spark, table, *rows), store, table, BatchWrite("test", 1, 0))
    found = audit(spark, store, INTENTS, "e", encode)
    assert (found.audited, found.not_audited) == (25, 1)
    (suspect,) = found.lines()
    assert {name: suspect[name] for name in ("record_id", "text", "label", "suggested", "purpose")} == {
        "record_id": "w1",
        "text": "give it back",
        "label": "login",
        "suggested": "refund",
        "purpose": "label_error",
    }
    assert (suspect["by_human"], suspect["rows"]) == (True, 2)
    counts = found.as_dict()
    assert counts["pairs"] == [{"label": "login", "suggested": "refund", "count": 1}]
    assert (counts["suspects"], counts["rows"], counts["by_human"]) == (1, 2, 1)
    assert "give it back" not in json.dumps(counts)
