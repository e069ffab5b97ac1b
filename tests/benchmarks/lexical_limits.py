"""What clusters of words can find among real duplicates, and what they cannot: issue tickets that people marked.

    python -m tests.benchmarks.lexical_limits --json result.json   # half a minute

1,076 tickets of a software project (summary and description) of which its maintainers marked 46 pairs as duplicates.
Every couple's exact Jaccard similarity over character 5-grams is computed, nothing is tuned: for each threshold, how
many of the marked pairs are linked, and how many couples altogether.
"""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np

from pipelines.kernels.minhash import shingle_sets
from pipelines.kernels.similarity import jaccard
from pipelines.kernels.texts import encode, normalise_texts
from tests.benchmarks.report import DATA, make_parser, write_json

CORPUS = DATA / "neardup_tickets_seamonkey"
THRESHOLDS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
VIEWS = {"summary": ("summary",), "description": ("description",), "both": ("summary", "description")}
SHINGLE_CHARS = 5
SEED = 1


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file whole."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def similarities(texts: list[str]) -> dict[tuple[int, int], float]:
    """Give the exact similarity of every couple, by the places of the two."""
    sets = shingle_sets(normalise_texts(*encode(texts)), SHINGLE_CHARS, SEED)
    couples = list(combinations(range(len(texts)), 2))
    left, right = (np.array(places) for places in zip(*couples, strict=True))
    return dict(zip(couples, jaccard(sets, left, right).tolist(), strict=True))


def measure(tickets: list[dict[str, str]], marked: list[dict[str, str]]) -> list[dict[str, object]]:
    """Count, for each view and threshold, what is linked."""
    places = {row["issue_id"]: place for place, row in enumerate(tickets)}
    pairs = {tuple(sorted((places[row["id1"]], places[row["id2"]]))) for row in marked}
    results = []
    for name, fields in VIEWS.items():
        known = similarities(["\n".join(row[field] for field in fields) for row in tickets])
        for threshold in THRESHOLDS:
            linked = {couple for couple, value in known.items() if value >= threshold}
            found = len(pairs & linked)
            results.append(
                {"text": name, "threshold": threshold, "marked": len(pairs), "found": found, "linked": len(linked)}
            )
    return results


def main() -> None:
    """Read the options, measure, print."""
    options = make_parser(__doc__, data=CORPUS).parse_args()
    if not options.data.is_dir():
        print(f"Skipped: {options.data} is not there.")
        return
    results = measure(read_rows(options.data / "tickets.csv"), read_rows(options.data / "duplicate_pairs.csv"))
    write_json(results, options.json)
    print(f"{'text':14}{'threshold':>10}{'marked pairs found':>22}{'couples linked':>18}")
    for one in results:
        print(f"{one['text']:14}{one['threshold']:10}{one['found']:>15} of {one['marked']}{one['linked']:>18,}")


if __name__ == "__main__":
    main()
