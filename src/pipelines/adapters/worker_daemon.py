"""The process Spark's Python workers are forked from: what all of them need is imported here, once.

A stock worker imports pandas, Arrow and our transforms by itself, seconds of work for each of the half dozen that a
micro-batch starts; a forked one finds them loaded, and shares their memory. Spark hands tasks to its workers in turn
and ends them after a minute without work, so a session that lasts also has the detectors loaded here: else each of
them would load its own, and again after every quiet minute.
"""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Callable

from pyspark import daemon

from pipelines.errors import PipelineError

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
WARM = "LAKEHOUSE_WARM"
"""Variable that names the stages whose needs are loaded before the first fork, with commas between."""
SAMPLE = "My name is Anna Smith, I live in Paris; please call +49 30 901820 or write to anna@example.com."


def load_detectors() -> None:
    """Load the detectors of the default settings; others share what these have imported."""
    from pipelines.adapters.detectors import redact_texts
    from pipelines.configuration import load_settings

    # What is compiled at the first text, or read from a cache, is then there too.
    redact_texts([SAMPLE], load_settings([]).redaction, bytes(32))


def import_models() -> None:
    """Import what models run on; which of them vote is looked up in each batch."""
    from pipelines.adapters.embedded_models import torch_and_transformers

    torch_and_transformers()


STARTERS: dict[str, Callable[[], None]] = {"silver": load_detectors, "labels": import_models}
"""What the workers of a stage need, by the stage's name."""


def main() -> None:
    """Preload, then serve forks as the stock daemon does."""
    for name in PRELOADED:
        importlib.import_module(name)
    # Spark reads a port number from this process's output: nothing else may stand there.
    with contextlib.redirect_stdout(sys.stderr):
        for stage in STARTERS.keys() & set(os.environ.get(WARM, "").split(",")):
            # What is missing here is missing in the workers, which say so by name.
            with contextlib.suppress(PipelineError):
                STARTERS[stage]()
    # Else the first collection in each fork would copy all pages that it looks at.
    gc.freeze()
    serve: Callable[[], None] = daemon.manager
    serve()


if __name__ == "__main__":
    main()
