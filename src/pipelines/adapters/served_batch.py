"""The questions of one call to a served model: so many under way at once, each asked again a bounded number of times.

A text that cannot be answered costs only itself. When texts fail one after another, a harmless one is asked: if that
fails too the endpoint is to blame, no text is, and the whole batch can wait.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pipelines.adapters.served_protocol import Answer, Failure, Question, write_request
from pipelines.adapters.served_requests import FINAL, Slots, Try, pause, send
from pipelines.errors import ModelUnavailableError

if TYPE_CHECKING:
    import ssl

    import httpx

    from pipelines.adapters.served_model import ServedModel

HARMLESS = "Hello"
CAUSES = {
    Failure.AWAY: "cannot be reached (connection refused, unknown host, or a certificate that is not trusted)",
    Failure.TIMEOUT: "does not answer in time",
    Failure.BROKEN: "breaks connections off",
    Failure.BUSY: "has too much to do",
    Failure.SERVER_ERROR: "reports an error of its own",
    Failure.REJECTED: "rejects even a harmless text; check endpoint.constraint, .top_logprobs and .mode",
    Failure.CLOSED: "lets no request in, or sends it elsewhere; check endpoint.url, .model, .api_key_ref and .mode",
    Failure.UNREADABLE: "answers without probabilities, or with something else than expected; check endpoint.mode",
}
"""What makes the endpoint suspect. A label outside the set does not: an endpoint in order gave it, for this text."""

T = TypeVar("T")


def run_to_end(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine from plain code; in a notebook, which has a loop of its own, on a thread beside it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, coroutine).result()


@lru_cache(maxsize=1)
def trusted_certificates() -> "ssl.SSLContext":
    """Read the trusted certificates once a process: it takes longer than many a batch."""
    import httpx

    return httpx.create_ssl_context()


class Batch:
    """The questions of one call while they are under way.

    Attributes:
        failed_in_a_row: questions that failed since the last answer.
    """

    def __init__(self, model: "ServedModel", questions: Sequence[Question], bodies: Sequence[bytes]) -> None:
        self.model, self.endpoint, self.questions, self.bodies = model, model.endpoint, questions, bodies
        self.answers: dict[int, Answer] = {}
        self.chance = np.random.default_rng(model.seed)
        self.failed_in_a_row = 0
        self.slots, self.doubt = Slots(self.endpoint.concurrency), asyncio.Lock()

    async def run(self) -> list[Answer]:
        """Ask everything, so many at once, and end all of it when the endpoint is found to be away."""
        async with self.connect() as self.client:
            places = iter(range(len(self.questions)))
            tasks = [asyncio.create_task(self.work(places)) for _ in self.bodies[: self.endpoint.concurrency]]
            done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for task in done:
                task.result()
            if self.failed_in_a_row:
                await self.test_endpoint()
        return [self.answers[place] for place in range(len(self.questions))]

    def connect(self) -> "httpx.AsyncClient":
        """Open a client that follows no redirect: a key must not go where the settings did not send it."""
        import httpx

        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        if self.model.api_key:
            headers["Authorization"] = f"Bearer {self.model.api_key}"
        silence, most = self.endpoint.read_timeout_seconds, self.endpoint.concurrency
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(silence, connect=self.endpoint.connect_timeout_seconds, pool=None),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
            follow_redirects=False,
            verify=trusted_certificates(),
        )

    async def work(self, places: Iterator[int]) -> None:
        """Take question after question; all that work share one iterator."""
        for place in places:
            self.answers[place] = await self.answer(self.bodies[place], self.questions[place].codes)
            if self.answers[place].failure not in CAUSES:
                self.failed_in_a_row = 0
                continue
            self.failed_in_a_row += 1
            # Whoever fails meanwhile waits for the outcome, and begins nothing new.
            async with self.doubt:
                if self.failed_in_a_row >= self.endpoint.failures_in_a_row:
                    await self.test_endpoint()

    async def test_endpoint(self) -> None:
        """Ask something harmless, to know whose fault the failures are.

        Raises:
            ModelUnavailableError: when the endpoint fails on that too.
        """
        self.failed_in_a_row = 0
        question = replace(self.questions[0], text=HARMLESS)
        answer = await self.answer(write_request(question, self.endpoint, self.model.token_ids), question.codes)
        if answer.failure in CAUSES:
            raise self.unavailable(answer.failure)

    async def answer(self, body: bytes, codes: tuple[str, ...]) -> Answer:
        """Ask one question, again where that may help, so many times at most.

        Raises:
            ModelUnavailableError: when the endpoint is away, or lets no request in.
        """
        tries: list[Answer] = []
        while True:
            async with self.slots.taken():
                started = time.perf_counter()
                one = await send(self.client, body, codes, self.endpoint)
                spent = (time.perf_counter() - started) * 1000
            self.slots.learn(one.answer.failure)
            tries.append(replace(one.answer, latency_ms=spent))
            failure = one.answer.failure
            if failure is None or failure in FINAL or len(tries) > self.endpoint.retries:
                break
            await asyncio.sleep(pause(len(tries), one.retry_after, self.endpoint, self.chance))
        if failure in (Failure.AWAY, Failure.CLOSED):
            raise self.unavailable(failure, one)
        return add_up(tries)

    def unavailable(self, failure: Failure, last: Try | None = None) -> ModelUnavailableError:
        """Say what is wrong with the endpoint."""
        status = f" (HTTP {last.status})" if last and last.status else ""
        cause = CAUSES[failure]
        return ModelUnavailableError(
            f"The served model at {self.endpoint.url} {cause}{status}. Its tickets wait; the next run asks again."
        )


def add_up(tries: Sequence[Answer]) -> Answer:
    """Give the last answer, charged with what all tries cost."""
    told_in = [one.tokens_in for one in tries if one.tokens_in is not None]
    told_out = [one.tokens_out for one in tries if one.tokens_out is not None]
    return replace(
        tries[-1],
        tokens_in=sum(told_in) if told_in else None,
        tokens_out=sum(told_out) if told_out else None,
        latency_ms=sum(one.latency_ms for one in tries),
        tries=len(tries),
    )
