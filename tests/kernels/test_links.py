"""The stream's links: the earliest text that resembles."""

import numpy as np

from pipelines.kernels.bands import band_keys
from pipelines.kernels.links import link_earliest


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
