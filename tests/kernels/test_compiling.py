"""Compiled loops work where nothing can be written."""

from collections.abc import Callable

import numba
import pytest

from pipelines.kernels import compiling


def add(one: int, other: int) -> int:
    return one + other


def test_where_nothing_can_be_written_only_the_cache_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(nogil: bool, cache: bool = False) -> Callable[[Callable[[int, int], int]], Callable[[int, int], int]]:
        if cache:
            raise RuntimeError("cannot cache function 'add': no locator available")
        return numba.njit(nogil=nogil)

    monkeypatch.setattr(compiling, "njit", njit)
    assert compiling.compiled(add)(2, 3) == 5


def test_loops_are_compiled_without_the_interpreters_lock() -> None:
    assert vars(compiling.compiled(add))["targetoptions"]["nogil"] is True
