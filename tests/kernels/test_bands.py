"""Bands of signatures: which texts meet, how often, and what a bucket may cost."""

import numpy as np
import pytest

from pipelines.kernels.bands import band_keys, choose_bands, find_candidates, share_probability
from pipelines.kernels.minhash import signatures
from pipelines.kernels.texts import encode, normalise_texts


def test_band_keys_are_the_same_for_ever() -> None:
    signed = signatures(normalise_texts(*encode(["Where is my order?"])), 5, 4, 1)
    computed = band_keys(signed, bands=2, rows=2)
    assert computed.dtype == np.int64
    assert computed.tolist() == [[8269205484414820659, -2373430110446338339]]


def test_equal_bands_at_different_places_are_different_keys() -> None:
    assert len(set(band_keys(np.zeros((1, 12), dtype=np.int32), 6, 2)[0].tolist())) == 6


def test_signatures_of_another_length_than_the_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bands of 4 rows"):
        band_keys(np.zeros((1, 60), dtype=np.int32), 16, 4)


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.7, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("max_miss", [0.0001, 0.005, 0.1])
def test_bands_miss_no_more_than_asked_and_one_row_more_would_be_too_long(threshold: float, max_miss: float) -> None:
    bands, rows = choose_bands(threshold, max_miss)
    assert 1 - share_probability(threshold, bands, rows) <= max_miss
    assert bands * rows <= 144 or rows == 1
    needed = np.log(max_miss) / np.log1p(-(threshold ** (rows + 1))) if threshold < 1 else 1
    assert np.ceil(needed) * (rows + 1) > 144


def test_bands_of_the_usual_thresholds() -> None:
    assert [choose_bands(threshold, 0.002) for threshold in (0.5, 0.7, 0.8, 0.9)] == [
        (47, 3),
        (23, 4),
        (21, 6),
        (13, 9),
    ]


@pytest.mark.parametrize(("threshold", "max_miss"), [(0.0, 0.1), (1.1, 0.1), (0.5, 0.0), (0.5, 1.0)])
def test_impossible_wishes_are_refused(threshold: float, max_miss: float) -> None:
    with pytest.raises(ValueError, match="No bands for"):
        choose_bands(threshold, max_miss)


def test_the_s_curve_says_how_often_texts_meet() -> None:
    generator = np.random.default_rng(3)
    for similarity in (0.4, 0.7, 0.9):
        one = generator.integers(0, 1 << 30, size=(4_000, 24)).astype(np.int32)
        other = np.where(generator.random(one.shape) < similarity, one, one ^ 1)
        met = (band_keys(one, 6, 4) == band_keys(other, 6, 4)).any(axis=1).mean()
        assert met == pytest.approx(share_probability(similarity, 6, 4), abs=0.03)


def pairs(rows: np.ndarray, threshold: float, max_bucket: int = 1_000) -> tuple[list[tuple[int, int]], int, list[bool]]:
    found = find_candidates(rows, band_keys(rows, 4, 2), threshold, np.arange(len(rows)), max_bucket)
    listed = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    return listed, found.capped_buckets, found.in_capped.tolist()


def test_candidates_are_all_pairs_that_share_a_band_each_once() -> None:
    rows = np.random.default_rng(5).integers(0, 2, size=(120, 8)).astype(np.int32)
    keys = band_keys(rows, 4, 2)
    expected = [(i, j) for j in range(120) for i in range(j) if (keys[i] == keys[j]).any()]
    # At 0.1 an estimate of nothing at all is near enough: the bands alone decide.
    assert pairs(rows, 0.1) == (expected, 0, [False] * 120)


def test_candidates_whose_signatures_hardly_agree_are_left_out() -> None:
    one = np.arange(100, dtype=np.int32)
    near, far = one.copy(), one.copy()
    near[:25] = -1
    far[25:] = -1
    rows = np.stack([one, near, far])
    found = find_candidates(rows, band_keys(rows, 25, 4), 0.8, np.arange(3), 10)
    assert list(zip(found.left, found.right, strict=True)) == [(0, 1)]


def test_a_giant_bucket_is_capped_by_rank_and_reported() -> None:
    rows = np.zeros((5, 8), dtype=np.int32)
    rows[:, 2:] = np.arange(5)[:, None] + np.arange(1, 7)[None, :] * 10
    found, capped, inside = pairs(rows, 0.1, max_bucket=2)
    assert found == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (1, 4)]
    assert (capped, inside) == (1, [True] * 5)


def test_the_rank_and_not_the_order_of_arrival_says_whom_all_others_meet() -> None:
    rows = np.zeros((5, 8), dtype=np.int32)
    rows[:, 2:] = np.arange(5)[:, None] + np.arange(1, 7)[None, :] * 10
    ranks = np.array([3, 0, 4, 2, 1])
    found = find_candidates(rows, band_keys(rows, 4, 2), 0.1, ranks, max_bucket=2)
    listed = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert listed == [(0, 1), (1, 2), (1, 3), (0, 4), (1, 4), (2, 4), (3, 4)]


def test_texts_of_a_capped_bucket_still_meet_in_another_band() -> None:
    rows = np.zeros((5, 8), dtype=np.int32)
    rows[:, 2:] = np.arange(5)[:, None] + np.arange(1, 7)[None, :] * 10
    rows[4, 2:4] = rows[3, 2:4]
    rows[1, 4:6] = rows[0, 4:6]
    found, capped, _ = pairs(rows, 0.1, max_bucket=2)
    # 3 and 4 were not compared in the first band; 0 and 1 were, and are not listed twice.
    assert found == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (0, 4), (1, 4), (3, 4)]
    assert capped == 1
