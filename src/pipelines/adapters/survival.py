"""Rows that end the worker that reads them: found by halving, and given up one by one, so that the others pass."""

import re
from collections.abc import Callable

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.adapters.failures import WORKER_LOST
from pipelines.adapters.spark import hold

MOST_LOST = 4
"""Rows of a batch that are given up; with more of them it is the machine's fault: too little memory, most often."""


def hold_surviving(
    rows: DataFrame, key: str, work: Callable[[DataFrame], DataFrame], give_up: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """Compute what is made of rows once; where one of them ends its worker every time, all but that one.

    Spark tries a task several times before it gives up, so one killing is survived without this. After that the rows
    are halved until each that does it is alone: some 2 log2(n) further jobs for each.

    Args:
        rows: what is read.
        key: column that tells the rows apart.
        work: what runs on the workers.
        give_up: what takes the place of work's result for a row that cannot be read.

    Raises:
        Py4JJavaError: when the work fails otherwise, or when more than `MOST_LOST` rows end their worker.
    """
    found = attempt(rows, work)
    if found is not None:
        return found
    waiting, done, lost = halves(hold(rows), key, 0), [], 0
    while waiting:
        part, depth = waiting.pop()
        found = attempt(part, work, is_last=lost == MOST_LOST)
        if found is not None:
            done.append(found)
        elif part.count() > 1:
            waiting += halves(part, key, depth)
        else:
            lost += 1
            done.append(give_up(part))
    whole = done[0]
    for part in done[1:]:
        whole = whole.unionByName(part)
    return hold(whole)


def attempt(rows: DataFrame, work: Callable[[DataFrame], DataFrame], is_last: bool = False) -> DataFrame | None:
    """Compute what is made of rows; None where a worker was lost."""
    try:
        return hold(work(rows))
    except Py4JJavaError as failure:
        if is_last or not re.search(WORKER_LOST, str(failure)):
            raise
        return None


def halves(rows: DataFrame, key: str, depth: int) -> list[tuple[DataFrame, int]]:
    """Part rows by a bit of a hash of their key."""
    bit = F.shiftright(F.xxhash64(key), depth).bitwiseAND(F.lit(1))
    return [(rows.where(bit == value), depth + 1) for value in (0, 1)]
