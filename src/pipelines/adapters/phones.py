"""Presidio's recognizer of phone numbers, shown the neighbourhoods of digits instead of whole texts, each once.

It reads a text once for each of its regions, and most of what it reads has no digit near. Here a region is only asked
where digits stand that can be a number of its plan, and no other one is once a number takes all digits there are.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pipelines.adapters.memory import Memory, digest

if TYPE_CHECKING:
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

MARK = r"[^\w\n]"
EXTENSION = r"[^\d\n]{0,12}?(?:x|\uff58|int|\uff49\uff4e\uff54|\u0434\u043e\u0431|anexo)[^\d\n]{0,16}?"
ZONE = re.compile(rf"\d(?:(?:{MARK}{{0,40}}|{EXTENSION})\d)*", re.IGNORECASE)
"""Digits that may belong to one number: no other word stands between them."""
MOST_MARKS = 11
"""Before the first digit; they are a part of the zone."""
MARKS_BEFORE = re.compile(rf"{MARK}+\Z")
LEAST_DIGITS = {"DE": 4, "CA": 7, "GB": 7, "IL": 7, "BR": 8, "FR": 8, "IN": 8, "US": 9}
"""No number of fewer digits is valid in a region: the least of its plan, or of a number that is dialled abroad."""
ABROAD = re.compile(r"(?<!\d)0\D*[01]")
"""What begins as a number that is dialled abroad: 00, 011, 012: its plan is another country's."""
NO_DIGIT = re.compile(r"\D+")
HEAD = re.compile(r"[(\[+\uff08\uff3b\uff0b\d]")
"""What a number can begin with."""
HASHES = frozenset("#\uff03")
MOST_ZONES = 50_000
KINDS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip
"""A number is valid when it fits one of these in a region of its country's code."""
PLAIN_RULES = frozenset({None, "\\1", "\\2"})
"""Rules that make a number of its own digits, in their order."""

Place = tuple[int, int, float]
"""Start, end and score."""


class Region(NamedTuple):
    """A region: its recognizer, and what digits must hold to be one of its numbers."""

    recognizer: "PhoneRecognizer"
    least: int
    plan: re.Pattern[str]


class PhoneFinder:
    """Finds what Presidio's recognizer finds, asked only for the regions that a zone has digits for."""

    def __init__(self, recognizer: "PhoneRecognizer") -> None:
        from presidio_analyzer.predefined_recognizers import PhoneRecognizer

        self.entities = list(recognizer.supported_entities)
        self.memory: Memory[tuple[Place, ...]] = Memory(MOST_ZONES)
        self.regions = [
            Region(
                PhoneRecognizer(supported_regions=(name,), leniency=recognizer.leniency),
                LEAST_DIGITS.get(name, 0),
                # Anything below VALID asks for lengths alone.
                read_plan(name) if (recognizer.leniency or 0) >= 1 else re.compile(""),
            )
            for name in recognizer.supported_regions
        ]

    def find(self, text: str, settled: Collection[tuple[int, int]] = ()) -> Iterator[Place]:
        """Give start, end and score of each number in a text; none that would stand in one of the settled places."""
        for begin, end in zones(text):
            is_open = not (settled and is_settled(text, begin, end, settled))
            regions = self.wanted(text[begin:end]) if is_open else []
            if regions:
                # A letter right before or behind forbids a number; a # behind belongs to it.
                start = max(0, begin - 1)
                for low, high, score in self.read(regions, text[start : end + 2], end - start):
                    yield start + low, start + high, score

    def wanted(self, zone: str) -> list[Region]:
        """Choose the regions in which some of a zone's digits can be a number."""
        digits = NO_DIGIT.sub("", zone)
        regions = [region for region in self.regions if region.least <= len(digits)]
        if not regions or not digits.isascii() or ABROAD.search(zone):
            return regions
        here = [region for region in regions if region.plan.search(digits)]
        # A number that begins with + is the same in every region: the first one answers for all.
        return here if here or not ("+" in zone or "\uff0b" in zone) else regions[:1]

    def read(self, regions: list[Region], part: str, end: int) -> tuple[Place, ...]:
        """Ask Presidio about a part of a text whose digits end at `end`, unless it was asked before."""
        key = digest(f"{end}/{part}")
        known = self.memory.get(key)
        if known is not None:
            return known
        head = HEAD.search(part)
        found: set[Place] = set()
        for region in regions:
            found.update((one.start, one.end, one.score) for one in region.recognizer.analyze(part, self.entities))
            # What others find can only stand inside it.
            if head and part[end : end + 1] not in HASHES and (head.start(), end) in {place[:2] for place in found}:
                break
        return self.memory.put(key, tuple(found))


def is_settled(text: str, begin: int, end: int, settled: Collection[tuple[int, int]]) -> bool:
    """Say whether all that can be a number between two places stands in one settled place."""
    head = HEAD.search(text, begin)
    start = head.start() if head else begin
    return text[end : end + 1] not in HASHES and any(low <= start and end <= high for low, high in settled)


def zones(text: str) -> Iterator[tuple[int, int]]:
    """Find where digits stand that may belong to one number, with the marks before them."""
    for zone in ZONE.finditer(text):
        marks = MARKS_BEFORE.search(text, max(0, zone.start() - MOST_MARKS), zone.start())
        yield (marks.start() if marks else zone.start()), zone.end()


@lru_cache(maxsize=64)
def read_plan(name: str) -> re.Pattern[str]:
    """Read what digits are a number in a region, or in another of its country's code, out of `phonenumbers`."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, country_code_for_region

    own = PhoneMetadata.metadata_for_region(name, None)
    regions = COUNTRY_CODE_TO_REGION_CODE.get(country_code_for_region(name), ())
    plans = [PhoneMetadata.metadata_for_region(region, None) for region in regions]
    if own is None or own.national_prefix_transform_rule not in PLAIN_RULES:
        return re.compile("")
    kinds = [getattr(plan, kind) for plan in plans if plan for kind in KINDS]
    patterns = dict.fromkeys(kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern)
    return re.compile("|".join(patterns))
