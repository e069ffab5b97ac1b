"""Signatures, bands and links, over arrays only."""

import numpy as np
import pytest

from pipelines.kernels.minhash import band_keys, estimate_similarity, link_earliest, signatures

FOX = "the quick brown fox jumps over the lazy dog near the river bank today"


def test_signatures_are_the_same_for_ever() -> None:
    computed = signatures(["Where is my order?", "hi", ""], shingle_chars=5, permutations=4, seed=1)
    assert computed.dtype == np.int32
    assert computed.tolist() == [
        [597645341, 590183872, 5254671, 620679015],
        [1552680565, -1963261178, -863961390, 1744160199],
        [436559603, 1063814272, 395562617, -1222245759],
    ]


def test_band_keys_are_the_same_for_ever() -> None:
    computed = band_keys(signatures(["Where is my order?"], 5, 4, 1), bands=2, rows=2)
    assert computed.dtype == np.int64
    assert computed.tolist() == [[8573522133644498155, 794963530122048402]]


def test_case_white_space_and_compatibility_forms_make_no_other_text() -> None:
    computed = signatures(["Where is my order?", " where  is\nMY order? ", "\uff37here is my order?"], 5, 64, 1)
    assert (computed == computed[0]).all()


def test_a_signature_does_not_depend_on_its_neighbours() -> None:
    texts = ["", "hi", FOX, "x" * 70_000, "where is my order", FOX * 3]
    together = signatures(texts, 5, 64, 1)
    alone = np.vstack([signatures([text], 5, 64, 1) for text in texts])
    assert (together == alone).all()


def test_another_seed_gives_other_signatures() -> None:
    assert not (signatures([FOX], 5, 64, 1) == signatures([FOX], 5, 64, 2)).any()


def test_no_texts_give_no_signatures() -> None:
    assert signatures([], 5, 64, 1).shape == (0, 64)
    assert band_keys(signatures([], 5, 64, 1), 16, 4).shape == (0, 16)


def test_the_estimate_is_near_the_true_similarity() -> None:
    errors = []
    for place in range(0, len(FOX) - 9, 3):
        other = FOX[:place] + "zzzz" + FOX[place + 4 :]
        one, two = ({text[i : i + 5] for i in range(len(text) - 4)} for text in (FOX, other))
        a, b = signatures([FOX, other], 5, 1024, place)
        errors.append(abs(float(estimate_similarity(a, b)) - len(one & two) / len(one | two)))
    assert max(errors) < 0.06


def test_similarity_broadcasts_over_rows() -> None:
    a = np.array([[1, 2, 3, 4], [1, 2, 0, 0]], dtype=np.int32)
    assert estimate_similarity(a, np.array([1, 2, 3, 9], dtype=np.int32)).tolist() == [0.75, 0.5]


def test_signatures_of_another_length_than_the_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bands of 4 rows"):
        band_keys(signatures([FOX], 5, 60, 1), 16, 4)


def test_a_text_links_to_the_earliest_that_shares_a_band_and_is_similar_enough() -> None:
    rows = np.array([[1, 2, 3, 4], [9, 9, 9, 9], [1, 2, 3, 0], [1, 2, 3, 4], [1, 2, 8, 8]], dtype=np.int32)
    assert link_earliest(rows, band_keys(rows, 2, 2), threshold=0.75).tolist() == [-1, -1, 0, 0, -1]
    # The last shares the first band with three others and half of its positions.
    assert link_earliest(rows, band_keys(rows, 2, 2), threshold=0.5).tolist() == [-1, -1, 0, 0, 0]


def test_a_copy_of_a_linked_text_links_where_the_text_does() -> None:
    rows = np.array([[1, 2, 3, 4], [1, 2, 3, 0], [1, 2, 3, 0]], dtype=np.int32)
    assert link_earliest(rows, band_keys(rows, 2, 2), threshold=0.75).tolist() == [-1, 0, 0]


def test_links_equal_the_plain_definition() -> None:
    generator = np.random.default_rng(5)
    rows = generator.integers(0, 2, size=(120, 8)).astype(np.int32)
    keys = band_keys(rows, 4, 2)
    expected = [
        next(
            (
                earlier
                for earlier in range(index)
                if (keys[earlier] == keys[index]).any() and np.mean(rows[earlier] == rows[index]) >= 0.7
            ),
            -1,
        )
        for index in range(len(rows))
    ]
    assert link_earliest(rows, keys, 0.7).tolist() == expected
    assert max(expected) > 5
