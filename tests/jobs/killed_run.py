"""Runs stages of a pickled lake in a process of its own, which a fault point may end with SIGKILL.

python -m tests.jobs.killed_run LAKE.pickle labels gate
"""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

from pipelines.adapters.spark import open_session
from tests.jobs.conftest import Lake


def main(pickled: Path, *stages: str) -> None:
    """Run the stages in a small session."""
    lake: Lake = pickle.loads(pickled.read_bytes())
    scratch = pickled.parent
    spark = open_session(replace(lake.settings.spark, driver_memory="1g"), scratch, scratch / "logs", print)
    replace(lake, spark=spark).run(*stages)
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
