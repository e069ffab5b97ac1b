"""Quarantine as a workflow, on real tables: replay, discard, and every record in one place whatever happens."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import BatchWrite, append_once, read_table
from pipelines.errors import PipelineError
from pipelines.jobs.commanding import count_kept_out, find_kept_out, request, vote_again
from pipelines.transforms.commands import Choice, Command, commands
from pipelines.vocabulary import Action
from tests.crashes import failing_at
from tests.jobs.conftest import Lake, new_lake, ticket, votes_of

TICKETS = [
    ticket(1, "card gone since yesterday, please help me with it"),
    ticket(2, "maybe a refund, maybe not, who can say that today"),
    ticket(3, "maybe it is time to ask where the parcel stays"),
    ticket(4, "weather is nice today and I wanted to tell you"),
]
BEFORE = {"gold": 1, "quarantine": 3, "discarded": 0}
FIRST = datetime(2026, 1, 6, tzinfo=UTC)


def surely_refunds(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        yield votes_of(frame, ["refund"] * len(frame), [0.95] * len(frame)).assign(model_version="2")


def ask(lake: Lake, action: Action, minute: int = 0, version: str | None = None, **choice: str) -> Command:
    """Store a request, as the command line does."""
    because = "spam" if action is Action.DISCARD else None
    command = Command(action, Choice(**choice), FIRST + timedelta(minutes=minute), because, version)
    decisions = read_table(lake.spark, lake.store, tables.DECISIONS)
    found = find_kept_out(decisions, command.choice, action).localCheckpoint()
    if version:
        vote_again(lake.flow(), found, command)
    request(lake.store, found, command)
    return command


def places(lake: Lake) -> dict[str, int]:
    """Where the records are, once the books balance."""
    counted = lake.count()
    counted.check(drained=True)
    return {name: counted.ledger[name] for name in BEFORE}


def history(lake: Lake) -> list[tuple[object, ...]]:
    return sorted(row[1:] for row in lake.rows("gold.decisions", "record_id", "label", "decision_no", "verdict"))


@pytest.fixture(scope="module")
def past(spark: SparkSession, servers: str, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = new_lake(spark, servers, empty_tables, tmp_path_factory.mktemp("past") / "lake")
    lake.send(*TICKETS)
    lake.run()
    assert places(lake) == BEFORE
    return lake


@pytest.fixture
def lake(past: Lake, tmp_path: Path) -> Lake:
    return past.copy(tmp_path / "lake")


@pytest.mark.parametrize("point", ["after_decisions", "after_move_quarantine_tickets"])
def test_discard_and_replay_are_each_others_undoing_even_after_a_crash(lake: Lake, point: str) -> None:
    ask(lake, Action.DISCARD, reason="confidence_below_threshold")
    with failing_at(point), pytest.raises(PipelineError, match="InjectedFaultError"):
        lake.run("gate")
    # Whatever a reader sees in between, he sees each record in one place.
    halfway = lake.count().ledger
    assert (halfway["in_two_places"], halfway["unplaced"], halfway["difference"]) == (0, 0, 0)
    lake.run("gate")
    assert places(lake) == {"gold": 1, "quarantine": 1, "discarded": 2}
    assert lake.rows("quarantine.tickets", "reason") == [("intent_unknown",)]
    assert [task for (task,) in lake.rows("gold.review_queue", "task")] == ["intent_unknown"]
    traces = lake.rows("gold.decisions", "label", "reason", "place", "decision_no")
    assert traces.count(("refund", "discarded_on_request", "discarded", 2)) == 2
    ask(lake, Action.REPLAY, minute=1, reason="discarded_on_request")
    lake.run("gate")
    assert places(lake) == BEFORE
    decided = history(lake)
    lake.run("gate")
    assert history(lake) == decided


def test_a_request_that_is_delivered_twice_or_late_changes_nothing(lake: Lake) -> None:
    discard = ask(lake, Action.DISCARD, label="unknown")
    lake.run("gate")
    ask(lake, Action.REPLAY, minute=1, reason="discarded_on_request")
    lake.run("gate")
    decided = history(lake)
    assert [row for row in decided if row[0] == "unknown"] == [
        ("unknown", 1, "unknown_intent"), ("unknown", 2, "discarded"), ("unknown", 3, "unknown_intent"),
    ]  # fmt: skip
    found = find_kept_out(read_table(lake.spark, lake.store, tables.DECISIONS), Choice(label="unknown"))
    request(lake.store, found, discard)
    assert len(lake.rows("bronze.commands", "command_id")) == 2
    # Even where another hand writes it once more.
    append_once(found.transform(commands, discard), lake.store, tables.COMMANDS, BatchWrite("other", 1, 0))
    lake.run("gate")
    assert len(lake.rows("bronze.commands", "command_id")) == 3
    assert history(lake) == decided
    # A new epoch of the gate reads all requests once more.
    lake.new_epoch = True
    lake.run("gate")
    assert history(lake) == decided
    assert places(lake) == BEFORE


def test_replay_judges_by_todays_settings_and_only_what_was_chosen(lake: Lake) -> None:
    lake.settings = replace(lake.settings, gate=replace(lake.settings.gate, min_confidence=0.5))
    decisions = read_table(lake.spark, lake.store, tables.DECISIONS)
    counted = count_kept_out(find_kept_out(decisions, Choice(label="refund")), datetime.now(UTC))
    assert (counted.records, counted.by_reason) == (2, {"confidence_below_threshold": 2})
    (chosen, _) = [name for name, label in lake.rows("gold.decisions", "record_id", "label") if label == "refund"]
    ask(lake, Action.REPLAY, record_ids=(str(chosen),))
    lake.run("gate")
    assert places(lake) == {"gold": 2, "quarantine": 2, "discarded": 0}
    assert (chosen,) in lake.rows("gold.training_examples", "record_id")
    assert sum(number == 2 for _, number, _ in history(lake)) == 1


def test_replay_with_a_version_lets_it_vote_anew_and_once(lake: Lake) -> None:
    votes, vectors = (len(lake.rows(name, "record_id")) for name in ("silver.labels", "silver.embeddings"))
    lake.labeller = surely_refunds
    command = ask(lake, Action.REPLAY, version="stand-in@2", label="refund")
    lake.run("gate")
    assert places(lake) == {"gold": 3, "quarantine": 1, "discarded": 0}
    assert len(lake.rows("silver.labels", "vote_id")) == votes + 2
    # The same request again, as after a crash, casts nothing; the same wish later is another request.
    found = find_kept_out(read_table(lake.spark, lake.store, tables.DECISIONS), Choice()).localCheckpoint()
    vote_again(lake.flow(), found, command)
    assert len(lake.rows("silver.labels", "vote_id")) == votes + 2
    ask(lake, Action.REPLAY, minute=5, version="stand-in@2", label="unknown")
    lake.run("gate")
    assert places(lake) == {"gold": 4, "quarantine": 0, "discarded": 0}
    assert len({name for (name,) in lake.rows("silver.labels", "vote_id")}) == votes + 3
    assert len(lake.rows("silver.embeddings", "record_id")) == vectors
