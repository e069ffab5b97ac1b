"""How much of what is personal was found: spans that were marked against spans that are true.

A true span counts as found when at least nine tenths of its letters and digits are covered, by spans of whatever type:
what is gone cannot leak. A marked span counts as right when at least half of its letters and digits are personal.
Marks on what is kept by policy (`KEPT`) are neither right nor wrong.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.statistics import clopper_pearson

Mark = tuple[int, int, str]
"""Start, end (code points) and type."""

FOUND_SHARE, RIGHT_SHARE = 0.9, 0.5
RESAMPLES, SEED = 1_000, 1
TYPES = {
    "ADDRESS": "LOCATION", "STREET_ADDRESS": "LOCATION", "GPE": "LOCATION", "ZIP_CODE": "LOCATION", "FAC": "LOCATION",
    "DOMAIN_NAME": "URL", "NAME": "PERSON", "PER": "PERSON", "LOC": "LOCATION", "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER", "SSN": "US_SSN", "IBAN": "IBAN_CODE", "IP": "IP_ADDRESS",
}  # fmt: skip
"""Other names of types in annotated data."""
KEPT = frozenset({"ORGANIZATION", "ORG", "DATE_TIME", "DATE", "TIME", "TITLE", "PREFIX", "AGE", "NRP"})
"""Types that stay by default: they say what a ticket is about, and alone identify nobody."""
TITLES = ("mr", "mrs", "ms", "miss", "mx", "dr", "prof")


@dataclass(frozen=True)
class Score:
    """Counts of one type, or of all.

    Attributes:
        true: spans there are; found: those of them that are covered.
        marked: spans that were marked; right: those of them that are personal.
        f2_interval: 95 % bootstrap interval over the texts.
    """

    true: int
    found: int
    marked: int
    right: int
    f2_interval: tuple[float, float] = (0.0, 1.0)

    @property
    def recall(self) -> float:
        """Share of the true spans that was found."""
        return self.found / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """Share of the marked spans that is right."""
        return self.right / self.marked if self.marked else 1.0

    @property
    def f2(self) -> float:
        """F score that weighs recall twice (van Rijsbergen, 1979)."""
        return f_score(self.precision, self.recall)

    def as_dict(self) -> dict[str, object]:
        """For `--json`: with exact 95 % intervals (Clopper and Pearson) of recall and precision."""
        return {
            "true": self.true, "recall": self.recall, "recall_interval": clopper_pearson(self.found, self.true),
            "marked": self.marked, "precision": self.precision,
            "precision_interval": clopper_pearson(self.right, self.marked),
            "f2": self.f2, "f2_interval": self.f2_interval,
        }  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """How a whole file was marked.

    Attributes:
        leaking_texts: texts with at least one true span that was not found.
        leaked_chars: letters and digits of true spans that are not covered; of `true_chars`.
    """

    by_type: dict[str, Score]
    overall: Score
    texts: int
    leaking_texts: int
    leaked_chars: int
    true_chars: int

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "by_type": {name: score.as_dict() for name, score in self.by_type.items()},
            "overall": self.overall.as_dict(), "texts": self.texts, "leaking_texts": self.leaking_texts,
            "leaked_chars": self.leaked_chars, "true_chars": self.true_chars,
        }  # fmt: skip


def score_texts(texts: Sequence[str], truths: Iterable[Iterable[Mark]], marks: Iterable[Iterable[Mark]]) -> Scores:
    """Score the marks of texts against the truth about them.

    Args:
        texts: as they came.
        truths: true spans of each text; types by any name in `TYPES`.
        marks: marked spans of each text.
    """
    counts: list[Counter[tuple[str, str]]] = []
    leaking = leaked = personal = 0
    for text, truth, marked in zip(texts, truths, marks, strict=True):
        true = [without_title(text, (start, end, TYPES.get(kind, kind))) for start, end, kind in truth]
        counted, uncovered, size = count_text(text, true, list(marked))
        counts.append(counted)
        leaking += any(key[1] == "missed" for key in counted)
        leaked, personal = leaked + uncovered, personal + size
    names = sorted({name for counted in counts for name, _ in counted})
    by_type = {name: summarise(counts, {name}) for name in names}
    return Scores(by_type, summarise(counts, set(names)), len(texts), leaking, leaked, personal)


def count_text(text: str, true: list[Mark], marked: list[Mark]) -> tuple[Counter[tuple[str, str]], int, int]:
    """Count one text: by type and outcome; letters and digits that leak; and those that are personal."""
    covered = union(text, marked)
    wanted = [mark for mark in true if mark[2] not in KEPT and letters(text, mark)]
    personal = union(text, wanted)
    kept = union(text, [mark for mark in true if mark[2] in KEPT])
    counted: Counter[tuple[str, str]] = Counter()
    for mark in wanted:
        own = letters(text, mark)
        counted[mark[2], "found" if len(own & covered) >= FOUND_SHARE * len(own) else "missed"] += 1
    for mark in marked:
        own = letters(text, mark)
        if len(own & personal) >= RIGHT_SHARE * len(own):
            counted[mark[2], "right"] += 1
        elif len(own & (kept | personal)) < RIGHT_SHARE * len(own):
            counted[mark[2], "wrong"] += 1
    return counted, len(personal - covered), len(personal)


def without_title(text: str, mark: Mark) -> Mark:
    """Take "Mr." off a person: titles are kept by policy."""
    start, end, kind = mark
    first, _, rest = text[start:end].partition(" ")
    if kind != "PERSON" or first.lower().rstrip(".") not in TITLES:
        return mark
    return (end - len(rest), end, kind) if rest else (start, end, "TITLE")


def letters(text: str, mark: Mark) -> set[int]:
    """Give the places of a span's letters and digits: spaces and marks tell nobody anything."""
    return {place for place in range(mark[0], mark[1]) if text[place].isalnum()}


def union(text: str, marks: Iterable[Mark]) -> set[int]:
    """Give the places of all letters and digits of some spans."""
    return set().union(*(letters(text, mark) for mark in marks))


def summarise(counts: Sequence[Counter[tuple[str, str]]], names: set[str]) -> Score:
    """Add the counts of some types up, and bootstrap the interval of F2 over the texts (Efron, 1979)."""
    outcomes = ("found", "missed", "right", "wrong")
    table = np.array(
        [[sum(counted[name, outcome] for name in names) for outcome in outcomes] for counted in counts], dtype=np.int64
    ).reshape(-1, len(outcomes))
    found, missed, right, wrong = (int(total) for total in table.sum(axis=0))
    busy = table[table.any(axis=1)]
    return Score(found + missed, found, right + wrong, right, bootstrap_f2(busy))


def bootstrap_f2(table: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Resample texts and give the middle 95 % of F2."""
    if len(table) == 0:
        return 0.0, 1.0
    drawn = np.random.default_rng(SEED).multinomial(len(table), np.full(len(table), 1 / len(table)), size=RESAMPLES)
    scores = [f_score_of(found, missed, right, wrong) for found, missed, right, wrong in drawn @ table]
    low, high = np.quantile(scores, [0.025, 0.975])
    return float(low), float(high)


def f_score_of(found: int, missed: int, right: int, wrong: int) -> float:
    """Give F2 of counts."""
    precision = right / (right + wrong) if right + wrong else 1.0
    return f_score(precision, found / (found + missed) if found + missed else 1.0)


def f_score(precision: float, recall: float, beta: float = 2.0) -> float:
    """Weigh recall `beta` times as much as precision."""
    weight = beta * beta
    return (1 + weight) * precision * recall / (weight * precision + recall) if precision + recall else 0.0
