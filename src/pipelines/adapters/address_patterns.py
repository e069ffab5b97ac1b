"""The words and shapes of postal addresses, as patterns; all are linear in the length of the text."""

import re
from functools import lru_cache

SEGMENT = re.compile(r"[^\n,;]+")
MARKS = " \t>?*|-\u2013\u2022"
WORDS = r"[^\W\d_][\w.'\u2019/-]*(?:[ ][^\W\d_][\w.'\u2019/-]*){0,4}?"
NUMBER = r"\d{1,6}(?!st\b|nd\b|rd\b|th\b)[a-rt-z]?(?:[-/]\d{1,4}[a-z]?)?"
STREET = (
    r"(?:street|str|st|avenue|ave|av|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|terrace|square|sq|crescent|close|"
    r"parkway|pkwy|highway|hwy|place|pl|way|loop|circle|cir|trail|alley|grove|plaza|quay|row|mews|gardens?|hill)"
)
STREET_ENDINGS = (
    "stra\u00dfe", "strasse", r"str\.?", "weg", "gasse", "platz", "allee", "ring", "damm", "ufer", "straat", "laan",
    "gracht", "plein", "gade", "vej", "all\u00e9", "gata", "gatan", "v\u00e4gen", "g\u00e5rden", "vegen", "veien",
    "katu", "tie", "kuja", "gatve", "iela", "vagur", "braut", "steenweg", "br\u00fccke",
)  # fmt: skip
STREET_BEGINNINGS = (
    "rue", "avenue", r"av\.", "boulevard", "chemin", "all\u00e9e", "impasse", "place", "quai", "via", "viale", "piazza",
    "corso", "vicolo", "calle", "c/", "avenida", r"avda\.?", "plaza", "paseo", "camino", "cami\u00f1o", "r\u00faa",
    "carrer", "rua", "travessa", "pra\u00e7a", "largo", r"ul\.", "ulica", r"al\.", "aleja", r"os\.",
    "n\u00e1m\u011bst\u00ed", "trg", "cesta", "strada", "bulevardul", "utca",
)  # fmt: skip
HUNGARIAN_STREETS = (
    "utca", r"u\.", "\u00fat", "\u00fatja", "t\u00e9r", "t\u00e9re", r"rkp\.", "k\u00f6r\u00fat", r"krt\.?", "k\u00f6z",
    "sor",
)  # fmt: skip
ENDS_AS_STREET = rf"\w{{2,}}(?:{'|'.join(STREET_ENDINGS)})"
BEGINS_AS_STREET = rf"(?:{'|'.join(STREET_BEGINNINGS)})"
HUNGARIAN = rf"(?:{'|'.join(HUNGARIAN_STREETS)})"
UNIT = (
    r"(?:apt|apartment|suite|ste|unit|flat|room|rm|floor|bldg|building|p\.?[ ]?o\.?[ ]?box|postbox|box|psc|cmr)\.?[ ]?"
    r"(?:no\.?[ ]?|#)?\d+[a-z]?"
)
POSTCODE = r"(?:\d{4,6}(?:-\d{3,4})?|\d{3}[ ]\d{2}|\d{4}[ ][a-z]{2}|[a-z]{1,2}\d[a-z\d]?[ ]\d[a-z]{2})"
MILITARY = r"(?:[adf]po)[ ](?:a[aep])[ ]\d{5}(?:-\d{4})?|(?:uss|usns|usnv|uscgc)[ ]\w+"
FLAGS = re.IGNORECASE


def first_letters(pattern: str) -> str:
    """Give what a text must hold of a word above, whose marks are the pattern's."""
    return re.sub(r"\W.*", "", pattern)


ENDINGS = tuple(map(first_letters, STREET_ENDINGS))
BEGINNINGS = frozenset(map(first_letters, STREET_BEGINNINGS))
HUNGARIAN_WORDS = frozenset(map(first_letters, HUNGARIAN_STREETS))
"""A text without these words, as far as their first mark, has none of these streets."""


@lru_cache(maxsize=8)
def streets(begin: bool, end: bool, hungarian: bool) -> re.Pattern[str]:
    """Build the pattern of streets; those that could begin at any word are in it only where their words are there."""
    shapes = [
        rf"(?<![\w.]){NUMBER}[ ](?:{WORDS}[ ])?{STREET}\b\.?",
        rf"(?<![\w.]){NUMBER}[ ]{WORDS}[ ]{NUMBER}(?![\w.])",
    ]
    if begin:
        shapes.append(rf"(?<![\w.]){NUMBER}[ ]{BEGINS_AS_STREET}[ ]{WORDS}(?![\w])")
        shapes.append(rf"\b{BEGINS_AS_STREET}[ ]{WORDS}[ ]{NUMBER}(?![\w.])")
    if end:
        shapes.append(rf"(?:(?<![\w.]){NUMBER}[ ])?\b{ENDS_AS_STREET}[ ]{NUMBER}(?![\w.])")
        shapes.append(rf"(?<![\w.]){NUMBER}[ ]{ENDS_AS_STREET}(?![\w])")
    if hungarian:
        name = r"(?:(?-i:(?:[^\W\d_a-z]\S*[ ]){1,3})|\w+[ ])"
        shapes.append(rf"(?:(?<![\w.]){NUMBER}[ ])?\b{name}{HUNGARIAN}[ ]{NUMBER}(?!\w)")
    return re.compile("|".join(shapes), FLAGS)


def streets_of(words: frozenset[str]) -> re.Pattern[str]:
    """Choose the pattern of streets for a text of these words."""
    end = any(word.endswith(ENDINGS) for word in words)
    return streets(not words.isdisjoint(BEGINNINGS), end, not words.isdisjoint(HUNGARIAN_WORDS))


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
LETTERS = re.compile(r"[^\W\d_]+")
DIGIT = re.compile(r"\d")
DOTLESS = str.maketrans({"\u0307": None, "\u0131": "i"})
"""To a pattern that ignores case, every i is the same; to `str.lower`, Turkish ones are not."""


def letters_of(text: str) -> frozenset[str]:
    """Give the lower-cased words of a text."""
    return frozenset(LETTERS.findall(text.lower().translate(DOTLESS) if not text.isascii() else text.lower()))


TOWARDS = frozenset({"in", "from", "to", "at", "near"})
SHIPS = frozenset({"uss", "usns", "usnv", "uscgc"})
"""What LIVES cannot do without, and what UNITS finds without a digit."""
UNIT_WORDS = SHIPS | {
    word + number
    for word in (
        "apt", "apartment", "suite", "ste", "unit", "flat", "room", "rm", "floor", "bldg", "building", "box", "obox",
        "pobox", "postbox", "psc", "cmr", "apo", "dpo", "fpo",
    )
    for number in ("", "no")
}  # fmt: skip
"""What UNITS begins with, as far as the next mark or digit."""
LONGEST_PLACE = 40
MAX_PARTICLE = 4
PREPOSITIONS = frozenset({"in", "at", "by", "to", "for", "on", "with", "and", "or", "as", "is"})
MAX_PLAIN_WORDS = 3
MOST_BETWEEN = 2
"""Short lines that may stand between telling ones: city and region."""
SEPARATORS = MARKS + ",;\n."
POSTCODE_LINE = re.compile(rf"(?:[a-z]{{1,3}}[ ]|[^\W\d_]{{3,}}[ ])?{POSTCODE}(?![\w-])", FLAGS)
