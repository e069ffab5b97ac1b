"""Texts in compressed blocks come back as they were."""

import numpy as np
import pytest

from pipelines.kernels.text_store import BLOCK_TEXTS, read_texts, store_texts
from pipelines.kernels.texts import as_strings
from tests.kernels.near_duplicate_truth import made_up, texts_of

TEXTS = ["", "plain", "süß 🙂", *made_up(3 * BLOCK_TEXTS, seed=1), "the last"]


@pytest.mark.parametrize("places", [[0], [1, 2, 0], [len(TEXTS) - 1, 70, 70, 3], list(range(len(TEXTS))), []])
def test_any_texts_are_read_in_the_order_asked_for(places: list[int]) -> None:
    texts = texts_of(TEXTS)
    read = read_texts(store_texts(texts), np.array(places, dtype=np.int64))
    wanted = texts.take(np.array(places, dtype=np.int64))
    assert list(as_strings(read)) == list(as_strings(wanted))
    assert read.plain.tolist() == wanted.plain.tolist()
    assert not (read.starts % 8).any()


def test_tickets_take_less_than_half_their_size() -> None:
    tickets = texts_of(
        [f"my order {number} has not arrived although it was sent on day {number % 7}" for number in range(640)]
    )
    store = store_texts(tickets)
    assert store.blocks.nbytes < store.lengths.sum() / 2
