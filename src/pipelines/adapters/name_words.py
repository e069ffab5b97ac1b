"""Words that may be of one name: how they hold together, and what stands around them."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MASKED = re.compile(r"x{2,}")
"""What stands where somebody has already taken a value out."""
PART = re.compile(r"[^\W\d_]{3,}")
DEGREE = re.compile(r",?[ ](?:md|phd|dds|dvm|jr|sr|esq|ii|iii|iv)\b\.?", re.IGNORECASE)
"""What may stand behind a name, and belongs to it."""
MID_SENTENCE = re.compile(r"[\w,;)][ ]\Z")
JOINTS = frozenset({" ", ". "})
"""What stands between two words of one name."""


class Word(NamedTuple):
    """One word of a text.

    Attributes:
        key: lower-cased, without possessive and full stop.
        kind: S telling name, W name and ordinary word, I initial, P particle, U in no dictionary, - any other.
    """

    start: int
    end: int
    key: str
    kind: str
    capital: bool


def runs(text: str, words: list[Word]) -> Iterator[list[Word]]:
    """Cut words into runs of possible names of one casing, held together by single spaces."""
    run: list[Word] = []
    for word in words:
        joined = bool(run) and text[run[-1].end : word.start] in JOINTS
        same_casing = not run or word.kind in "PI" or run[-1].kind in "PI" or word.capital == run[-1].capital
        if run and not (joined and same_casing):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def stands_beside(text: str, found: list[tuple[int, int]], wanted: set[str]) -> bool:
    """Say whether one of some lower-cased words can stand outside the found places; a piece of a word counts too."""
    start = 0
    for low, high in [*sorted(found), (len(text), len(text))]:
        if not wanted.isdisjoint(map(str.lower, PART.findall(text, start, max(low, start)))):
            return True
        start = max(start, high)
    return False


def strip_run(run: list[Word], known: bool = True) -> list[Word]:
    """Take particles that lead nowhere off a run; without any known name it is none, unless something else says so."""
    while run and run[-1].kind == "P":
        run = run[:-1]
    while run and run[0].kind == "P":
        run = run[1:]
    if not known:
        return run
    return run if any(word.kind in "SW" for word in run) else []


def with_degree(text: str, end: int) -> int:
    """Take the degree behind a name to it."""
    degree = DEGREE.match(text, end)
    return degree.end() if degree else end


def with_capitals(text: str, places: Iterable[int]) -> str:
    """Make letters capitals, length unchanged: a letter whose capital is two stays."""
    letters = list(text)
    for place in places:
        capital = letters[place].upper()
        letters[place] = capital if len(capital) == 1 else letters[place]
    return "".join(letters)


def is_line(text: str, run: list[Word]) -> bool:
    """Say whether a run is all that stands on its line, marks of quoted mail aside."""
    before, after = text[: run[0].start].rpartition("\n")[2], text[run[-1].end :].partition("\n")[0]
    return "\n" in text and not any(map(str.isalnum, before + after))


def is_mid_sentence(text: str, start: int) -> bool:
    """Say whether a word follows another in its sentence, so that no start of a sentence explains its capital."""
    return MID_SENTENCE.search(text, max(0, start - 2), start) is not None


def is_titled(text: str, run: list[Word]) -> bool:
    """Say whether every word of a run has a capital, in a text that is not all capitals."""
    return not text.isupper() and all(word.capital or word.kind == "P" for word in run)


def is_masked(value: str) -> bool:
    """Say whether somebody has already taken the value out, and left XXXX."""
    words = re.findall(r"[^\W\d_]+", value.lower())
    return bool(words) and all(map(MASKED.fullmatch, words))
