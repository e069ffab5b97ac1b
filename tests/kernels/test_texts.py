"""Normalising and finding equal texts in one buffer: the fast road gives what Python's own functions give."""

import numpy as np
import pyarrow as pa
import pytest

from pipelines.kernels.texts import as_strings, encode, fingerprints, first_equal, normalise, normalise_texts

ASCII = "".join(chr(code) for code in range(128))
WIDE = "\uff37here is \uff2d\uff39 order"
TEXTS = [
    *(
        "",
        " ",
        "a",
        "Where  is\tMY order? ",
        "\n\r x\x1c\x1d\x1e\x1fY\v\fz ",
        ASCII,
        ASCII[::-1],
        "x" * 1_000,
        " x " * 333,
    ),
    *(WIDE, "\u00a0nbsp\u3000ideographic\u2028", "Straße ÉCOLE İstanbul", "ﬁ ligature ½ ㎏", "e\u0301 combined"),
    *("😡😡 #nothappy", "half a pair: \ud800.", "ascii again"),
]


def test_the_buffer_is_normalised_as_each_text_alone() -> None:
    texts = normalise_texts(*encode(TEXTS))
    assert list(as_strings(texts)) == [normalise(text) for text in TEXTS]
    assert texts.plain.tolist() == [text.isascii() for text in TEXTS]


def test_normalising_folds_compatibility_forms_case_and_white_space() -> None:
    assert normalise(" \uff37here  IS\n\u00a0MY ² order? ") == "where is my 2 order?"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_arrow_buffers_are_read_as_they_are(kind: pa.DataType) -> None:
    texts = [text for text in TEXTS if "\ud800" not in text]
    # A slice: its offsets do not begin at zero.
    array = pa.array(["left out", *texts], kind)[1:]
    _, offsets, data = array.buffers()
    width = np.int32 if kind == pa.string() else np.int64
    places = np.frombuffer(offsets, dtype=width)[array.offset : array.offset + len(array) + 1]
    read = normalise_texts(places, np.frombuffer(data, dtype=np.uint8))
    assert list(as_strings(read)) == [normalise(text) for text in texts]


def test_texts_begin_on_words_and_are_filled_up_with_zeros() -> None:
    texts = normalise_texts(*encode(TEXTS))
    assert (texts.starts % 8 == 0).all()
    for end, following in zip(texts.ends, -(-texts.ends // 8) * 8, strict=True):
        assert not texts.data[end:following].any()


def test_each_text_is_traced_to_the_first_that_equals_it() -> None:
    words = ["a", "b", "A ", "", "é", "b", "e\u0301", " ", "a", "a\x00", "a\x00\x00", "aaaaaaaa", "aaaaaaaaa"]
    first = first_equal(normalise_texts(*encode(words)))
    assert first.tolist() == [0, 1, 0, 3, 4, 1, 4, 3, 0, 9, 10, 11, 12]


def test_a_choice_of_texts_keeps_their_order() -> None:
    texts = normalise_texts(*encode(["one", "two", "drei"])).take(np.array([2, 0]))
    assert list(as_strings(texts)) == ["drei", "one"]
    assert len(texts) == 2


def test_fingerprints_are_the_same_for_ever_and_know_nothing_of_their_neighbours() -> None:
    together = fingerprints(normalise_texts(*encode(["", "a", "where is my order?"])))
    assert together.tolist() == [0, 7455195814831275271, 7200113011664522749]
    assert fingerprints(normalise_texts(*encode(["where is my order?"])))[0] == together[2]


def test_no_texts_are_fine() -> None:
    texts = normalise_texts(*encode([]))
    assert len(texts) == 0
    assert first_equal(texts).tolist() == []
