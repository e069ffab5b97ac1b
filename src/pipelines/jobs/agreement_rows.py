"""Rows of gold.agreement and gold.annotator_quality from what was counted; no table is read here."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from pipelines.kernels.rater_agreement import Cell, Figures, people_figures, rater_figures
from pipelines.kernels.truth import dawid_skene, seen_confusions
from pipelines.vocabulary import Compared, Counted, Voter

Row = Mapping[str, Any]
Rater = tuple[str, str, str | None]
"""Who is compared: compared, voter, rater."""
Key = tuple[str, str, str | None, str | None, date | None]
"""compared, voter, rater, label, day."""
Values = tuple[int | float | None, ...]
"""votes, then the figures."""
NOTHING: Values = (0, *Figures().values())
EVERYONE: Rater = (str(Compared.PEOPLE), str(Voter.HUMAN), None)
MOST_MISTAKES = 3
LEAST_VOTES = 0.5
"""A confusion of less than half a vote is none."""
QUALITY_DECIMALS = 6


def measure(counts: Iterable[Row], renamed: Mapping[str, str]) -> dict[Key, Values]:
    """Measure agreement from all counts.

    Args:
        counts: summed cells of gold.agreement_counts, as dicts.
        renamed: former labels with their names of today.
    """
    given: Counter[Key] = Counter()
    cells: dict[Rater, list[Cell]] = defaultdict(list)
    for row in counts:
        label, other = (renamed.get(row[name], row[name]) for name in ("label", "other_label"))
        if row["counted"] == Counted.VOTES:
            for key in keys_of_votes(row, label):
                given[key] += row["n"]
        else:
            cells[compared(row)].append(Cell(row["day"], label, other, row["people"] or 0, row["n"]))
    found = {
        (*rater, *scope): figures.values()
        for rater, listed in cells.items()
        for scope, figures in (people_figures(listed) if rater == EVERYONE else rater_figures(listed)).items()
    }
    return {key: (given[key], *found.get(key, NOTHING[1:])) for key in {*given, *found}}


def keys_of_votes(row: Row, label: str) -> list[Key]:
    """Name everything that some votes are votes of; those of people are each person's, and everyone's."""
    raters = [EVERYONE] if row["voter"] == Voter.HUMAN else []
    if row["rater"] is not None:
        raters.append(compared(row))
    return [(*rater, *scope) for rater in raters for scope in ((None, None), (label, None), (None, row["day"]))]


def compared(row: Row) -> Rater:
    """Say who a count is about."""
    if row["counted"] == Counted.PEOPLE:
        return EVERYONE
    kind = Compared.ANNOTATOR if row["voter"] == Voter.HUMAN else Compared.MODEL
    return str(kind), row["voter"], row["rater"]


def changed(now: Mapping[Key, Values], before: Mapping[Key, Values]) -> dict[Key, Values]:
    """Keep what differs from what stands; what has gone is told with nothing."""
    gone = {key: NOTHING for key in before if key not in now}
    return {key: values for key, values in {**gone, **now}.items() if before.get(key) != values}


@dataclass(frozen=True)
class Quality:
    """How good an annotator is; see `contracts.ANNOTATOR_QUALITY`."""

    annotator_id: str
    votes: int
    accuracy: float
    mistakes: list[tuple[str, str, float]]


def judge_annotators(votes: Sequence[tuple[str, str, str]]) -> list[Quality]:
    """Fit Dawid and Skene's model to people's votes.

    Args:
        votes: text_key, annotator_id, label; each annotator once a text.
    """
    listed = sorted(votes)
    if not listed:
        return []
    columns = list(zip(*listed, strict=True))
    coded = [np.unique(column, return_inverse=True) for column in columns]
    (texts, unit), (people, person), (labels, said) = coded
    shape = (len(texts), len(people), len(labels))
    model = dawid_skene(unit, person, said, shape)
    confusions = seen_confusions(model.probabilities, unit, person, said, shape)
    names = [str(label) for label in labels]
    return [
        Quality(str(name), int(number), round(float(accuracy), QUALITY_DECIMALS), mistakes_of(confusion, names))
        for name, number, accuracy, confusion in zip(people, model.votes, model.quality, confusions, strict=True)
    ]


def mistakes_of(confusion: np.ndarray, labels: Sequence[str]) -> list[tuple[str, str, float]]:
    """List an annotator's commonest confusions: true label, what it said, how many votes that was likely."""
    wrong = np.round(np.where(np.eye(len(labels), dtype=bool), 0.0, confusion), QUALITY_DECIMALS)
    # Equal ones in the order of their labels.
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_MISTAKES]
    places = [divmod(int(place), len(labels)) for place in order]
    return [
        (labels[true], labels[given], float(wrong[true, given]))
        for true, given in places
        if wrong[true, given] >= LEAST_VOTES
    ]
