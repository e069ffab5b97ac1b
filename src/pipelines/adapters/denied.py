"""Words that always go, whatever anything else makes of them: a policy's deny-lists."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from pipelines.redaction_policy import DenyList
from pipelines.transforms.normalisation import normalise_text, view
from pipelines.transforms.placeholders import Span

SCORE = 1.0
WORD = re.compile(r"\w+")
MOST_PATTERNS = 10_000
"""Of phrases that were met: most of a long list never are."""
Phrase = tuple[str, int, str]
"""Type, how far before its first word it begins, and what it says."""


class DeniedWords:
    """Finds the words and phrases of deny-lists, by their first word: a list of thousands costs what a short one does.

    Args:
        lists: of the policy.
    """

    def __init__(self, lists: Iterable[DenyList]) -> None:
        self.phrases: dict[str, list[Phrase]] = {}
        for one in lists:
            for phrase in sorted(one.words, key=len, reverse=True):
                self.add(one.name, view(normalise_text(phrase)).strip())

    def add(self, kind: str, phrase: str) -> None:
        """Take a phrase in."""
        first = WORD.search(phrase)
        if first:
            self.phrases.setdefault(first[0].casefold(), []).append((kind, first.start(), phrase))

    def find(self, text: str) -> Iterator[Span]:
        """Give the place of each denied phrase in a text as a detector reads it."""
        for word in WORD.finditer(text) if self.phrases else ():
            for kind, before, phrase in self.phrases.get(word[0].casefold(), ()):
                start = word.start() - before
                match = compile_phrase(phrase).match(text, start) if start >= 0 else None
                if match:
                    yield Span(*match.span(), kind, SCORE)


@lru_cache(maxsize=MOST_PATTERNS)
def compile_phrase(phrase: str) -> re.Pattern[str]:
    """Match a phrase whole, in any case, with any white space between its words."""
    words = r"\s+".join(map(re.escape, phrase.split()))
    return re.compile(rf"{words}(?!\w)" if phrase[-1].isalnum() else words, re.IGNORECASE)
