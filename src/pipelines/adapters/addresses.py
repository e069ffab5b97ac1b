"""Postal addresses, by their shape: what a small language model sees of them is a city here and a country there.

A text is cut into segments at commas and line ends. Some say by themselves that they are part of an address (a flat, a
street with its number, a military box, a country with its postal code); short lines of words between or right behind
them belong to it too. All patterns are linear in the length of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.adapters.gazetteer import CALENDAR, Gazetteer

SURE, LIKELY, POSSIBLE = 0.85, 0.6, 0.5
SEGMENT = re.compile(r"[^\n,;]+")
MARKS = " \t>?*|-\u2013\u2022"
WORDS = r"[^\W\d_][\w.'\u2019/-]*(?:[ ][^\W\d_][\w.'\u2019/-]*){0,4}?"
NUMBER = r"\d{1,6}(?!st\b|nd\b|rd\b|th\b)[a-rt-z]?(?:[-/]\d{1,4}[a-z]?)?"
STREET = (
    r"(?:street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|terrace|square|sq|crescent|close|"
    r"parkway|pkwy|highway|hwy|place|pl|way|loop|circle|cir|trail|alley|grove|plaza|quay|row|mews|gardens?|hill)"
)
ENDS_AS_STREET = (
    r"\w{2,}(?:stra(?:\u00df|ss)e|str\.?|weg|gasse|platz|allee|ring|damm|ufer|straat|laan|gracht|plein|gade|vej|all\u00e9|"
    r"gata|gatan|v\u00e4gen|g\u00e5rden|vegen|veien|katu|tie|kuja|gatve|iela|vagur|braut|steenweg|br\u00fccke)"
)
BEGINS_AS_STREET = (
    r"(?:rue|avenue|av\.|boulevard|chemin|all\u00e9e|impasse|place|quai|via|viale|piazza|corso|vicolo|calle|c/|avenida|"
    r"avda\.?|plaza|paseo|camino|cami\u00f1o|r\u00faa|carrer|rua|travessa|pra\u00e7a|largo|ul\.|ulica|al\.|aleja|os\.|"
    r"n\u00e1m\u011bst\u00ed|trg|cesta|strada|bulevardul|utca)"
)
HUNGARIAN = r"(?:utca|u\.|\u00fat|\u00fatja|t\u00e9r|t\u00e9re|rkp\.|k\u00f6r\u00fat|krt\.?|k\u00f6z|sor)"
UNIT = (
    r"(?:apt|apartment|suite|ste|unit|flat|room|rm|floor|bldg|building|p\.?[ ]?o\.?[ ]?box|postbox|box|psc|cmr)\.?[ ]?"
    r"(?:no\.?[ ]?|#)?\d+[a-z]?"
)
POSTCODE = r"(?:\d{4,6}(?:-\d{3,4})?|\d{3}[ ]\d{2}|\d{4}[ ][a-z]{2}|[a-z]{1,2}\d[a-z\d]?[ ]\d[a-z]{2})"
MILITARY = r"(?:[adf]po)[ ](?:a[aep])[ ]\d{5}(?:-\d{4})?|(?:uss|usns|usnv|uscgc)[ ]\w+"
FLAGS = re.IGNORECASE

STREETS = re.compile(
    rf"(?<![\w.]){NUMBER}[ ](?:{WORDS}[ ])?{STREET}\b\.?"
    rf"|(?<![\w.]){NUMBER}[ ]{WORDS}[ ]{NUMBER}(?![\w.])"
    rf"|(?<![\w.]){NUMBER}[ ]{BEGINS_AS_STREET}[ ]{WORDS}(?![\w])"
    rf"|\b{BEGINS_AS_STREET}[ ]{WORDS}[ ]{NUMBER}(?![\w.])"
    rf"|(?:(?<![\w.]){NUMBER}[ ])?\b{ENDS_AS_STREET}[ ]{NUMBER}(?![\w.])"
    rf"|(?<![\w.]){NUMBER}[ ]{ENDS_AS_STREET}(?![\w])"
    rf"|(?:(?<![\w.]){NUMBER}[ ])?\b(?:(?-i:(?:[^\W\d_a-z]\S*[ ]){{1,3}})|\w+[ ]){HUNGARIAN}[ ]{NUMBER}(?!\w)",
    FLAGS,
)
UNITS = re.compile(rf"\b{UNIT}(?:[ ]{UNIT})*\b|\b(?:{MILITARY})\b", FLAGS)
ZIP_IN_WORDS = re.compile(rf"\b(?:zip|postal|post)[ -]?(?:code)?(?:[ ]is|:)?[ ]({POSTCODE})\b", FLAGS)
STATE_AND_ZIP = re.compile(r"\b(?-i:[A-Z]{1,3})[ ]\d{4,6}(?:-\d{4})?(?!\w)")
NAMED = re.compile(r"\baddress(?:[ ]is|:)[ >?\n]{0,6}(?=(?-i:[\dA-Z])[^\n]*\d)", FLAGS)
STATUTES = frozenset({"usc", "code", "codes", "section", "sections", "article", "cfr", "act", "statute"})
FOLLOWS = r"(?:for|on|with|but|by|last|next|this|which|that|since|when|because|as)"
LIVES = re.compile(
    r"\b(?:i['\u2019]?m|i am|we are|we['\u2019]re|is|liv(?:e|es|ed|ing)|mov(?:e|ed|ing)|grew up|based|located|born|"
    r"travel(?:l?ing|l?ed)?|stay(?:ed|ing)?|return(?:ed|ing)?|fly(?:ing)?|flew|flown|drove|years?|store|office|shop|"
    r"branch)[ ](?:here[ ])?"
    rf"(?:in|from|to|at|near)[ ]({WORDS})(?=[ ]?(?:[.,;:!?\n)]|$)|[ ]{FOLLOWS}\b)",
    FLAGS,
)
SIDE = rf"(?:{NUMBER}[ ])?{WORDS}(?:[ ]{NUMBER})?"
CORNER = re.compile(
    rf"\bcorner of ({SIDE}\.? and {SIDE}(?:[ ]{STREET}\b)?)(?=[ ]?(?:[.,;:!?\n)]|$)|[ ]{FOLLOWS}\b)", FLAGS
)
WHEREABOUTS = re.compile(
    r"\b(?:liv(?:e|es|ed|ing)|mov(?:e|ed|ing)|grew|born|visit(?:ed|ing)?|travel\w*|fl(?:y|ying|ew|ight)|stay(?:ed|ing)?|"
    r"resid\w+|return(?:ed|ing)?|address|citizens?|native|originally|holidays?|vacation|trip|i['\u2019]?m in|i am in|"
    r"my (?:home|family|country))\b",
    FLAGS,
)
"""What makes a country personal: somebody lives there, or is on the way."""
REGIONS = frozenset(
    {
        "us", "usa", "uk", "gb", "eu", "uae", "europe", "africa", "asia", "america", "oceania", "antarctica", "england",
        "scotland", "wales", "united states", "united states of america", "united kingdom", "great britain",
        "czech republic", "russia", "south korea", "north korea", "european union", "eea",
    }
)  # fmt: skip
BEFORE = re.compile(r"\d{1,6}[a-z]?[ ]$", FLAGS)
TITLED = re.compile(r"(?:[ ]\w[\w.'\u2019/-]*){1,5}?(?=[ ][a-z]|$)")
SENTENCE_BREAK = re.compile(r"[.?!]\s|\n")
SENTENCE_END = re.compile(r"[.?!](?=\s|$)")
PLACE_LINE = re.compile(
    rf"{WORDS}(?:[ ](?:{POSTCODE}|[a-z]{{1,3}}))?(?:[ ]{POSTCODE})?|{POSTCODE}(?:[ ]{WORDS})?|\d{{1,3}}", FLAGS
)
LONGEST_PLACE = 40
MAX_PARTICLE = 4
PREPOSITIONS = frozenset({"in", "at", "by", "to", "for", "on", "with", "and", "or", "as", "is"})
MAX_PLAIN_WORDS = 3
MOST_BETWEEN = 2
"""Short lines that may stand between telling ones: city and region."""
SEPARATORS = MARKS + ",;\n."
POSTCODE_LINE = re.compile(rf"(?:[a-z]{{1,3}}[ ]|[^\W\d_]{{3,}}[ ])?{POSTCODE}(?![\w-])", FLAGS)


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


class AddressFinder:
    """Finds postal addresses and their parts."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        names = sorted(gazetteer.countries, key=len, reverse=True)
        countries = "|".join(re.escape(name) for name in names)
        self.country = re.compile(rf"\b(?:{countries})\b", FLAGS)
        self.country_and_code = re.compile(rf"\b(?:{countries})[ ]{POSTCODE}\b", FLAGS)

    def find(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Give start, end and score of each address in a text, the full stop of its sentence left off."""
        for start, end, score in self.find_pieces(text):
            yield start, start + len(text[start:end].rstrip(". ")), score

    def find_pieces(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Find what tells a place in words, and the blocks of addresses."""
        plain = not any(map(str.isupper, text))
        for match in ZIP_IN_WORDS.finditer(text):
            yield *match.span(1), LIKELY
        for match in self.country.finditer(text):
            if self.is_telling_region(text, *match.span()):
                yield *match.span(), LIKELY
        for match in CORNER.finditer(text):
            yield *match.span(1), LIKELY
        for match in LIVES.finditer(text):
            if self.is_place_name(match[1], plain):
                yield *match.span(1), POSSIBLE
        named = [match.end() for match in NAMED.finditer(text)]
        segments = [self.read(text, match, named, plain) for match in SEGMENT.finditer(text)]
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

    def read(self, text: str, match: re.Match[str], named: list[int], plain: bool) -> Segment:
        """Look at one segment."""
        content = match[0].strip(MARKS)
        start = match.start() + match[0].index(content) if content else match.start()
        end = start + len(content)
        found = self.telling(text, start, end, plain)
        if any(start <= place < end for place in named):
            found = (max(place for place in named if start <= place < end), end)
        short = len(content) <= LONGEST_PLACE and PLACE_LINE.fullmatch(content) is not None
        closing = self.country.match(text, start, end) or POSTCODE_LINE.match(text, start, end)
        place_end = end if short and self.is_place_name(content, plain) else closing.end() if closing else None
        return Segment(start, end, found, short, place_end, closing is not None)

    def telling(self, text: str, start: int, end: int, plain: bool) -> tuple[int, int] | None:
        """Find the part of a segment, from the first telling piece to the last, that is an address by itself."""
        spans = [match.span() for match in UNITS.finditer(text, start, end)]
        spans += [match.span() for match in self.country_and_code.finditer(text, start, end)]
        spans += [match.span() for match in STATE_AND_ZIP.finditer(text, start, end)]
        spans += [match.span() for match in STREETS.finditer(text, start, end) if self.is_street(match[0])]
        if not spans:
            return None
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        before = BEFORE.search(text[start:low])
        return (start + before.start() if before else low), self.grow(text, high, end, plain)

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
