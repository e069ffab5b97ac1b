"""The process Spark's Python workers are forked from: what all of them need is imported here, once.

A stock worker imports pandas, Arrow and our transforms by itself, seconds of work for each of the half dozen that a
micro-batch starts; a forked one finds them loaded, and shares their memory. Spark hands tasks to its workers in turn
and ends them after a minute without work, so a session that lasts also has the detectors of its policy loaded here:
else each of them would load its own, and again after every quiet minute.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pyspark import daemon

from pipelines.configuration import as_layer, build, load_settings
from pipelines.errors import PipelineError
from pipelines.redaction_policy import RedactionSettings

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
POLICY = "LAKEHOUSE_WARM_POLICY"
"""Variable that names the file of the redaction policy whose detectors are loaded; without it, the default policy's."""
SAMPLE = "My name is Anna Smith, I live in Paris; please call +49 30 901820 or write to anna@example.com."


def warming(stages: Sequence[str], policy: RedactionSettings | None, folder: Path) -> dict[str, str]:
    """Give the variables by which this process knows what to load; a policy is put into the folder, for its owner."""
    variables = {WARM: ",".join(stages)}
    if policy is not None and stages:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "redaction.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(as_layer(policy)), encoding="utf-8")
        variables[POLICY] = str(file)
    return variables


def load_detectors() -> None:
    """Load the detectors of the session's policy."""
    from pipelines.adapters.detectors import redact_texts

    file = os.environ.get(POLICY)
    if file:
        policy = build(RedactionSettings, json.loads(Path(file).read_text(encoding="utf-8")), "redaction")
    else:
        policy = load_settings([]).redaction
    # What is compiled at the first text, or read from a cache, is then there too.
    redact_texts([SAMPLE], policy, bytes(32))


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
