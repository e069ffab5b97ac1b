"""Figures of agreement from cells: how often one label stood beside another, and on which day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from pipelines.kernels.statistics import cohen_kappa, fleiss_kappa, krippendorff_alpha, one_against_rest

Floats = npt.NDArray[np.float64]
Scope = tuple[str | None, date | None]
"""One label against all others, or one day, or (both None) everything."""
DECIMALS = 9
"""More are noise of the order of summing."""


@dataclass(frozen=True)
class Cell:
    """How often a label stood beside another.

    Attributes:
        people: how many people voted on each of these texts, where the cell counts ordered pairs of people; 0 for a
            rater beside the others' majority, where it counts texts.
    """

    day: date
    label: str
    other_label: str
    people: int
    n: int


@dataclass(frozen=True)
class Figures:
    """What is said of one scope; None where it is undefined."""

    items: int = 0
    observed: float | None = None
    cohen: float | None = None
    low: float | None = None
    high: float | None = None
    fleiss: float | None = None
    alpha: float | None = None

    def values(self) -> tuple[int | float | None, ...]:
        """All of them in their order."""
        return astuple(self)


def rater_figures(cells: Iterable[Cell]) -> dict[Scope, Figures]:
    """Compare a rater with the majorities of the other people, each text once: Cohen's kappa with its interval."""
    return {scope: figures_of_rater(confusion) for scope, confusion in scopes(list(cells))}


def figures_of_rater(confusion: Floats) -> Figures:
    """Give the figures of one confusion."""
    kappa = cohen_kappa(confusion)
    told = map(defined, (kappa.observed, kappa.value, kappa.low, kappa.high))
    return Figures(int(confusion.sum()), *told)


def people_figures(cells: Iterable[Cell]) -> dict[Scope, Figures]:
    """Compare people with each other: Fleiss' kappa and Krippendorff's alpha of all pairs of votes on a text.

    A label's figures rest on all texts: all other labels are one.
    """
    listed = list(cells)
    texts = count_texts(listed)
    return {(label, day): figures_of_people(pairs, texts[day]) for (label, day), pairs in scopes(listed) if texts[day]}


def figures_of_people(coincidences: Floats, texts: int) -> Figures:
    """Give the figures of coincidences on some texts."""
    observed = float(np.trace(coincidences) / coincidences.sum())
    kappa, alpha = fleiss_kappa(coincidences), krippendorff_alpha(coincidences)
    return Figures(texts, observed=defined(observed), fleiss=defined(kappa), alpha=defined(alpha))


def count_texts(cells: Iterable[Cell]) -> dict[date | None, int]:
    """Count the texts behind pairs of people: m people make m * (m - 1) ordered pairs. None: of all days."""
    pairs: dict[tuple[date, int], int] = defaultdict(int)
    for cell in cells:
        pairs[cell.day, cell.people] += cell.n
    texts: dict[date | None, int] = defaultdict(int)
    for (day, people), n in pairs.items():
        texts[day] += n // (people * (people - 1))
        texts[None] += n // (people * (people - 1))
    return texts


def scopes(cells: Sequence[Cell]) -> Iterator[tuple[Scope, Floats]]:
    """Lay cells out as a matrix of labels for everything, for each label against the rest, and for each day."""
    days: dict[date, list[Cell]] = defaultdict(list)
    for cell in cells:
        days[cell.day].append(cell)
    names = sorted({name for cell in cells for name in (cell.label, cell.other_label)})
    whole = lay_out(cells, names)
    yield (None, None), whole
    for place, name in enumerate(names):
        yield (name, None), one_against_rest(whole, place)
    for day, of_day in sorted(days.items()):
        yield (None, day), lay_out(of_day, names)


def lay_out(cells: Iterable[Cell], names: Sequence[str]) -> Floats:
    """Sum cells up in a matrix; a text's pairs of people weigh as many as it has votes, see `coincidence_counts`."""
    places: Mapping[str, int] = {name: place for place, name in enumerate(names)}
    # Cells of one weight are whole numbers: sums of these do not depend on their order.
    layers: dict[int, Floats] = defaultdict(lambda: np.zeros((len(names), len(names))))
    for cell in cells:
        layers[max(cell.people - 1, 1)][places[cell.label], places[cell.other_label]] += cell.n
    total = np.zeros((len(names), len(names)))
    for weight, layer in sorted(layers.items()):
        total += layer / weight
    return total


def defined(figure: float) -> float | None:
    """Round a figure; None for one that is not a number."""
    return None if np.isnan(figure) else round(float(figure), DECIMALS)
