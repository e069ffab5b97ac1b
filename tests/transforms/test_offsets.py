"""Spans of the normalised text, said in code points of the text as it came."""

import random

from pipelines.transforms.normalisation import normalise_text
from pipelines.transforms.offsets import clusters, source_spans
from pipelines.transforms.placeholders import Span

ALPHABET = [
    *"ab e\u0301\u0308\r\n\t\u200b\u00ad\u00a0\U0001f937\U0001f3fd\u1112\u1161\u11ab",
    *"\u0915\u093c\u09c7\u09be\u0344\u2126\x00\ufeff",
    "\ud800",
]
"""Letters with and without marks, line ends, what is invisible, emoji, Hangul and Bengali letters that join."""


def test_normalising_part_by_part_is_normalising_the_whole() -> None:
    draw = random.Random(7)
    for _ in range(5_000):
        text = "".join(draw.choices(ALPHABET, k=draw.randint(0, 12)))
        parts = [text[start:end] for start, end in clusters(text)]
        assert "".join(parts) == text
        assert "".join(map(normalise_text, parts)) == normalise_text(text), text.encode("unicode_escape")


def test_a_span_covers_what_its_characters_were_made_of() -> None:
    text = "\u200bhi \U0001f937, Jose\u0301\u00ad Ruiz\r\nbye"
    normal = normalise_text(text)
    start = normal.index("Jos")
    (span,) = source_spans(text, [Span(start, start + len("Jos\u00e9 Ruiz"), "PERSON", 0.9)])
    assert text[span.start : span.end] == "Jose\u0301\u00ad Ruiz"
    assert (span.type, span.score) == ("PERSON", 0.9)


def test_a_text_that_is_normal_keeps_its_spans() -> None:
    spans = [Span(0, 3, "PERSON", 0.5)]
    assert source_spans("Ann wrote", spans) == spans
