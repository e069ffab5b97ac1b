"""Names that a small language model misses: found by lists of names and by what stands beside them.

Offsets are code points of the text that is passed in; no rule needs upper case alone, since half of all tickets are
typed without it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from pipelines.adapters.cue_words import CueWords
from pipelines.adapters.gazetteer import MIN_NAME_CHARS, Gazetteer
from pipelines.adapters.name_words import (
    MASKED,
    PART,
    Word,
    is_line,
    is_mid_sentence,
    is_titled,
    runs,
    stands_beside,
    strip_run,
    with_capitals,
    with_degree,
)

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*\.?")
POSSESSIVE = re.compile(r"['\u2019]s?$")
PARTICLES = frozenset(
    {
        "de", "da", "di", "del", "della", "van", "von", "der", "den", "bin", "ibn", "al", "el", "la", "le",
        "dos", "du", "y", "zu", "af", "av", "ten", "ter",
    }
)  # fmt: skip
SENTENCE_SUBJECT = re.compile(
    r"(?:['\u2019]s|[ ](?:is|was|had|has|said|says|told|asked|called|wrote|sent|spent|lives|works))\b"
)
CUES = re.compile(
    r"\b(?:(?P<title>mr|mrs|ms|miss|mx|dr|prof)\b\.?|(?:sur)?name(?:[ ]is|:|\?)?|named[ ](?:him|her)|founders:|"
    r"starring|(?:directed|written|signed|sung|sold|handled|helped)[ ]by|(?:spoke|speak|talked|talking)[ ](?:to|with)|"
    r"says|said)[ ]+",
    re.IGNORECASE,
)
"""What often stands before a name."""
CUE_WORDS = CueWords(
    words=("name", "founders:", "starring", "spoke", "speak", "talk", "says", "said"),
    starting=("by",),
    whole=("mr", "mrs", "ms", "miss", "mx", "dr", "prof"),
)
"""A text without any of these has no cue."""
OWNED = re.compile(
    r"['\u2019]s[ ](?:address|phone|number|e-?mail|account|card|birthday|passport|zip|licen[sc]e|house|name)\b",
    re.IGNORECASE,
)
"""What stands behind the name of a person who owns it."""
NO_NAMES = frozenset({"i", "i'm", "i've", "i'd", "i'll"})
PLACEHOLDER = re.compile(r"<[A-Z]+(?:_[A-Z]+)*>")
"""What stands where a value was: its own letters name nobody."""
MOST_CUED = 3
LONGEST = 5
MOST_WORDS = 100_000
"""Words that are looked up once: most words of all tickets are the same few thousand."""
SURE, LIKELY, POSSIBLE = 0.85, 0.6, 0.5


class NameFinder:
    """Finds runs of words that read as a name."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        self.look_up = lru_cache(maxsize=MOST_WORDS)(self.look_up_anew)
        self.wants_capital = lru_cache(maxsize=MOST_WORDS)(self.wants_capital_anew)

    def find(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Give start, end and score of each name in a text."""
        words = self.read(text)
        for run in runs(text, words):
            yield from self.judge(text, run)
        yield from self.find_cued(text, words)

    def find_cued(self, text: str, words: list[Word]) -> Iterator[tuple[int, int, float]]:
        """Find what a cue says is a name: behind a title or "name is", in front of "'s address"."""
        starts = {word.start: index for index, word in enumerate(words)}
        for cue in cues(text):
            first = starts.get(cue.end(), len(words))
            run = strip_run(next(runs(text, words[first : first + MOST_CUED]), []), known=False)
            if run and run[0].start == cue.end() and (run[0].capital or run[0].kind == "S" or cue["title"]):
                yield run[0].start, with_degree(text, run[-1].end), LIKELY
        for word in words:
            if word.capital and word.kind in "SWU" and OWNED.match(text, word.end):
                yield word.start, word.end, LIKELY

    def find_again(self, text: str, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Find found names elsewhere in the text, whole and in part: "Zlata" after "Zlata Novak"."""
        for whole in {text[start:end] for start, end in found if " " in text[start:end]}:
            yield from (match.span() for match in re.finditer(re.escape(whole), text, re.IGNORECASE))
        parts = {word[0].lower() for start, end in found for word in PART.finditer(text, start, end)}
        parts = {part for part in parts if not MASKED.fullmatch(part)}
        telling = {part for part in parts if self.gazetteer.is_telling(part) or not self.gazetteer.is_ordinary(part)}
        for word in PART.finditer(text) if telling and stands_beside(text, found, telling) else ():
            outside = all(word.end() <= start or word.start() >= end for start, end in found)
            if outside and word[0].lower() in telling:
                yield word.span()

    def may_name(self, sentence: str) -> bool:
        """Say whether a sentence can hold a name or a place: an unheard word, or a capital that no start explains."""
        for match in WORD.finditer(PLACEHOLDER.sub(as_spaces, sentence)):
            _, key, kind, capital = self.look_up(match[0])
            if kind in "SU" or (capital and match.start() > 0 and key not in NO_NAMES):
                return True
        return False

    def is_plausible(self, value: str) -> bool:
        """Say whether what a model takes for a person can be one: dictionary words alone are none."""
        words = [word.lower() for word in re.findall(r"[^\W\d_]+", value)]
        unmasked = [word for word in words if not MASKED.fullmatch(word)]
        return any(self.gazetteer.is_name(word) or not self.gazetteer.is_ordinary(word) for word in unmasked)

    def read(self, text: str) -> list[Word]:
        """Look the words of a text up; those that no name has are left out: they part a run by standing in it."""
        looked = ((match.start(), self.look_up(match[0])) for match in WORD.finditer(text))
        return [Word(at, at + known[0], *known[1:]) for at, known in looked if known[2] != "-"]

    def look_up_anew(self, word: str) -> tuple[int, str, str, bool]:
        """Give length, key, kind and casing of a word."""
        written = POSSESSIVE.sub("", word.rstrip("."))
        key, capital = written.lower(), written[:1].isupper()
        return len(written), key, self.kind_of(key, capital, word.endswith(".")), capital

    def kind_of(self, key: str, capital: bool, dotted: bool) -> str:
        """Say what a word can be in a name."""
        if MASKED.fullmatch(key):
            return "-"
        parts = [part for part in key.split("-") if part]
        if len(key) == 1:
            return "I" if key not in ("a", "i") or dotted else "-"
        if key in PARTICLES:
            return "P"
        if parts and all(map(self.gazetteer.is_name, parts)):
            return "S" if any(map(self.gazetteer.is_telling, parts)) else "W"
        known = self.gazetteer.is_ordinary(key) or key in self.gazetteer.countries
        return "-" if known or len(key) < MIN_NAME_CHARS else "U"

    def judge(self, text: str, run: list[Word]) -> Iterator[tuple[int, int, float]]:
        """Decide whether a run of words is a name."""
        run = strip_run(run)
        if run and len(run) <= LONGEST:
            score = self.judge_alone(text, run[0]) if len(run) == 1 else self.judge_run(text, run)
            if score:
                yield run[0].start, with_degree(text, run[-1].end), score

    def judge_run(self, text: str, run: list[Word]) -> float | None:
        """Judge several words: sure with a telling name among names, likely behind a given one or on a line alone."""
        kinds = [word.kind for word in run]
        if "S" in kinds and sum(kind in "SWI" for kind in kinds) > 1:
            return SURE
        first = run[0].key
        likely = (
            (kinds[0] in "SW" and self.gazetteer.is_given(first))
            or (first in self.gazetteer.common_given and is_titled(text, run))
            or is_line(text, run)
        )
        return LIKELY if likely else None

    def judge_alone(self, text: str, word: Word) -> float | None:
        """Judge a single word: a telling one, or a common given name with a capital that no sentence start explains."""
        if word.kind == "S" and (word.capital or len(word.key) > 3):
            return POSSIBLE if word.key not in self.gazetteer.cities else None
        given = word.kind == "W" and word.capital and word.key in self.gazetteer.common_given
        if not given or text.isupper():
            return None
        # At the start of a sentence every word has its capital: there the next word must show that it is a person.
        is_person = is_mid_sentence(text, word.start) or SENTENCE_SUBJECT.match(text, word.end)
        return POSSIBLE if is_person else None

    def recase(self, text: str) -> str:
        """Give lower-cased names and places their capital, length unchanged: the model was trained on edited text."""
        plain = not any(map(str.isupper, text))
        wanted = (match.start() for match in WORD.finditer(text) if self.wants_capital(match[0], plain))
        return with_capitals(text, wanted)

    def wants_capital_anew(self, written: str, plain: bool) -> bool:
        """Say whether a word lacks the capital of a name or place; in a text without any, more words can be one."""
        _, key, kind, capital = self.look_up(written)
        given = plain and key in self.gazetteer.common_given
        place = key in self.gazetteer.countries or (plain and key in self.gazetteer.cities)
        return not capital and (kind == "S" or given or (place and not self.gazetteer.is_ordinary(key)))


def cues(text: str) -> Iterable[re.Match[str]]:
    """Give the places of what often stands before a name."""
    return CUES.finditer(text) if CUE_WORDS.stand_in(text) else ()


def as_spaces(found: re.Match[str]) -> str:
    """Blank a match out, places unchanged."""
    return " " * len(found[0])
