"""Runs that are made to fail between two writes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines import faults


@contextmanager
def failing_at(fault: str) -> Iterator[None]:
    """Let what runs inside fail at a point, as `pipelines.faults` names it; passages are counted from here on."""
    with pytest.MonkeyPatch.context() as patch:
        # A point that an earlier test has passed would not be the first any more.
        patch.setattr(faults, "_passages", {})
        patch.setenv(faults.VARIABLE, fault)
        yield
