"""How long is waited, what a status means, and how many requests go out at once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from pipelines.adapters.served_protocol import Failure
from pipelines.adapters.served_requests import Slots, judge_status, pause, read_retry_after
from pipelines.labelling_settings import EndpointSettings

NOW = datetime(2026, 1, 2, 3, 4, 0, tzinfo=UTC)
SETTINGS = EndpointSettings(pause_seconds=0.5, max_pause_seconds=4.0)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (200, None), (204, Failure.UNREADABLE), (307, Failure.CLOSED), (400, Failure.REJECTED), (401, Failure.CLOSED),
        (403, Failure.CLOSED), (404, Failure.CLOSED), (405, Failure.CLOSED), (408, Failure.BUSY),
        (413, Failure.REJECTED), (422, Failure.REJECTED), (429, Failure.BUSY), (500, Failure.SERVER_ERROR),
        (503, Failure.SERVER_ERROR), (507, Failure.SERVER_ERROR),
    ],
)  # fmt: skip
def test_each_status_means_one_thing(status: int, failure: Failure | None) -> None:
    assert judge_status(status) == failure


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0), ("7", 7), ("-7", 0), ("nan", 0), ("inf", 0), ("1e9", 0), ("soon", 0), ("\u0667", 0),
        ("Fri, 02 Jan 2026 03:04:09 GMT", 9), ("Fri, 02 Jan 2026 03:03:00 GMT", 0), ("Fri, 02 Jan 2026", 0),
        ("Fri, 02 Jan 2026 03:04:09", 0),
    ],
)  # fmt: skip
def test_the_wait_an_endpoint_asks_for_is_read(value: str, seconds: float) -> None:
    assert read_retry_after(value, NOW) == seconds


def test_pauses_double_and_are_drawn_from_their_whole_length() -> None:
    chance = np.random.default_rng(1)
    for tries, longest in ((1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (9, 4.0)):
        pauses = [pause(tries, 0.0, SETTINGS, chance) for _ in range(500)]
        assert 0 <= min(pauses) < 0.05 * longest
        assert 0.95 * longest < max(pauses) <= longest


def test_an_asked_for_wait_is_kept_up_to_the_longest_pause() -> None:
    chance = np.random.default_rng(1)
    asked = [pause(1, 3.0, SETTINGS, chance) for _ in range(200)]
    assert 3.0 <= min(asked) < max(asked) <= 3.5
    assert {pause(1, 86_400.0, SETTINGS, chance) for _ in range(20)} == {4.0}


def test_equal_seeds_pause_alike() -> None:
    drawn = [[pause(tries, 0.0, SETTINGS, np.random.default_rng(seed)) for tries in (1, 2, 3)] for seed in (4, 4, 5)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert pause(1, 0.0, replace(SETTINGS, pause_seconds=0), np.random.default_rng(1)) == 0


def test_slots_are_halved_by_overload_and_won_back_one_by_one() -> None:
    slots = Slots(8)
    for failure, limit in ((Failure.BUSY, 4), (Failure.SERVER_ERROR, 2), (Failure.SERVER_ERROR, 1), (Failure.BUSY, 1)):
        slots.learn(failure)
        assert slots.limit == limit
    slots = Slots(8)
    slots.learn(Failure.TIMEOUT)
    assert slots.limit == 8
    slots.limit = 1
    limits = []
    for _ in range(40):
        slots.learn(None)
        limits.append(slots.limit)
    assert limits[:6] == [2, 2, 3, 3, 3, 4]
    assert limits[-1] == 8


def test_no_more_slots_are_taken_than_there_are_even_when_takers_are_cancelled() -> None:
    async def crowd() -> list[int]:
        slots, seen = Slots(3), []

        async def take(hold: float) -> None:
            async with slots.taken():
                seen.append(slots.busy)
                await asyncio.sleep(hold)

        waiting = [asyncio.create_task(take(0.001 * (number % 3))) for number in range(30)]
        await asyncio.sleep(0.002)
        for task in waiting[::4]:
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), timeout=10)
        return [max(seen), slots.busy]

    assert asyncio.run(crowd()) == [3, 0]
