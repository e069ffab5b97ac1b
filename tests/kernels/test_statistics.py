"""Agreement and bounds against published figures; those of the public folder where it is there."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.kernels.statistics import (
    clopper_pearson,
    cohen_kappa,
    coincidence_counts,
    confusion_counts,
    fleiss_kappa,
    krippendorff_alpha,
    lower_bound,
    one_against_rest,
    randolph_kappa,
    rating_counts,
    upper_bound,
)

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "kappa_reference" / "examples.json"
MISSING = -1
OBSERVERS = [
    # Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), data C.
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 0],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 3],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
PSYCHIATRISTS = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
"""Fleiss, Cohen and Everitt (1969), two raters and three diagnoses of 100 patients."""


def coincidences_of(observers: list[list[int]]) -> np.ndarray:
    """Labels 1 to 5, 0 where an observer said nothing."""
    said = np.array(observers) - 1
    units = np.broadcast_to(np.arange(said.shape[1]), said.shape)
    return coincidence_counts(rating_counts(units.ravel(), said.ravel(), (said.shape[1], 5)))


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        # binom.test(8, 10) in R; the edges by hand: 1 - 0.025 ** (1 / 100).
        (8, 10, (0.4439, 0.9748)),
        (0, 100, (0.0, 0.0362)),
        (100, 100, (0.9638, 1.0)),
    ],
)
def test_bounds_equal_published_ones(successes: int, trials: int, expected: tuple[float, float]) -> None:
    assert clopper_pearson(successes, trials) == pytest.approx(expected, abs=5e-5)


def test_nothing_tried_bounds_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert (lower_bound(0, 0), upper_bound(0, 0)) == (0.0, 1.0)


def test_fifty_nine_without_an_error_bound_it_at_five_percent() -> None:
    # 0.95 ** 58 = 0.0510 and 0.95 ** 59 = 0.0485: the rule that auditors know.
    assert upper_bound(0, 58) > 0.05 >= upper_bound(0, 59)


def test_a_one_sided_bound_is_where_the_tail_has_what_confidence_leaves() -> None:
    # P(X <= 3 | 100, p) = 0.05 at p = 0.07571; P(X >= 3 | 100, p) = 0.05 at p = 0.00823 (binom.test in R).
    assert upper_bound(3, 100) == pytest.approx(0.07571, abs=5e-6)
    assert lower_bound(3, 100) == pytest.approx(0.00823, abs=5e-6)


def test_two_raters_and_three_diagnoses() -> None:
    kappa = cohen_kappa(PSYCHIATRISTS)
    # By hand: observed .89, expected (80 * 80 + 10 * 5 + 10 * 15) / 10,000 = .66.
    assert (kappa.observed, kappa.expected) == pytest.approx((0.89, 0.66))
    assert kappa.value == pytest.approx(23 / 34)
    # statsmodels 0.15.0: cohens_kappa.
    assert (kappa.standard_error, kappa.low, kappa.high) == pytest.approx((0.0877, 0.5046, 0.8484), abs=5e-5)


def test_weights_count_near_misses() -> None:
    table = [[20, 5, 1], [3, 15, 4], [2, 6, 24]]
    # By hand: (59 / 80 - 2150 / 6400) / (1 - 2150 / 6400); near misses by 1 - sum(d * p) / sum(d * e), d the distance.
    assert cohen_kappa(table).value == pytest.approx(0.604706, abs=5e-7)
    assert cohen_kappa(table, "linear").value == pytest.approx(by_distance(table, 1), abs=1e-12)
    assert cohen_kappa(table, "quadratic").value == pytest.approx(by_distance(table, 2), abs=1e-12)
    # statsmodels 0.15.0: cohens_kappa(table, wt=...).std_kappa.
    assert cohen_kappa(table, "linear").standard_error == pytest.approx(0.067454, abs=5e-7)
    assert cohen_kappa(table, "quadratic").standard_error == pytest.approx(0.068513, abs=5e-7)


def by_distance(table: list[list[int]], power: int) -> float:
    total = sum(map(sum, table))
    rows, columns = [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]
    cells = [(i, j) for i in range(len(table)) for j in range(len(table))]
    observed = sum(abs(i - j) ** power * table[i][j] for i, j in cells)
    expected = sum(abs(i - j) ** power * rows[i] * columns[j] / total for i, j in cells)
    return 1 - observed / expected


def test_kappa_without_pairs_or_with_one_label_alone_is_undefined() -> None:
    assert np.isnan(cohen_kappa([[0, 0], [0, 0]]).value)
    assert np.isnan(cohen_kappa([[7, 0], [0, 0]]).value)
    assert np.isnan(fleiss_kappa([[0.0, 0.0], [0.0, 0.0]]))
    assert np.isnan(krippendorff_alpha([[5.0, 0.0], [0.0, 0.0]]))


def test_a_missing_vote_leaves_its_unit_out_of_a_confusion() -> None:
    assert confusion_counts([0, 1, MISSING, 1], [0, 0, 1, MISSING], 2).tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_one_label_against_the_rest() -> None:
    assert one_against_rest(PSYCHIATRISTS, 2).tolist() == [[10.0, 0.0], [5.0, 85.0]]


@pytest.mark.parametrize(
    ("scale", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_of_data_with_gaps(scale: str, expected: float) -> None:
    found = krippendorff_alpha(coincidences_of(OBSERVERS), scale, values=[1, 2, 3, 4, 5])
    assert found == pytest.approx(expected, abs=5e-4)


def test_fleiss_and_randolph_by_hand() -> None:
    # Randolph's calculator: eight raters, two units.
    pairs = coincidence_counts([[7, 1], [3, 5]])
    assert fleiss_kappa(pairs) == pytest.approx(0.161905, abs=5e-7)
    assert randolph_kappa(pairs) == pytest.approx(0.214286, abs=5e-7)


def test_statistics_of_batches_add_up_to_those_of_all_rows() -> None:
    draw = np.random.default_rng(5)
    first, second = draw.integers(0, 4, 300), draw.integers(0, 4, 300)
    batches = [slice(0, 7), slice(7, 120), slice(120, 300)]
    parts = [confusion_counts(first[part], second[part], 4) for part in batches]
    assert np.array_equal(sum(parts), confusion_counts(first, second, 4))
    votes = draw.integers(0, 3, (300, 4))
    pairs = [coincidence_counts(votes[part]) for part in batches]
    assert sum(pairs) == pytest.approx(coincidence_counts(votes), abs=1e-9)


def test_a_unit_that_gets_another_vote_changes_the_counts_by_the_difference() -> None:
    before, after = [[2, 0], [1, 1]], [[2, 0], [1, 2]]
    grown = coincidence_counts(before) - coincidence_counts(before[1:]) + coincidence_counts(after[1:])
    assert grown == pytest.approx(coincidence_counts(after))


@pytest.mark.skipif(not REFERENCE.exists(), reason="shared/data/kappa_reference is not here")
def test_every_published_example_is_met_within_its_tolerance() -> None:
    compared = 0
    for example in json.loads(REFERENCE.read_text(encoding="utf-8")):
        found = recompute(example)
        for name, expected in example["expected"].items():
            assert found[name] == pytest.approx(expected, abs=example["tol"]), (example["name"], name)
            compared += 1
    assert compared == 15


def recompute(example: dict) -> dict[str, float]:
    if example["kind"] == "fleiss":
        pairs = coincidence_counts(example["counts_items_x_categories"])
        return {"fleiss_kappa": fleiss_kappa(pairs), "free_marginal_kappa": randolph_kappa(pairs)}
    if example["kind"] == "cohen_table":
        kappa, linear = cohen_kappa(example["table"]), cohen_kappa(example["table"], "linear")
        return {
            "cohen_kappa": kappa.value,
            "ase": kappa.standard_error,
            "ci95_low": kappa.low,
            "ci95_high": kappa.high,
            "linear_weighted_kappa": linear.value,
        }
    pairs = coincidences_of([[said or 0 for said in row] for row in example["raters_x_units"]])
    return {
        f"alpha_{scale}": krippendorff_alpha(pairs, scale, values=[1, 2, 3, 4, 5])
        for scale in ("nominal", "ordinal", "interval", "ratio")
    }
