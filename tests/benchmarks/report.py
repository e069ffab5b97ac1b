"""What the benchmarks share: their options, how they tell what they do, and their result as JSON."""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "data"


def make_parser(doc: str | None, **defaults: float | str | Path) -> argparse.ArgumentParser:
    """Make a command line of `--json` and an option for each default, of the default's type."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--json", type=Path, help="file for the result")
    return parser


def say(line: str) -> None:
    """Tell how it goes, beside the result."""
    print(line, file=sys.stderr, flush=True)


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """Compare round by round, since a busy machine is busy for both: median, least and greatest ratio."""
    each = [their / our for their, our in zip(theirs, ours, strict=True)]
    return {"median": statistics.median(each), "least": min(each), "greatest": max(each)}


def write_json(result: object, path: Path | None) -> None:
    """Write the result where `--json` says, if it does."""
    if path:
        path.write_text(json.dumps(result, indent=2), encoding="utf-8")
