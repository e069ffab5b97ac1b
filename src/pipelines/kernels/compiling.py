"""One way to compile a loop: without the interpreter's lock, and kept on disk where a folder can be written."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop at its first call for the types it gets.

    The machine code is kept beside the module or in the user's cache, so that only the first process pays for it. Numba
    does not notice that a callee in another module has changed: compiled functions call those of their own module only.
    """
    try:
        kept: Callable[P, R] = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither folder can be written (a read-only image without a home): compiling again is all that is lost.
        kept = njit(nogil=True)(function)
    return kept
