"""Named fault points: where a test may make a run fail; they cost one dictionary look-up when unset.

`LAKEHOUSE_FAULT=after_decisions` raises at that point, `LAKEHOUSE_FAULT=after_decisions:kill@2` ends the whole
process with SIGKILL at the second passage. Every point is named after the write it follows.
"""

import os
import signal

VARIABLE = "LAKEHOUSE_FAULT"

_passages: dict[str, int] = {}


class InjectedFaultError(Exception):
    """Raised at a fault point a test asked for; never raised otherwise."""


def hit(point: str) -> None:
    """Fail here if the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, manner = wanted.partition(":")
    kind, _, passage = manner.partition("@")
    if name != point:
        return
    _passages[point] = _passages.get(point, 0) + 1
    if _passages[point] != int(passage or 1):
        return
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise InjectedFaultError(f"fault point {point}")
