"""Labelled files of made-up annotators: most agree with the truth, some do not, some forget their confidence."""

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.simulation import Simulation, TruthRow

LABELLED_SHARE, SMALLEST_POOL = 0.03, 10
CONFIDENCES = ("0.95", "0.9", "0.85", "0.8", "0.97", "0.7", "1.0", "0.92")
"""0.8 is the demo's threshold: equal is enough."""
WRITTEN_AT = datetime(2026, 1, 8, tzinfo=UTC).timestamp()
"""Modification time of the files: fixed, so that two runs see the same."""


@dataclass(frozen=True)
class GivenVote:
    """One row of a labelled file."""

    text: str
    annotator_id: str
    label: str
    confidence_score: str
    record_id: str = ""


def write_labelled_files(simulation: "Simulation", landing: Path) -> list[Path]:
    """Write what annotators handed in under `landing/YYYY/MM/DD/`; votes for some 3 % of the tickets.

    `first_pass.csv` names texts, `second_pass.csv` (another column order) names records, the back-dated `late.jsonl`
    holds second opinions, some against the first, and texts that nobody sent.
    """
    pool = choose_pool(simulation)
    split = len(pool) * 3 // 5
    first = [vote(simulation, row, number) for number, row in enumerate(pool[:split])]
    second = [vote(simulation, row, number, by_id=True) for number, row in enumerate(pool[split:])]
    # The second of every file has no confidence: it is a vote that cannot stand.
    first[1:2] = [GivenVote(given.text, given.annotator_id, given.label, "") for given in first[1:2]]
    labels = sorted({given.label for given in first + second})
    opposed = [GivenVote(given.text, "ann-07", other(given.label, labels), "0.93") for given in first[2:12:3]]
    agreed = [GivenVote(given.text, "ann-05", given.label, "0.96") for given in first[3:12:3]]
    unseen = [GivenVote(entry["text"], "ann-06", entry["intent"], "0.99") for entry in simulation.unseen]
    return [
        write_csv(landing / "2026/01/06/first_pass.csv", first, ["text", "annotator_id", "label", "confidence_score"]),
        write_csv(landing / "2026/01/07/second_pass.csv", second,
                  ["label", "confidence_score", "record_id", "annotator_id", "text"]),
        write_json_lines(landing / "2026/01/05/late.jsonl", opposed + agreed + unseen),
    ]  # fmt: skip


def choose_pool(simulation: "Simulation") -> "list[TruthRow]":
    """Choose the tickets that people labelled, by the hash of their record."""
    tickets = [row for row in simulation.truth if row.kind in ("ticket", "ambiguous", "unknown") and row.record_id]
    tickets.sort(key=lambda row: hashlib.sha256(f"labelled {row.record_id}".encode()).digest())
    return tickets[: max(SMALLEST_POOL, round(len(simulation.truth) * LABELLED_SHARE))]


def vote(simulation: "Simulation", row: "TruthRow", number: int, by_id: bool = False) -> GivenVote:
    """Label one ticket as it is; of two intents the annotator sees the first."""
    text = str(json.loads(simulation.messages[row.message].value or b"{}")["text"])
    label = row.intents[0] if row.intents else str(row.intent)
    confidence = CONFIDENCES[number % len(CONFIDENCES)]
    return GivenVote(text, f"ann-0{number % 4 + 1}", label, confidence, str(row.record_id) if by_id else "")


def other(label: str, labels: Sequence[str]) -> str:
    """Choose the label after this one."""
    following = cycle(labels)
    while next(following) != label:
        pass
    return next(following)


def write_csv(path: Path, votes: list[GivenVote], columns: list[str]) -> Path:
    """Write votes as CSV with these columns in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([getattr(given, column) for column in columns] for given in votes)
    os.utime(path, (WRITTEN_AT, WRITTEN_AT))
    return path


def write_json_lines(path: Path, votes: list[GivenVote]) -> Path:
    """Write votes as JSON lines, the confidence a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"text": given.text, "annotator_id": given.annotator_id, "label": given.label,
         "confidence_score": float(given.confidence_score)}
        for given in votes
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    os.utime(path, (WRITTEN_AT, WRITTEN_AT))
    return path
