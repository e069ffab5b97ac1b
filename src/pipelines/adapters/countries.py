"""Names of countries in a text: by a pattern of those only that its words allow."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from pipelines.adapters.address_patterns import FLAGS, LETTERS, POSTCODE

MOST_KEPT = 2_000
"""Combinations of countries whose patterns are kept: most texts name one, if any."""


class Countries(NamedTuple):
    """Finds names of countries, alone and with a postal code behind them."""

    alone: re.Pattern[str]
    with_code: re.Pattern[str]


class CountryLists:
    """Chooses among countries by the words of a text.

    Args:
        names: lower-cased.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.all = build(names)
        self.by_word: dict[str, list[str]] = {}
        for name in names:
            for word in LETTERS.findall(name)[:1]:
                self.by_word.setdefault(word, []).append(name)
        self.words = frozenset(self.by_word)
        self.kept = lru_cache(maxsize=MOST_KEPT)(self.choose)

    def of(self, words: frozenset[str]) -> Countries | None:
        """Find the countries that a text of these lower-cased words can name; None when it can name none."""
        return self.kept(self.words & words)

    def choose(self, first_words: frozenset[str]) -> Countries | None:
        """Build the patterns of the countries that begin with some words."""
        names = [name for word in first_words for name in self.by_word[word]]
        return build(names) if names else None


def build(names: Iterable[str]) -> Countries:
    """Build the patterns of some countries; the longer of two names that begin alike goes first."""
    either = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
    return Countries(re.compile(rf"\b(?:{either})\b", FLAGS), re.compile(rf"\b(?:{either})[ ]{POSTCODE}\b", FLAGS))
