"""Running streams from a terminal: one after the other until drained, or all at once until stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.adapters.delta import count_since
from pipelines.adapters.failures import explain_failure
from pipelines.declaration import Table
from pipelines.errors import ModelUnavailableError
from pipelines.jobs.flow import Flow
from pipelines.jobs.streaming import SINKS, STREAMS

POLL_SECONDS = 0.3

OnProgress = Callable[[str, int], None]


@dataclass(frozen=True)
class StageResult:
    """What one stage did: rows it wrote to its first table, seconds from start to drained.

    Attributes:
        spared: of labels, what the cascade spared the language model; see `reporting.count_spared`.
        verdicts: of the gate, how many decisions it made, by reason code; `accepted` for those without one.
    """

    name: str
    rows: int
    seconds: float
    spared: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)


def drain(flow: Flow, name: str, on_progress: OnProgress) -> StageResult:
    """Run one stage until nothing is left to read.

    Raises:
        PipelineError: a leaf that says what failed and what to do.
    """
    began = time.monotonic()
    queries: list[StreamingQuery] = []
    try:
        for begin in STREAMS[name]:
            queries.append(begin(flow))
            wait_for(queries[-1], lambda: on_progress(name, batches_done(queries)))
    finally:
        stop(queries)
    written = sum(rows_written(flow, query, table) for query, table in zip(queries, SINKS[name], strict=True))
    return StageResult(name, written, time.monotonic() - began)


def rows_written(flow: Flow, query: StreamingQuery, table: Table) -> int:
    """Rows that the micro-batches of this run have put into a query's first table."""
    batches = [int(progress["batchId"]) for progress in query.recentProgress if progress["numInputRows"] > 0]
    if not batches:
        return 0
    return count_since(flow.spark, flow.store, table, query.name, min(batches))


def run_continuously(
    flow: Flow,
    names: list[str],
    on_progress: OnProgress,
    keep_on: Callable[[], bool],
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Keep all stages running in one session until `keep_on` says no, or one of them fails.

    A query that ends because the served model is away begins again after a pause; meanwhile the others go on.
    """
    lasting = replace(flow, plan=replace(flow.plan, continuous=True))
    begins = [begin for name in names for begin in STREAMS[name]]
    queries: list[StreamingQuery] = []
    due: dict[int, float] = {}
    try:
        queries.extend(begin(lasting) for begin in begins)
        # A query that begins again goes on in the epoch that it began.
        again = replace(lasting, plan=replace(lasting.plan, new_epoch=False))
        while keep_on():
            for place, begin in enumerate(begins):
                if place in due and time.monotonic() >= due[place]:
                    del due[place]
                    queries[place] = begin(again)
                elif place not in due and is_waiting_for_model(queries[place], tell):
                    due[place] = time.monotonic() + flow.settings.labelling.retry_seconds
            on_progress("all", batches_done(queries))
            time.sleep(POLL_SECONDS)
    finally:
        stop([query for place, query in enumerate(queries) if place not in due])


def is_waiting_for_model(query: StreamingQuery, tell: Callable[[str], None]) -> bool:
    """Tell whether a query has ended because the served model is away, and say so; any other failure is raised."""
    try:
        raise_failure(query)
    except ModelUnavailableError as away:
        tell(str(away))
        return True
    return False


def wait_for(query: StreamingQuery, tick: Callable[[], None]) -> None:
    """Wait until a query has ended, and turn a failure into a named error."""
    while query.isActive:
        tick()
        time.sleep(POLL_SECONDS)
    raise_failure(query)


def raise_failure(query: StreamingQuery) -> None:
    """Raise the named error behind a failed query; do nothing when it has not failed."""
    failure = query.exception()
    if failure is not None:
        raise explain_failure(query.name, failure)


def batches_done(queries: list[StreamingQuery]) -> int:
    """Micro-batches with new rows so far. Spark's own count of rows counts each reading of a batch."""
    return sum(progress["numInputRows"] > 0 for query in queries for progress in query.recentProgress)


def stop(queries: list[StreamingQuery]) -> None:
    """Stop what still runs, letting a micro-batch finish first: a stop in its middle only costs its repetition."""
    for query in queries:
        deadline = time.monotonic() + 30
        while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        try:
            query.stop()
        except StreamingQueryException as failure:
            raise explain_failure(query.name, failure) from failure
