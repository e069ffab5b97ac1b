"""A company's own forms and words, as its redaction policy names them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from pipelines.adapters.cue_words import CueWords
from pipelines.redaction_policy import OwnPattern

CONTEXT_CHARS = 24
"""How far before a match its context word may begin."""


def find_own(pattern: OwnPattern, text: str) -> Iterator[tuple[int, int, float]]:
    """Find a company's own forms and words, in any case; with a context word just before, where one is asked for."""
    if pattern.context and not context_words(pattern).stand_in(text):
        return
    for match in own_regex(pattern).finditer(text):
        before = text[max(0, match.start() - CONTEXT_CHARS) : match.start()]
        if not pattern.context or own_context(pattern).search(before):
            yield *match.span(), pattern.score


@lru_cache(maxsize=64)
def own_regex(pattern: OwnPattern) -> re.Pattern[str]:
    """Compile an own pattern; words match whole."""
    words = "|".join(map(re.escape, sorted(pattern.words, key=len, reverse=True)))
    return re.compile(pattern.regex or rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=64)
def context_words(pattern: OwnPattern) -> CueWords:
    """Prepare what most texts are passed over by: none of an own pattern's context words is in them."""
    return CueWords(pattern.context)


@lru_cache(maxsize=64)
def own_context(pattern: OwnPattern) -> re.Pattern[str]:
    """Compile what must stand before a match: a context word, and then no number and no new clause."""
    words = "|".join(map(re.escape, pattern.context))
    return re.compile(rf"(?<!\w)(?:{words})\w{{0,2}}(?!\w)[^\d,;\n<>]*\Z", re.IGNORECASE)
