"""Signatures and shingle sets, over arrays only."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipelines.kernels.minhash import (
    Signatures,
    detours,
    estimate_similarity,
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
        [108555264, 426260321, 426260321, 138310287, 93469607, 108555264],
        [784298440, 784298440, 784298440, 784298440, 784298440, 784298440],
        [946909594, 946909594, 946909594, 946909594, 946909594, 946909594],
        [445118792, 1010212843, 217665262, 250358309, 369458832, 830247377],
    ]


def test_shingle_hashes_are_the_same_for_ever() -> None:
    sets = shingle_sets(normalise_texts(*encode(["order", "orders", "é"])), 5, 1)
    assert sets.bounds.tolist() == [0, 1, 3, 4]
    assert sets.values.tolist() == [
        10414020856588854559,
        10414020856588854559,
        2632448770815146319,
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


def test_sets_hold_each_shingle_once() -> None:
    for chars in (1, 3, 5, 9):
        sets = shingle_sets(normalise_texts(*encode(MIXED)), chars, 1)
        assert np.diff(sets.bounds).tolist() == [len(shingles(text, chars)) for text in MIXED]
        for start, end in zip(sets.bounds[:-1], sets.bounds[1:], strict=True):
            assert len(set(sets.values[start:end].tolist())) == end - start


def test_another_seed_gives_other_signatures_and_shingles() -> None:
    assert not (sign([FOX], seed=1) == sign([FOX], seed=2)).any()
    one, two = (shingle_sets(normalise_texts(*encode([FOX])), 5, seed).values for seed in (1, 2))
    assert not np.isin(one, two).any()


def test_no_texts_give_no_signatures() -> None:
    assert sign([]).shape == (0, 64)


@pytest.mark.parametrize("bins", [1, 2, 63, 64, 126])
def test_a_signature_is_what_the_docstring_says(bins: int) -> None:
    """Recompute signatures from the shingle hashes: bins by the upper half, least lower half, detours when empty."""
    texts = [FOX, "hi", "shorter", "a bit less short", "x" * 30, FOX * 3]
    order, turns = detours(bins, 1)
    assert (np.take_along_axis(turns, order, axis=1) == np.arange(bins)).all()
    for text, signature in zip(texts, sign(texts, permutations=bins), strict=True):
        least: dict[int, int] = {}
        for value in shingle_sets(normalise_texts(*encode([text])), 5, 1).values.tolist():
            home, low = ((value >> 32) * bins) >> 32, (value & 0xFFFFFFFF) >> 1
            least[home] = min(low, least.get(home, low))
        expected = [least[next(at for at in (place, *order[place].tolist()) if at in least)] for place in range(bins)]
        assert signature.tolist() == expected


def test_every_bin_asks_the_others_in_an_order_of_its_own() -> None:
    order, _ = detours(64, 1)
    assert (np.sort(order, axis=1) == np.arange(64)).all()
    # The first asked are spread: over 64 draws of 64 some 40 different ones.
    assert 32 < len(set(order[:, 0].tolist())) < 50
    assert not (detours(64, 2)[0] == order).all()


@pytest.mark.parametrize(
    ("words", "permutations"),
    [(3, 64), (12, 64), (12, 512), pytest.param(12, 1024, marks=pytest.mark.slow), (200, 128)],
)
def test_estimates_scatter_around_the_true_similarity_like_independent_ones(words: int, permutations: int) -> None:
    generator, scores = np.random.default_rng(words), []
    for seed in range(200):
        text = " ".join("".join(chr(97 + letter) for letter in generator.integers(0, 26, 6)) for _ in range(words))
        place = int(generator.integers(0, len(text) - 5))
        other = text[:place] + "zzzz" + text[place + 4 :]
        one, two = shingles(text), shingles(other)
        true = len(one & two) / len(one | two)
        a, b = sign([text, other], permutations=permutations, seed=seed)
        scores.append((float(estimate_similarity(a, b)) - true) / np.sqrt(true * (1 - true) / permutations))
    # Over 200 estimates the mean of scores has a standard error of 0.07; short texts fill few bins and scatter more.
    assert abs(np.mean(scores)) < 0.3
    assert 0.6 < np.std(scores) < 1.6


def test_similarity_broadcasts_over_rows() -> None:
    a = np.array([[1, 2, 3, 4], [1, 2, 0, 0]], dtype=np.int32)
    assert estimate_similarity(a, np.array([1, 2, 3, 9], dtype=np.int32)).tolist() == [0.75, 0.5]
