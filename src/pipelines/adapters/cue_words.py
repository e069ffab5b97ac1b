"""Whether one of some words stands in a text, in whatever case and wherever: most texts have none of them.

The answer is that of a pattern of alternatives that ignores case; looking for each word in the lower-cased text is
quicker.
"""

import re
import sys
from collections.abc import Iterable

ODD_LETTERS = re.compile("[\u0130\u0131\u017f\u212a]")
"""What a pattern that ignores case takes for i, s or k, and `str.lower` does not, or not as one letter."""


class CueWords:
    """Some words, at least one.

    Args:
        words: to be found within other words too.
    """

    def __init__(self, words: Iterable[str]) -> None:
        given = tuple(dict.fromkeys(words))
        self.pattern = re.compile("|".join(map(re.escape, given)), re.IGNORECASE)
        self.plain = tuple(map(str.lower, given)) if all(map(str.isascii, given)) else ()

    def stand_in(self, text: str, end: int = sys.maxsize) -> bool:
        """Say whether one of them stands in a text, before a place of it."""
        if not self.plain or not (text.isascii() or ODD_LETTERS.search(text) is None):
            return self.pattern.search(text, 0, end) is not None
        lowered = text.lower()
        return any(lowered.find(word, 0, end) >= 0 for word in self.plain)
