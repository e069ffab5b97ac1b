"""Names without any list of names: by capitals, by words that no dictionary has, and by what stands beside them.

For workspaces whose people have names that no list holds, or whose lists would mislead: a dictionary of ordinary words
is all that is asked, and the model is leant on to see a person (`LEAN`).
"""

import re
from collections.abc import Iterator

from pipelines.adapters.gazetteer import CALENDAR, MIN_NAME_CHARS, Gazetteer
from pipelines.adapters.name_words import (
    MASKED,
    PART,
    Word,
    is_line,
    is_titled,
    runs,
    strip_run,
    with_capitals,
    with_degree,
)
from pipelines.adapters.names import LIKELY, LONGEST, MOST_CUED, NO_NAMES, OWNED, PARTICLES, WORD, NameFinder, cues

NAMING = re.compile(r"(?:name[ ]is|name[:?]|named[ ](?:him|her)|founders:)\Z", re.IGNORECASE)
"""Behind these a name may be typed in lower case."""
SUBJECT = re.compile(
    r"[ ](?:(?:had[ ])?(?:given|gave|told|said|wrote|spent)|lives|"
    r"(?:is|was)[ ](?:from|(?:an?|the)[ ](?:\w+[ ]){0,3}(?:person|man|woman)))\b"
)
"""What a person does, and a card does not."""
NOBODY = frozenset(
    {"it", "he", "she", "they", "we", "you", "who", "which", "that", "this", "there", "what", "i", "god"}
)
TELLING = re.compile(r"\b(?:given|gave|told|asked|sent)[ ]\Z")
TOLD = re.compile(r"[ ](?:his|her|their|my|the|that|about|to)\b")
"""What stands around the name of a person who is told or given something."""
ENUMERATED = re.compile(r"(?:, |,? (?:and|&) )(?=(?P<next>[^\W\d_]\w+))")
"""What stands between names of one enumeration."""
LEAN = {"PERSON": 3.0}
"""Added to the model's score of beginning a person. On 1,937 public texts 0 finds .03 less of the names, 5 takes more
than one banking question in a hundred for one (measured with an earlier set of these rules)."""
APOSTROPHES = ("'", "\u2019")
DOING_ENDINGS = ("", "s", "d", "ed", "ing", "ly")


