"""Words are found wherever a pattern of alternatives that ignores case finds them."""

import random

import pytest

from pipelines.adapters.cue_words import CueWords

WORDS = ("license", "Bank", "ski", "my number")
BOUNDED = CueWords(("sk",), starting=("num",), whole=("car", "my"))
PIECES = (
    "LICEN\u017fE", "licence", "licenses", "bank", "BAN\u212a", "s\u0131ck", "SK\u0130", "\u0130", "s\u212a\u0131",
    "car", "CARd", "_car", "num", "renum", "\u00dfki", "My  number", "my number", "my", "number", "\u00e9", "\u03a3",
    "",
)  # fmt: skip


@pytest.mark.parametrize("words", [CueWords(WORDS), BOUNDED])
def test_words_are_found_as_a_pattern_finds_them_before_any_place(words: CueWords) -> None:
    draw = random.Random(3)
    answers = []
    for _ in range(2_000):
        text = "".join(draw.choice(PIECES) + draw.choice((" ", "", "-")) for _ in range(draw.randint(0, 4)))
        end = draw.randint(0, len(text) + 2)
        expected = words.pattern.search(text, 0, end) is not None
        assert words.stand_in(text, end) is expected, (text, end)
        answers.append(expected)
    assert 200 < sum(answers) < 1_800


def test_words_with_other_letters_are_found_too() -> None:
    words = CueWords(("Stra\u00dfe", "k\u00f6ln"))
    assert words.stand_in("in der stra\u00dfe")
    assert words.stand_in("K\u00d6LN")
    assert not words.stand_in("strasse, koln")
