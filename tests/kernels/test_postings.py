"""Postings: who shares a band is found, exactly once, earliest first; sketches dismiss only what is far away."""

import numpy as np
import pytest

from pipelines.kernels.minhash import signatures
from pipelines.kernels.postings import Query, differing, look_up, most_differing, post, sketch
from tests.kernels.near_duplicate_truth import similarity, texts_of

GENERATOR = np.random.default_rng(3)


def query(keys: np.ndarray, words: int, earliest: int = 0, before: int = 1 << 40) -> Query:
    count = len(keys)
    return Query(
        keys=keys,
        sketches=np.zeros((count, words), dtype=np.uint32),
        earliest=np.full(count, earliest, dtype=np.int32),
        before=np.full(count, before, dtype=np.int64),
    )


def found(known: np.ndarray, asked: Query, days: np.ndarray | None = None, max_bucket: int = 1_000) -> set:
    capped = np.zeros(len(asked.keys), dtype=np.bool_)
    days = np.zeros(len(known), dtype=np.int32) if days is None else days
    sketches = np.zeros((len(known), asked.sketches.shape[1]), dtype=np.uint32)
    answer = look_up(post(known), sketches, days, asked, 0, max_bucket, capped)
    couples = list(zip(answer.asking.tolist(), answer.entry.tolist(), strict=True))
    assert len(couples) == len(set(couples)), "each once"
    return set(couples)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 500, 5_000])
def test_whoever_shares_a_band_is_found(count: int) -> None:
    # Few different keys, spread over all 64 bits.
    values = GENERATOR.integers(-(2**63), 2**63 - 1, max(1, count // 3), dtype=np.int64)
    known, asked = GENERATOR.choice(values, (count, 4)), GENERATOR.choice(values, (60, 4))
    expected = {(i, j) for i in range(len(asked)) for j in np.flatnonzero((known == asked[i]).any(axis=1)).tolist()}
    assert found(known, query(asked, 5)) >= expected
    # Tags have 16 bits: strangers are few.
    assert len(found(known, query(asked, 5)) - expected) <= 2 + len(expected) // 10


def test_other_days_and_later_entries_are_passed_over() -> None:
    known = np.full((4, 2), 77, dtype=np.int64)
    days = np.array([10, 11, 12, 13], dtype=np.int32)
    assert found(known, query(known[:1], 5, earliest=11), days) == {(0, 1), (0, 2), (0, 3)}
    assert found(known, query(known[:1], 5, before=2), days) == {(0, 0), (0, 1)}
    # What is passed over does not count towards the cap.
    assert found(known, query(known[:1], 5, earliest=12), days, max_bucket=1) == {(0, 2)}


def test_sketches_count_positions_that_differ() -> None:
    one = GENERATOR.integers(0, 2**31, (1, 80)).astype(np.int32)
    other = one.copy()
    other[0, [0, 15, 16, 79]] ^= np.array([1, 2, 3, 1], dtype=np.int32)
    other[0, 40] ^= 4
    assert differing(sketch(one)[0], sketch(other)[0]) == 4, "the fifth differs above the lowest two bits"


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_no_pair_above_the_threshold_is_dismissed(threshold: float) -> None:
    near = 0
    for length in (30, 100, 300) * 60:
        base = "".join(chr(97 + code) for code in GENERATOR.integers(0, 26, length))
        place, width = GENERATOR.integers(0, length), GENERATOR.integers(1, length // 5)
        other = base[:place] + base[place + width :]
        if similarity(base, other) >= threshold:
            sketches = sketch(signatures(texts_of([base, other]), 5, 80, seed=1))
            assert differing(*sketches) <= most_differing(threshold, 80)
            near += 1
    assert near > 30
