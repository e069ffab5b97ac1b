"""Signatures and shingle sets, over arrays only."""

from collections.abc import Sequence

import numpy as np

from pipelines.kernels.minhash import (
    Signatures,
    estimate_similarity,
    multipliers,
    shingle_hash,
    shingle_sets,
    signatures,
)
from pipelines.kernels.texts import encode, normalise, normalise_texts

FOX = "the quick brown fox jumps over the lazy dog near the river bank today"
MIXED = [
    "",
    "hi",
    FOX,
    "x" * 70_000,
    "ab" * 500,
    "where is my order",
    FOX * 3,
    "wo ist meine Überweisung? 😡",
    "日本語のテキスト",
]


def sign(texts: Sequence[str], chars: int = 5, permutations: int = 64, seed: int = 1) -> Signatures:
    return signatures(normalise_texts(*encode(texts)), chars, permutations, seed)


def shingles(text: str, chars: int = 5) -> set[str]:
    plain = normalise(text)
    return {plain[start : start + chars] for start in range(len(plain) - chars + 1)} or {plain}


def test_signatures_are_the_same_for_ever() -> None:
    computed = sign(["Where is my order?", "hi", "", "wo ist meine Überweisung? 😡"], permutations=6)
    assert computed.dtype == np.int32
    assert computed.tolist() == [
        [348192719, 11408050, 176807566, 1078108207, 129885743, 545964626],
        [-1703512725, 1975706359, -1965005602, 433025851, -828248821, -818263572],
        [-1367743486, 2111039858, 2019120286, 115957314, -235992958, 1818958838],
        [35311572, 64545279, 765673976, 141201131, 125039091, 13510868],
    ]


def test_shingle_hashes_are_the_same_for_ever() -> None:
    sets = shingle_sets(normalise_texts(*encode(["order", "orders", "é"])), 5, 1)
    assert sets.bounds.tolist() == [0, 1, 3, 4]
    assert sets.values.tolist() == [
        10414020856588854559,
        2632448770815146319,
        10414020856588854559,
        8311715374395284887,
    ]


def test_a_shingle_hash_is_a_polynomial_of_its_code_points_through_splitmix64() -> None:
    family, mask = shingle_hash(5, 1), (1 << 64) - 1
    for text in ("order", "é", ""):
        value = 0
        for code in [*map(ord, text), *[0x110000] * (5 - len(text))]:
            value = (value * int(family.base) + code) & mask
        value ^= int(family.key)
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
        assert shingle_sets(normalise_texts(*encode([text])), 5, 1).values.tolist() == [value ^ (value >> 31)]


def test_case_white_space_and_compatibility_forms_make_no_other_text() -> None:
    computed = sign(["Where is my order?", " where  is\nMY order? ", "\uff37here is my order?"])
    assert (computed == computed[0]).all()


def test_plain_and_decoded_texts_share_their_shingles() -> None:
    sets = shingle_sets(normalise_texts(*encode(["where is my card", "where is my card €€€€€"])), 5, 1)
    plain, decoded = (set(sets.values[sets.bounds[i] : sets.bounds[i + 1]].tolist()) for i in (0, 1))
    assert plain < decoded


def test_a_signature_does_not_depend_on_its_neighbours() -> None:
    together = sign(MIXED)
    alone = np.vstack([sign([text]) for text in MIXED])
    assert (together == alone).all()


def test_a_longer_signature_begins_like_the_shorter() -> None:
    assert (sign(MIXED, permutations=7) == sign(MIXED, permutations=64)[:, :7]).all()


def test_sets_hold_each_shingle_once_in_order() -> None:
    for chars in (1, 3, 5, 9):
        sets = shingle_sets(normalise_texts(*encode(MIXED)), chars, 1)
        assert np.diff(sets.bounds).tolist() == [len(shingles(text, chars)) for text in MIXED]
        for start, end in zip(sets.bounds[:-1], sets.bounds[1:], strict=True):
            assert (sets.values[start : end - 1] < sets.values[start + 1 : end]).all()


def test_another_seed_gives_other_signatures_and_shingles() -> None:
    assert not (sign([FOX], seed=1) == sign([FOX], seed=2)).any()
    one, two = (shingle_sets(normalise_texts(*encode([FOX])), 5, seed).values for seed in (1, 2))
    assert not np.isin(one, two).any()


def test_no_texts_give_no_signatures() -> None:
    assert sign([]).shape == (0, 64)


def test_a_signature_holds_the_least_value_of_each_function() -> None:
    """Recompute one signature from the shingle hashes, by the definition in the module's docstring."""
    hashes = shingle_sets(normalise_texts(*encode([FOX])), 5, 1).values
    low, high = hashes & np.uint64(0xFFFFFFFF), hashes >> np.uint64(32)
    factors = multipliers(64, 1).astype(np.uint64)
    values = (low[:, None] * factors + high[:, None]) & np.uint64(0xFFFFFFFF)
    assert (sign([FOX])[0].view(np.uint32) == values.min(axis=0)).all()


def test_estimates_scatter_around_the_true_similarity_as_independent_functions_would() -> None:
    permutations, scores = 1024, []
    for place in range(0, len(FOX) - 9):
        other = FOX[:place] + "zzzz" + FOX[place + 4 :]
        one, two = shingles(FOX), shingles(other)
        true = len(one & two) / len(one | two)
        a, b = sign([FOX, other], permutations=permutations, seed=place)
        error = float(estimate_similarity(a, b)) - true
        scores.append(error / np.sqrt(true * (1 - true) / permutations))
    assert abs(np.mean(scores)) < 0.5
    assert 0.7 < np.std(scores) < 1.3


def test_similarity_broadcasts_over_rows() -> None:
    a = np.array([[1, 2, 3, 4], [1, 2, 0, 0]], dtype=np.int32)
    assert estimate_similarity(a, np.array([1, 2, 3, 9], dtype=np.int32)).tolist() == [0.75, 0.5]
