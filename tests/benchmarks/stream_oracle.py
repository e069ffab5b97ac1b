"""People who answer `annotate sample`, out of a file's own labels: with the truth, but for some slips."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.vocabulary import UNKNOWN_LABEL


class Oracle:
    """Fills in files of questions; counts its votes.

    Attributes:
        spent: votes so far, by purpose.
    """

    def __init__(self, truth: Mapping[str, str], labels: Sequence[str], noise: float, seed: int) -> None:
        """Take the true label of each record; any other answer, `unknown` too, is as likely as the next in a slip."""
        self.truth, self.answers, self.noise = truth, [*labels, UNKNOWN_LABEL], noise
        self.draw = np.random.default_rng(seed)
        self.asked: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()

    def fill_in(self, file: Path, purposes: Collection[str], most: int) -> int:
        """Answer the first questions of these purposes in a JSONL file, at most so many; the others stay open.

        Each further vote on a record is another person's.
        """
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        asked = [row for row in rows if row["purpose"] in purposes][:most]
        for row in asked:
            record = row["record_id"]
            self.asked[record] += 1
            row |= {"label": self.answer(record), "annotator_id": f"annotator-{self.asked[record]}"}
            self.spent[row["purpose"]] += 1
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return len(asked)

    def answer(self, record: str) -> str:
        """Say what a record is about."""
        truth = self.truth[record]
        if self.draw.random() >= self.noise:
            return truth
        return str(self.draw.choice([answer for answer in self.answers if answer != truth]))
