"""Keeping libraries from loading what is not used, and from logging what they read."""

import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

QUERY_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")


class RefuseTimeouts(logging.Filter):
    """Drops all records, since some hold text, and turns a recognizer's timeout into the failure that it is.

    Presidio logs a pattern that timed out and goes on as if it had found nothing: the text would pass unread.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let no record through.

        Raises:
            TimeoutError: when the record tells of one.
        """
        if "timed out" in record.msg:
            raise TimeoutError("A recognizer timed out.")
        return False


def silence_loggers(names: Iterable[str]) -> None:
    """Close loggers that quote what they read."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
        logger.setLevel(logging.WARNING)
        if not any(isinstance(one, RefuseTimeouts) for one in logger.filters):
            logger.addFilter(RefuseTimeouts())


def silence_failed_statements() -> None:
    """Keep pyspark 4 from writing each failed statement to stderr, with the values it failed on and a trace."""
    # pyspark 3.5 has no such module, and writes nothing.
    if importlib.util.find_spec("pyspark.logger") is None:
        return
    for name in QUERY_LOGGERS:
        # By its own class, which pyspark calls with arguments that no other logger takes.
        importlib.import_module("pyspark.logger").PySparkLogger.getLogger(name).disabled = True


@contextmanager
def without_packages(names: frozenset[str]) -> Iterator[None]:
    """Make optional packages look absent to this thread's imports, unless they are loaded already.

    Presidio and spaCy import torch and transformers where they find them, for models that are not used here: 20 seconds
    and half a gigabyte a worker.
    """
    thread = threading.get_ident()

    class Refuse:
        """A finder that finds nothing and forbids the others to look."""

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            """Refuse the named packages."""
            if name.partition(".")[0] in names - set(sys.modules) and threading.get_ident() == thread:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return None

    sys.meta_path.insert(0, Refuse)
    try:
        yield
    finally:
        sys.meta_path.remove(Refuse)
