"""Where a span of the normalised text stands in the text as it came, in code points."""

import unicodedata
from collections.abc import Iterator, Sequence

from pipelines.transforms.normalisation import normalise_text
from pipelines.transforms.placeholders import Span

JAMO = range(0x1100, 0x1200)
"""Hangul letters: they join across what looks like a boundary between characters."""


def source_spans(text: str, spans: Sequence[Span]) -> list[Span]:
    """Translate spans of `normalise_text(text)` into spans of `text`; what was dropped inside them stays inside."""
    if normalise_text(text) == text:
        return list(spans)
    origins = list(trace(text))
    starts, ends = [start for start, _ in origins], [end for _, end in origins]
    return [Span(starts[span.start], ends[span.end - 1], span.type, span.score) for span in spans]


def trace(text: str) -> Iterator[tuple[int, int]]:
    """Give, for each character of the normalised text, start and end of what it was made of."""
    for start, end in clusters(text):
        for _ in normalise_text(text[start:end]):
            yield start, end


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text where normalising its parts one by one gives the same as normalising the whole."""
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or not joins(text, index):
            yield start, index
            start = index


def joins(text: str, index: int) -> bool:
    """Say whether a character belongs to the one before it: a mark on a letter, a line feed behind a return.

    What is invisible is dropped, and must not part a letter from its mark.
    """
    here, before = text[index], visible_before(text, index)
    if text[index - 1] == "\r" and here == "\n":
        return True
    return (
        bool(unicodedata.combining(here)) or ord(here) in JAMO or normalise_text(here) == "" or composes(before, here)
    )


def visible_before(text: str, index: int) -> str:
    """Give the nearest character before a place that is not dropped; the first one when all are."""
    while index > 1 and not normalise_text(text[index - 1]):
        index -= 1
    return text[index - 1]


def composes(before: str, here: str) -> bool:
    """Say whether two characters become another one: some marks of Indic scripts do so without being combining."""
    return not here.isascii() and unicodedata.normalize("NFC", before + here) != before + here
