"""Figures from cells, against scikit-learn's and the definitions written out."""

from collections import Counter
from datetime import date
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pipelines.kernels.rater_agreement import Cell, people_figures, rater_figures

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
Text = tuple[date, list[str]]


def drawn(texts: int, seed: int = 7) -> list[tuple[date, str, str]]:
    draw = np.random.default_rng(seed)
    first, second = draw.choice(list("abc"), texts), draw.choice(list("abc"), texts)
    same = draw.random(texts) < 0.5
    days = draw.choice([0, 1], texts)
    return [
        ((MONDAY, TUESDAY)[day], str(one), str(one if equal else other))
        for day, one, other, equal in zip(days, first, second, same, strict=True)
    ]


def pairs_of(texts: list[Text]) -> list[Cell]:
    """Ordered pairs of different votes on a text, counted one by one."""
    pairs = Counter(
        (day, one, other, len(said)) for day, said in texts for (_, one), (_, other) in permutations(enumerate(said), 2)
    )
    return [Cell(*cell, n) for cell, n in pairs.items()]


def by_definition(texts: list[Text]) -> tuple[float, float, float]:
    """Observed agreement, Fleiss' kappa and Krippendorff's alpha, each vote of a text weighing as much as another."""
    said = [labels for _, labels in texts if len(labels) > 1]
    votes = Counter(label for labels in said for label in labels)
    total = votes.total()
    same = sum(
        (labels[one] == labels[other]) / (len(labels) - 1)
        for labels in said
        for one, other in permutations(range(len(labels)), 2)
    )
    observed, expected = same / total, sum((number / total) ** 2 for number in votes.values())
    by_chance = sum(number * (total - number) for number in votes.values()) / (total * (total - 1))
    return observed, (observed - expected) / (1 - expected), 1 - (1 - observed) / by_chance


def test_a_rater_is_told_by_label_and_by_day_as_scikit_learn_would() -> None:
    rows = drawn(200)
    cells = [Cell(*row, 0, n) for row, n in Counter(rows).items()]
    found = rater_figures(cells)
    assert set(found) == {(None, None), ("a", None), ("b", None), ("c", None), (None, MONDAY), (None, TUESDAY)}
    for (label, day), figures in found.items():
        chosen = [row for row in rows if day in (None, row[0])]
        first, second = ([row[place] for row in chosen] for place in (1, 2))
        if label:
            first, second = [one == label for one in first], [one == label for one in second]
        assert figures.items == len(chosen)
        assert figures.cohen == pytest.approx(cohen_kappa_score(first, second), abs=1e-8)
        assert figures.observed == pytest.approx(np.mean(np.array(first) == np.array(second)), abs=1e-8)
        assert figures.low < figures.cohen < figures.high
        assert (figures.fleiss, figures.alpha) == (None, None)


def test_people_are_told_by_label_and_by_day_as_the_definitions_say() -> None:
    draw = np.random.default_rng(3)
    texts = [
        ((MONDAY, TUESDAY)[number % 2], [str(one) for one in draw.choice(list("abc"), number % 5, p=[0.6, 0.3, 0.1])])
        for number in range(60)
    ]
    found = people_figures(pairs_of(texts))
    assert len(found) == 6
    for (label, day), figures in found.items():
        chosen = [
            (when, ["this" if one == label else "rest" for one in said] if label else said)
            for when, said in texts
            if day in (None, when)
        ]
        assert figures.items == sum(len(said) > 1 for _, said in chosen)
        assert (figures.observed, figures.fleiss, figures.alpha) == pytest.approx(by_definition(chosen), abs=1e-8)
        assert (figures.cohen, figures.low) == (None, None)


def test_people_are_told_as_statsmodels_would_where_all_texts_have_as_many_votes() -> None:
    raters = pytest.importorskip("statsmodels.stats.inter_rater")
    draw = np.random.default_rng(4)
    said = draw.choice(3, (50, 4), p=[0.6, 0.3, 0.1])
    cells = pairs_of([(MONDAY, [str(one) for one in row]) for row in said])
    table, _ = raters.aggregate_raters(said)
    assert people_figures(cells)[None, None].fleiss == pytest.approx(raters.fleiss_kappa(table), abs=1e-8)


def test_one_label_alone_leaves_what_chance_explains_undefined() -> None:
    only = rater_figures([Cell(MONDAY, "a", "a", 0, 5)])[None, None]
    assert (only.items, only.observed, only.cohen, only.low) == (5, 1.0, None, None)
    people = people_figures(pairs_of([(MONDAY, ["a", "a"])]))[None, None]
    assert (people.items, people.observed, people.fleiss, people.alpha) == (1, 1.0, None, None)
