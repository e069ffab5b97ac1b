"""What one ticket's failure costs, and what a model that is away costs: on real tables and streams."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from pipelines.errors import ModelUnavailableError, PipelineError
from pipelines.jobs.reporting import count_spared
from pipelines.jobs.runner import run_continuously
from pipelines.labelling_settings import LabellingSettings
from tests.jobs.conftest import STAGES, Lake, by_first_word, ticket

MakeLake = Callable[..., Lake]


def failing(tries: Path, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """A voter that never reads `poison`, and reads `stubborn` at its third try; each try leaves a file."""
    for texts in frames:
        votes = pd.concat(by_first_word([texts]), ignore_index=True)
        for place, text in enumerate(texts["voter_text"]):
            word = next((word for word in ("poison", "stubborn") if word in text), None)
            seen = len([*tries.glob(f"{word}-*")]) + 1
            if word:
                (tries / f"{word}-{seen}").touch()
            if word == "poison" or (word == "stubborn" and seen < 3):
                votes.loc[place, ["label", "confidence", "failure"]] = [None, float("nan"), "model_failed"]
                votes.at[place, "alternatives"] = []
        yield votes.assign(try_no=1)


def books_of(lake: Lake) -> tuple[int, ...]:
    books = lake.count().ledger
    return tuple(books[name] for name in ("gold", "quarantine", "pending", "difference"))


def test_a_failing_ticket_costs_itself_only_and_ends_after_five_tries(make_lake: MakeLake, tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    tries.mkdir()
    lake = make_lake(labeller=partial(failing, tries))
    lake.send(ticket(1, "refund poison"), ticket(2, "refund stubborn thing"), ticket(3, "refund my toaster, please"))
    # Each run is a try; the first, with the stream's own, two.
    lake.run()
    assert books_of(lake) == (1, 0, 2, 0)
    lake.run("labels", "gate")
    assert books_of(lake) == (2, 0, 1, 0)
    lake.run("labels", "labels", "labels", "gate")
    assert books_of(lake) == (2, 1, 0, 0)
    assert [len([*tries.glob(f"{word}-*")]) for word in ("poison", "stubborn")] == [5, 3]
    assert lake.rows("quarantine.tickets", "verdict", "reason") == [("failed", "labelling_failed")]
    assert lake.rows("gold.review_queue", "task") == [("labelling_failed",)]
    numbers = lake.rows("silver.labels", "failure", "try_no")
    assert numbers == [("model_failed", n) for n in (1, 1, 2, 2, 3, 4, 5)] + [(None, 1), (None, 3)]
    assert len(lake.rows("silver.embeddings", "record_id")) == 3


def killed_once(sign: Path, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """A voter whose process is ended in the middle of a frame, the first time."""
    for texts in frames:
        if sign.exists():
            sign.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        yield from by_first_word([texts])


def test_a_worker_that_is_killed_loses_and_doubles_nothing(make_lake: MakeLake, tmp_path: Path) -> None:
    sign = tmp_path / "kill"
    sign.touch()
    lake = make_lake(labeller=partial(killed_once, sign))
    lake.send(*[ticket(number, f"refund my toaster number {number}") for number in range(20)])
    began = datetime.now(UTC)
    lake.run()
    assert not sign.exists()
    spared = [
        count_spared(lake.spark, lake.store, lake.settings.labelling, since)["sure"]
        for since in (began, datetime.now(UTC))
    ]
    assert spared == [20, 0], "of this run, not of all"
    books = lake.count().ledger
    assert (books["gold"], books["pending"], books["difference"], books["in_two_places"]) == (20, 0, 0, 0)
    assert len(lake.rows("silver.labels", "vote_id")) == len(set(lake.rows("silver.labels", "vote_id"))) == 20


def killed_by(word: str, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """A language model whose process is ended by each text with a word in it, every time."""
    for texts in frames:
        if texts["voter_text"].str.contains(word).any():
            os.kill(os.getpid(), signal.SIGKILL)
        for votes in by_first_word([texts]):
            yield votes.assign(voter="slm", try_no=1)


def test_a_text_that_ends_its_worker_every_time_costs_itself_only(make_lake: MakeLake) -> None:
    lake = make_lake(model=partial(killed_by, "deadly"))
    lake.settings = replace(lake.settings, labelling=LabellingSettings(slm="all"))
    lake.send(ticket(0, "refund this deadly thing"), *[ticket(n, f"refund my toaster number {n}") for n in range(1, 9)])
    lake.run()
    votes = lake.rows("silver.labels", "voter", "label", "failure")
    assert [row for row in votes if row[2]] == [("slm", None, "worker_lost")] * 2, "the stream's own try, and one more"
    assert votes.count(("slm", "refund", None)) == 8
    assert books_of(lake) == (8, 0, 1, 0)


def test_when_every_text_ends_its_worker_the_machine_is_to_blame(
    make_lake: MakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.adapters.survival.MOST_LOST", 0)
    lake = make_lake(model=partial(killed_by, "refund"))
    lake.settings = replace(lake.settings, labelling=LabellingSettings(slm="all"))
    lake.send(ticket(1, "refund my toaster, please"), ticket(2, "refund what the parcel to Lisbon has cost me"))
    with pytest.raises(PipelineError, match="a Python worker was ended"):
        lake.run()
    assert lake.rows("silver.labels", "label") == []


def away_while(sign: Path, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for texts in frames:
        if sign.exists():
            raise ModelUnavailableError("The served model is away. Its tickets wait; the next run asks again.")
        yield from by_first_word([texts])


@pytest.mark.slow
def test_while_the_model_is_away_its_tickets_wait_and_the_other_streams_go_on(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    sign = tmp_path / "away"
    sign.touch()
    lake = make_lake(labeller=partial(away_while, sign))
    lake.settings = replace(lake.settings, labelling=LabellingSettings(retry_seconds=1))
    lake.send(ticket(1, "refund my toaster"))
    deadline, said = time.monotonic() + 200, list[str]()

    def go_on(name: str, batches: int) -> None:
        if said and len(lake.rows("silver.tickets", "record_id")) == 1:
            # The labels have ended by now: what comes next must reach silver all the same.
            lake.send(ticket(2, "card gone since monday"))
        if len(lake.rows("silver.tickets", "record_id")) == 2 and sign.exists():
            assert lake.rows("silver.labels", "label") == []
            sign.unlink()

    def is_open() -> bool:
        return len(lake.rows("gold.training_examples", "label")) < 2 and time.monotonic() < deadline

    run_continuously(lake.flow(), list(STAGES), go_on, is_open, said.append)
    assert lake.rows("gold.training_examples", "label") == [("card_lost",), ("refund",)]
    assert said[0].startswith("The served model is away.")
    assert lake.count().ledger["difference"] == 0
