"""The process Spark's Python workers are forked from: what all of them need is imported here, once.

A stock worker imports pandas, Arrow and our transforms by itself, seconds of work for each of the half dozen that a
micro-batch starts; a forked one finds them loaded, and shares their memory.
"""

import importlib
from collections.abc import Callable

from pyspark import daemon

PRELOADED = (
    "pandas",
    "pyarrow",
    "pyspark.sql.pandas.serializers",
    "pyspark.sql.pandas.types",
    "pyspark.worker",
    "pipelines.transforms.intake",
    "pipelines.transforms.duplicates",
    "pipelines.transforms.labelling",
    "pipelines.transforms.redaction",
)


def main() -> None:
    """Preload, then serve forks as the stock daemon does."""
    for name in PRELOADED:
        importlib.import_module(name)
    serve: Callable[[], None] = daemon.manager
    serve()


if __name__ == "__main__":
    main()