class ShapeFinder(NameFinder):
    """Finds names where there are no lists of them; kind N is a word of a dictionary that can be a name as well."""

    def kind_of(self, key: str, capital: bool, dotted: bool) -> str:
        """Say what a word can be in a name."""
        if len(key) == 1:
            return "I" if key not in ("a", "i") or dotted else "-"
        if key in PARTICLES:
            return "P"
        none = MASKED.fullmatch(key) or len(key) < MIN_NAME_CHARS or any(mark in key for mark in APOSTROPHES)
        if none or key in CALENDAR or self.is_doing(key):
            return "-"
        return "N" if self.gazetteer.is_ordinary(key) or key in self.gazetteer.countries else "U"

    def is_doing(self, key: str) -> bool:
        """Say whether a lower-cased word, or what it is inflected from, is a verb, an adjective or an adverb."""
        return any(key.endswith(end) and key.removesuffix(end) in self.gazetteer.doing for end in DOING_ENDINGS)

    def judge(self, text: str, run: list[Word]) -> Iterator[tuple[int, int, float]]:
        """Take several words for a name of which one is in no dictionary: with capitals, or on a line of their own."""
        run = strip_run(run, known=False)
        if 1 < len(run) <= LONGEST and is_unheard(run) and (is_line(text, run) or is_titled(text, run)):
            yield run[0].start, with_degree(text, run[-1].end), LIKELY

    def find_cued(self, text: str, words: list[Word]) -> Iterator[tuple[int, int, float]]:
        """Find what a cue says is a name, whatever the dictionary knows of it, and who does what persons do."""
        for cue in cues(text):
            end = self.end_of_name(text, cue.end(), bool(cue["title"] or NAMING.search(cue[0].rstrip())))
            if end:
                yield cue.end(), with_degree(text, end), LIKELY
        for word in WORD.finditer(text):
            length, key, kind, capital = self.look_up(word[0])
            person = key not in NOBODY and (kind == "U" or (capital and not key.endswith("n't")))
            end = word.start() + length
            if person and (self.is_told(text, word.start(), end) or OWNED.match(text, end) or SUBJECT.match(text, end)):
                yield word.start(), end, LIKELY

    def is_told(self, text: str, start: int, end: int) -> bool:
        """Say whether somebody is told or given something at a place."""
        return TOLD.match(text, end) is not None and TELLING.search(text, max(0, start - 8), start) is not None

    def end_of_name(self, text: str, start: int, surely: bool) -> int:
        """Say where the name ends that begins behind a cue; 0 where none does. In lower case only where it is sure."""
        end, casing, shouted = 0, surely, text.isupper()
        for number, word in enumerate(WORD.finditer(text, start)):
            capital = word[0][0].isupper() and not shouted
            beside = word.start() == (end + 1 if end else start) and text[word.start() - 1] == " "
            if number == MOST_CUED or not beside or word[0].lower() in NO_NAMES:
                break
            if not capital and (not casing or self.is_doing(word[0].lower().rstrip("."))):
                break
            end, casing = word.end() - (len(word[0]) > 2 and word[0].endswith(".")), not capital
        return end

    def find_again(self, text: str, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Find found names elsewhere in the text, a part only as it is written in the name."""
        for whole in {text[start:end] for start, end in found if " " in text[start:end]}:
            yield from (match.span() for match in re.finditer(re.escape(whole), text, re.IGNORECASE))
        for _, end in found:
            yield from self.enumerated(text, end)
        parts = {word[0] for start, end in found for word in PART.finditer(text, start, end)}
        telling = {part for part in parts if self.is_plausible(part)}
        for word in PART.finditer(text) if telling else ():
            if word[0] in telling and all(word.end() <= start or word.start() >= end for start, end in found):
                yield word.span()

    def recase(self, text: str) -> str:
        """Give lower-cased places and pairs of words that can be a name their capitals, length unchanged."""
        text = super().recase(text)
        if any(map(str.isupper, text)):
            return text
        pairs = [run for run in runs(text, self.read(text)) if 1 < len(run) <= MOST_CUED and is_unheard(run)]
        return with_capitals(text, (word.start for run in pairs for word in run))

    def enumerated(self, text: str, end: int) -> Iterator[tuple[int, int]]:
        """Find the names behind one that are parted from it by commas and "and"."""
        while joint := ENUMERATED.match(text, end):
            length, _, _, capital = self.look_up(joint["next"])
            if not capital:
                return
            end = joint.end() + length
            yield joint.end(), end

    def may_name(self, sentence: str) -> bool:
        """Say whether a sentence can hold a name or a place: an unheard word, or any capital."""
        looked = (self.look_up(match[0]) for match in WORD.finditer(sentence))
        return any(kind == "U" or (kind == "N" and capital) for _, _, kind, capital in looked)

    def is_plausible(self, value: str) -> bool:
        """Say whether what a model takes for a person can be one: with a word that has a capital or is unheard."""
        words = [self.look_up(match[0]) for match in WORD.finditer(value)]
        return any(kind == "U" or (kind == "N" and capital and not value.isupper()) for _, _, kind, capital in words)


def is_unheard(run: list[Word]) -> bool:
    """Say whether one of some words is in no dictionary."""
    return any(word.kind == "U" for word in run)


def name_finder(gazetteer: Gazetteer) -> NameFinder:
    """Give the finder of names that goes with a gazetteer: by its lists, or without any."""
    return NameFinder(gazetteer) if gazetteer.names else ShapeFinder(gazetteer)
