"""After a change of the label set, on real tables: decisions follow, old votes stay, a second run finds nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from pipelines.faults import InjectedFaultError
from pipelines.intents import LabelSet
from pipelines.jobs.relabelling import Relabelled, count_former, find_former, relabel
from tests.crashes import failing_at
from tests.jobs.conftest import Lake, by_first_word, new_lake, ticket, votes_of

NOW = LabelSet(("card_gone", "refund_status", "login"), {"card_lost": "card_gone"}, frozenset({"refund"}))
TICKETS = [
    ticket(1, "card gone since yesterday, please help me with it"),
    ticket(2, "refund for the toaster that never worked, please"),
    ticket(3, "maybe a refund, maybe not, who can say that today"),
    ticket(4, "login does not work on my phone since the update"),
]


def by_todays_labels(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        yield votes_of(frame, ["refund_status"] * len(frame), [0.9] * len(frame)).assign(model_version="2")


@pytest.fixture
def lake(spark: SparkSession, servers: str, empty_tables: Path, tmp_path: Path) -> Lake:
    lake = new_lake(spark, servers, empty_tables, tmp_path / "lake")
    lake.send(*TICKETS)
    lake.run()
    lake.labels, lake.labeller = NOW, by_todays_labels
    return lake


def relabelled(lake: Lake) -> Relabelled:
    found = find_former(lake.flow()).localCheckpoint()
    counted = count_former(found)
    if counted.by_label:
        relabel(lake.flow(), found, lambda line: None)
    return counted


def test_gold_follows_the_label_set_and_no_vote_changes(lake: Lake) -> None:
    votes = lake.rows("silver.labels", "vote_id", "label", "confidence")
    assert lake.rows("gold.training_examples", "label") == [("card_lost",), ("login",), ("refund",)]
    with failing_at("after_voting_anew"), pytest.raises(InjectedFaultError):
        relabelled(lake)
    counted = relabelled(lake)
    assert counted == Relabelled(1, 2, {"refund": 2, "card_lost": 1}, {"gold": 2, "quarantine": 1})
    # The doubtful one is sure now; what was renamed keeps its text and place.
    labels = ["card_gone", "login", "refund_status", "refund_status"]
    assert [label for (label,) in lake.rows("gold.training_examples", "label")] == labels
    assert set(votes) < set(lake.rows("silver.labels", "vote_id", "label", "confidence"))
    books = lake.count().ledger
    assert (books["difference"], books["in_two_places"], books["gold"], books["quarantine"]) == (0, 0, 4, 0)
    assert relabelled(lake) == Relabelled(0, 0, {}, {})
    # A vote in the old words, a person's or a model's, counts in the new ones.
    lake.labeller = by_first_word
    lake.drop("2026/01/06/old.csv", "text,annotator_id,label,confidence_score\ncard lost at sea,ann,card_lost,0.9\n")
    lake.run()
    assert ("card_gone", "card lost at sea") in lake.rows("gold.training_examples", "label", "text")
