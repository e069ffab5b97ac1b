"""How many planted wrong labels an audit finds, and how much of its list they are: banking77, 5 % relabelled at random.

    python -m tests.benchmarks.label_errors ../shared/data --table tests/benchmarks/label_errors.md

A wrong label is drawn from the other 76. The set has wrong labels of its own, which count against the precision here.
`--vectors FOLDER` keeps what was encoded for the next time.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np

from pipelines.kernels import label_errors
from pipelines.kernels.label_errors import audit_labels
from tests.benchmarks.labels import Vectors, number, read

SHARE = 0.05
MARGINS = (0.0, 0.25, 0.5)


def plant(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give a share of the rows another label; gives all labels, and which rows were changed."""
    draw = np.random.default_rng(seed)
    wrong = draw.permutation(len(labels))[: round(SHARE * len(labels))]
    given, many = labels.copy(), int(labels.max()) + 1
    given[wrong] = (labels[wrong] + draw.integers(1, many, len(wrong))) % many
    changed = np.zeros(len(labels), dtype=bool)
    changed[wrong] = True
    return given, changed


def measure(vectors: np.ndarray, labels: np.ndarray, names: np.ndarray, seed: int) -> dict[str, float]:
    """Audit labels with planted errors."""
    given, changed = plant(labels, seed)
    began = time.perf_counter()
    audit = audit_labels(vectors, given, np.zeros(len(given), dtype=bool), names)
    found: dict[str, float] = {"rows": len(given), "planted": int(changed.sum())}
    found["seconds"] = time.perf_counter() - began
    contradicted = audit.suggested != given[audit.audited]
    planted = changed[audit.audited]
    for margin in MARGINS:
        listed = contradicted & (audit.margins >= margin)
        found |= {
            f"listed {margin}": int(listed.sum()),
            f"precision {margin}": float(planted[listed].mean()) if listed.any() else 0.0,
            f"recall {margin}": float((listed & planted).sum() / changed.sum()),
        }
    right = audit.suggested[planted & contradicted] == labels[audit.audited[planted & contradicted]]
    worst = np.argsort(-np.where(contradicted, audit.margins, -1.0), kind="stable")[: int(changed.sum())]
    found |= {"suggestion right": float(right.mean()), "precision of as many as planted": float(planted[worst].mean())}
    return found


def few(texts: list[str], labels: list[str], most: int) -> tuple[list[str], list[str]]:
    """Keep the first rows of each label."""
    seen: Counter[str] = Counter()
    kept = []
    for text, label in zip(texts, labels, strict=True):
        seen[label] += 1
        if seen[label] <= most:
            kept.append((text, label))
    return [text for text, _ in kept], [label for _, label in kept]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strengths", type=float, nargs="*", default=[label_errors.STRENGTH])
    parser.add_argument("--per-label", type=int, default=1_000, help="rows of each label at most, the first ones")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    path = options.data / "banking77" / "train.csv"
    if not path.exists():
        print(f"Skipped: {path} not found")
        return 0
    texts, labels = few(*read(path, "text", "category"), options.per_label)
    names, encode = sorted(set(labels)), Vectors(options.vectors)
    vectors, name_vectors = encode(texts), encode([name.replace("_", " ") for name in names])
    lines = []
    for strength in options.strengths:
        label_errors.STRENGTH = strength
        rounds = [measure(vectors, number(labels, names), name_vectors, seed) for seed in range(options.seeds)]
        lines += ["", f"Strength of the fits {strength:g}, {options.seeds} draws: mean (least to greatest)", ""]
        lines += ["| figure | value |", "|---|---|"]
        for key in rounds[0]:
            values = [one[key] for one in rounds]
            lines.append(f"| {key} | {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f}) |")
        print("\n".join(lines), flush=True)
    if options.table:
        options.table.write_text("# Wrong labels that an audit finds\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
