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
        starting: to be found where a word begins.
        whole: to be found as whole words.
    """

    def __init__(self, words: Iterable[str] = (), starting: Iterable[str] = (), whole: Iterable[str] = ()) -> None:
        given, begun, alone = (tuple(dict.fromkeys(some)) for some in (words, starting, whole))
        begins, ends = [rf"\b{re.escape(word)}" for word in begun], [rf"\b{re.escape(word)}\b" for word in alone]
        self.pattern = re.compile("|".join([*map(re.escape, given), *begins, *ends]), re.IGNORECASE)
        self.is_plain = all(map(str.isascii, given + begun + alone))
        self.words = tuple(map(str.lower, given))
        self.bounded = tuple((word.lower(), word in alone) for word in begun + alone)

    def stand_in(self, text: str, end: int = sys.maxsize) -> bool:
        """Say whether one of them stands in a text, before a place of it."""
        if not self.is_plain or not (text.isascii() or ODD_LETTERS.search(text) is None):
            return self.pattern.search(text, 0, end) is not None
        lowered = (text if end >= len(text) else text[:end]).lower()
        # A loop, not a generator: each of its steps would cost as much as the search.
        for word in self.words:
            if word in lowered:
                return True
        return any(stands_alone(lowered, word, whole) for word, whole in self.bounded)


def stands_alone(text: str, word: str, whole: bool) -> bool:
    """Say whether a word begins a word of a text; as a whole word, whether it ends there too."""
    start = text.find(word)
    while start >= 0:
        behind = start + len(word)
        ends = not whole or behind == len(text) or not is_of_word(text[behind])
        if ends and (start == 0 or not is_of_word(text[start - 1])):
            return True
        start = text.find(word, start + 1)
    return False


def is_of_word(letter: str) -> bool:
    r"""Say whether a letter is one to a pattern's \w."""
    return letter.isalnum() or letter == "_"
