"""One request to a served model and what may become of it; how long to wait before the next; how many at once.

Every wait has an end: connecting, silence, one whole try, a pause, the number of tries.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from pipelines.adapters.served_protocol import Answer, Failure, read_answer
from pipelines.labelling_settings import EndpointSettings

if TYPE_CHECKING:
    import httpx
    import numpy as np

PATHS = {"chat": "/chat/completions", "completions": "/completions"}
CLOSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
"""Refusals that have nothing to do with the text: the key, the address or the model's name is wrong."""
OVERLOAD = {Failure.BUSY, Failure.SERVER_ERROR}
"""Time-outs are left out: one by one, it would take many of them to find that an endpoint does not answer at all."""
FINAL = {Failure.REJECTED, Failure.CLOSED}
"""Another try would end the same way."""


@dataclass(frozen=True)
class Try:
    """What one request came to: an answer, the HTTP status if there was one, the wait the endpoint asked for."""

    answer: Answer
    status: int | None = None
    retry_after: float = 0.0


async def send(client: "httpx.AsyncClient", body: bytes, codes: tuple[str, ...], endpoint: EndpointSettings) -> Try:
    """Send one request and read what comes, within the time of one try.

    Nothing of an error is kept but its kind: servers like to quote what they were sent.
    """
    import httpx

    try:
        async with asyncio.timeout(endpoint.timeout_seconds):
            return await exchange(client, body, codes, endpoint)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL):
        return Try(Answer(failure=Failure.AWAY))
    except (TimeoutError, httpx.TimeoutException):
        return Try(Answer(failure=Failure.TIMEOUT))
    except httpx.HTTPError:
        return Try(Answer(failure=Failure.BROKEN))


async def exchange(client: "httpx.AsyncClient", body: bytes, codes: tuple[str, ...], endpoint: EndpointSettings) -> Try:
    """Post a body and read the response up to the size that is allowed."""
    async with client.stream("POST", endpoint.url.rstrip("/") + PATHS[endpoint.mode], content=body) as response:
        failure = judge_status(response.status_code)
        if failure:
            wait = read_retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
            return Try(Answer(failure=failure), response.status_code, wait)
        content = b""
        # Raw: a few packed bytes could unfold to gigabytes, and nothing packed was asked for.
        async for part in response.aiter_raw():
            content += part
            if len(content) > endpoint.max_response_bytes:
                return Try(Answer(failure=Failure.UNREADABLE), response.status_code)
        return Try(read_answer(content, codes), response.status_code)


def judge_status(status: int) -> Failure | None:
    """Say what an HTTP status means for the text; None when there is an answer to read."""
    if status == HTTPStatus.OK:
        return None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failure.SERVER_ERROR
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
        return Failure.BUSY
    redirected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    if redirected or status in CLOSED:
        return Failure.CLOSED
    return Failure.REJECTED if status >= HTTPStatus.BAD_REQUEST else Failure.UNREADABLE


def read_retry_after(value: str, now: datetime) -> float:
    """Read how many seconds an endpoint asks to wait: a number, or a date by its own clock; 0 when it says neither."""
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def pause(tries: int, retry_after: float, endpoint: EndpointSettings, chance: "np.random.Generator") -> float:
    """Seconds to wait after so many tries: a random share of a time that doubles (full jitter), or what was asked for.

    What was asked for is lengthened a little at random, or all that were turned away would come back at once.
    """
    doubled = min(endpoint.max_pause_seconds, endpoint.pause_seconds * 2 ** (tries - 1))
    return min(endpoint.max_pause_seconds, retry_after + float(chance.uniform(0, doubled)))


class Slots:
    """How many requests may be under way: halved by an overload, one more after as many good answers.

    Attributes:
        limit: how many may be under way now, at least one.
    """

    def __init__(self, most: int) -> None:
        self.most = self.limit = most
        self.busy = self.good = 0
        self.freed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a slot; wait for one first."""
        async with self.freed:
            await self.freed.wait_for(lambda: self.busy < self.limit)
            self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1
            async with self.freed:
                self.freed.notify_all()

    def learn(self, failure: Failure | None) -> None:
        """Take in what a request came to."""
        if failure in OVERLOAD:
            self.limit, self.good = max(1, self.limit // 2), 0
        elif failure is None:
            self.good += 1
            if self.good >= self.limit < self.most:
                self.limit, self.good = self.limit + 1, 0
