"""Postal addresses, by their shape: what a small language model sees of them is a city here and a country there.

A text is cut into segments at commas and line ends. Some say by themselves that they are part of an address (a flat, a
street with its number, a military box, a country with its postal code); short lines of words between or right behind
them belong to it too. All patterns are linear in the length of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.adapters.address_patterns import (
    BEFORE,
    CORNER,
    DIGIT,
    LIVES,
    LONGEST_PLACE,
    MARKS,
    MAX_PARTICLE,
    MAX_PLAIN_WORDS,
    MOST_BETWEEN,
    NAMED,
    PLACE_LINE,
    POSTCODE_LINE,
    PREPOSITIONS,
    REGIONS,
    SEGMENT,
    SENTENCE_BREAK,
    SENTENCE_END,
    SEPARATORS,
    SHIPS,
    STATE_AND_ZIP,
    STATUTES,
    TITLED,
    TOWARDS,
    UNIT_WORDS,
    UNITS,
    WHEREABOUTS,
    ZIP_IN_WORDS,
    letters_of,
    streets_of,
)
from pipelines.adapters.countries import Countries, CountryLists
from pipelines.adapters.gazetteer import CALENDAR, Gazetteer

SURE, LIKELY, POSSIBLE = 0.85, 0.6, 0.5


@dataclass(frozen=True)
class Segment:
    """A part of a text between commas and line ends.

    Attributes:
        start: of its content, marks of quoted mail taken off.
        found: the part that tells an address by itself; None when there is none.
        is_short: whether it may stand between two parts of an address.
        place_end: end of the place or postal code that it begins with; None without one.
        closes: whether it begins with what ends an address: a country, a postal code.
    """

    start: int
    end: int
    found: tuple[int, int] | None
    is_short: bool
    place_end: int | None
    closes: bool


class Clues(NamedTuple):
    """What a whole text says about its segments.

    Attributes:
        plain: whether it has no capital letter.
        units: whether it has a word that a unit (a flat, a box, a ship) begins with.
        countries: finds those that its words allow, and those with a postal code; None without such a word.
        streets: finds streets of the kinds that its words allow.
    """

    plain: bool
    units: bool
    countries: Countries | None
    streets: re.Pattern[str]


class AddressFinder:
    """Finds postal addresses and their parts."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        self.countries = CountryLists(gazetteer.countries)
        self.country = self.countries.all.alone

    def find(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Give start, end and score of each address in a text, the full stop of its sentence left off."""
        for start, end, score in self.find_pieces(text):
            yield start, start + len(text[start:end].rstrip(". ")), score

    def find_pieces(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Find what tells a place in words, and the blocks of addresses; no pattern whose words are not there runs."""
        words = letters_of(text)
        has_digit = DIGIT.search(text) is not None
        plain = text.islower() or not any(map(str.isupper, text))
        units, countries = not words.isdisjoint(UNIT_WORDS), self.countries.of(words)
        clues = Clues(plain, units, countries, streets_of(words))
        if has_digit:
            for match in ZIP_IN_WORDS.finditer(text):
                yield *match.span(1), LIKELY
        if clues.countries and WHEREABOUTS.search(text):
            for match in clues.countries.alone.finditer(text):
                if self.is_telling_region(text, *match.span()):
                    yield *match.span(), LIKELY
        for match in CORNER.finditer(text) if "corner" in words else ():
            yield *match.span(1), LIKELY
        for match in LIVES.finditer(text) if not words.isdisjoint(TOWARDS) else ():
            if self.is_place_name(match[1], plain):
                yield *match.span(1), POSSIBLE
        if has_digit or not words.isdisjoint(SHIPS):
            yield from self.find_blocks(text, clues)

    def find_blocks(self, text: str, clues: Clues) -> Iterator[tuple[int, int, float]]:
        """Find whole addresses, wherever one segment at least tells one by itself."""
        named = [match.end() for match in NAMED.finditer(text)]
        places = [segment_content(match) for match in SEGMENT.finditer(text)]
        found = [self.telling(text, start, end, named, clues) for start, end in places]
        if any(found):
            segments = [self.read(text, *place, one, clues.plain) for place, one in zip(places, found, strict=True)]
            for block in blocks(segments, text):
                yield *block, SURE

    def is_region(self, value: str) -> bool:
        """Say whether a place is a whole country, union or continent."""
        name = value.lower().removeprefix("the ").replace(".", "")
        return name in self.gazetteer.countries or name in REGIONS

    def is_telling_region(self, text: str, start: int, end: int) -> bool:
        """Say whether a country tells where somebody lives or goes: "transfers from China" are no personal data."""
        value = text[start:end]
        other = value in self.gazetteer.ordinary or value in self.gazetteer.names
        return not other and WHEREABOUTS.search(sentence_around(text, start, end)) is not None

    def is_place_name(self, words: str, plain: bool) -> bool:
        """Say whether words can name a place: each has its capital, or none in the text has; one is unheard of."""
        parts = re.findall(r"[^\W\d_]+", words)
        if not parts or not PREPOSITIONS.isdisjoint(parts):
            return False
        titled = parts[0][0].isupper() and all(part[0].isupper() or len(part) < MAX_PARTICLE for part in parts)
        if words.lower() in self.gazetteer.cities:
            return titled or plain
        unheard = any(not self.gazetteer.is_ordinary(part.lower()) for part in parts if len(part) >= MAX_PARTICLE)
        return unheard and (titled or (plain and len(parts) <= MAX_PLAIN_WORDS))

    def read(self, text: str, start: int, end: int, found: tuple[int, int] | None, plain: bool) -> Segment:
        """Look at one segment."""
        content = text[start:end]
        short = len(content) <= LONGEST_PLACE and PLACE_LINE.fullmatch(content) is not None
        closing = self.country.match(text, start, end) or POSTCODE_LINE.match(text, start, end)
        place_end = end if short and self.is_place_name(content, plain) else closing.end() if closing else None
        return Segment(start, end, found, short, place_end, closing is not None)

    def telling(self, text: str, start: int, end: int, named: list[int], clues: Clues) -> tuple[int, int] | None:
        """Find the part of a segment, from the first telling piece to the last, that is an address by itself."""
        if any(start <= place < end for place in named):
            return max(place for place in named if start <= place < end), end
        spans = [match.span() for match in UNITS.finditer(text, start, end)] if clues.units else []
        if DIGIT.search(text, start, end):
            if clues.countries:
                spans += [match.span() for match in clues.countries.with_code.finditer(text, start, end)]
            spans += [match.span() for match in STATE_AND_ZIP.finditer(text, start, end)]
            spans += [match.span() for match in clues.streets.finditer(text, start, end) if self.is_street(match[0])]
        if not spans:
            return None
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        before = BEFORE.search(text[start:low])
        return (start + before.start() if before else low), self.grow(text, high, end, clues.plain)

    def grow(self, text: str, high: int, end: int, plain: bool) -> int:
        """Take the city and country that stand in the same segment to an address."""
        stop = SENTENCE_END.search(text, high, end)
        rest = text[high : stop.start() if stop else end]
        city = rest.strip(" .,")
        if len(city) <= LONGEST_PLACE and PLACE_LINE.fullmatch(city) and self.is_place_name(city, plain):
            return high + len(rest.rstrip())
        titled = TITLED.match(rest)
        return high + titled.end() if titled and self.is_place_name(titled[0], plain=False) else high

    def is_street(self, value: str) -> bool:
        """Refuse "50 dollars on 12": in a street at least one word is no ordinary one, or has its capital."""
        words = re.findall(r"[^\W\d_]{2,}", value)
        if not (CALENDAR | STATUTES).isdisjoint(word.lower() for word in words):
            return False
        return any(
            word[0].isupper() or (len(word) >= MAX_PARTICLE and not self.gazetteer.is_ordinary(word)) for word in words
        )


def segment_content(segment: re.Match[str]) -> tuple[int, int]:
    """Give where the content of a segment stands, marks of quoted mail taken off."""
    content = segment[0].strip(MARKS)
    start = segment.start() + segment[0].index(content) if content else segment.start()
    return start, start + len(content)


def sentence_around(text: str, start: int, end: int) -> str:
    """Give the sentence or line a span stands in."""
    before = max((match.end() for match in SENTENCE_BREAK.finditer(text, 0, start)), default=0)
    after = SENTENCE_BREAK.search(text, end)
    return text[before : after.start() if after else len(text)]


def blocks(segments: list[Segment], text: str) -> Iterator[tuple[int, int]]:
    """Join telling segments, the short ones between them, and the places right behind them."""
    start = end = -1
    between = 0
    for segment in filter(lambda one: one.end > one.start, segments):
        if start >= 0 and (between > MOST_BETWEEN or not (segment.found or segment.is_short or segment.place_end)):
            yield start, end
            start = -1
        if segment.found:
            start = segment.found[0] if start < 0 else start
            end, between = segment.found[1], 0
        elif start >= 0:
            between += 1
            follows = not text[end : segment.start].strip(SEPARATORS)
            if segment.place_end and (follows or segment.closes):
                end = segment.place_end
                between = 0
    if start >= 0:
        yield start, end
