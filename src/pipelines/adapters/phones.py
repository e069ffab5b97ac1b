"""Presidio's recognizer of phone numbers, shown the neighbourhoods of digits instead of whole texts, each once.

It reads a text once for each of its regions, and most of what it reads has no digit near.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.adapters.memory import Memory, digest

if TYPE_CHECKING:
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

MARK = r"[^\w\n]"
EXTENSION = r"[^\d\n]{0,12}?(?:x|\uff58|int|\uff49\uff4e\uff54|\u0434\u043e\u0431|anexo)[^\d\n]{0,16}?"
ZONE = re.compile(rf"{MARK}{{0,11}}\d(?:(?:{MARK}{{0,40}}|{EXTENSION})\d)*", re.IGNORECASE)
"""Digits that may belong to one number, the marks before them included: no other word stands between its digits."""
LEAST_DIGITS = {"DE": 4, "CA": 7, "GB": 7, "IL": 7, "BR": 8, "FR": 8, "IN": 8, "US": 9}
"""No number of fewer digits is valid in a region: the least of its plan, or of a number that is dialled abroad."""
MOST_ZONES = 50_000

Place = tuple[int, int, float]
"""Start, end and score."""


class PhoneFinder:
    """Finds what Presidio's recognizer finds, asked only for the regions that a zone has digits enough for."""

    def __init__(self, recognizer: "PhoneRecognizer") -> None:
        from presidio_analyzer.predefined_recognizers import PhoneRecognizer

        self.entities = list(recognizer.supported_entities)
        self.memory: Memory[tuple[Place, ...]] = Memory(MOST_ZONES)
        least = {region: LEAST_DIGITS.get(region, 0) for region in recognizer.supported_regions}
        self.by_digits = {
            digits: PhoneRecognizer(
                supported_regions=tuple(region for region in least if least[region] <= digits),
                leniency=recognizer.leniency,
            )
            for digits in sorted(set(least.values()))
        }

    def find(self, text: str) -> Iterator[Place]:
        """Give start, end and score of each number in a text."""
        for zone in ZONE.finditer(text):
            digits = sum(map(str.isdigit, zone[0]))
            recognizer = next((self.by_digits[least] for least in reversed(self.by_digits) if least <= digits), None)
            if recognizer:
                # A letter right before or behind forbids a number; a # behind belongs to it.
                start = max(0, zone.start() - 1)
                for low, high, score in self.read(recognizer, text[start : zone.end() + 2]):
                    yield start + low, start + high, score

    def read(self, recognizer: "PhoneRecognizer", part: str) -> tuple[Place, ...]:
        """Ask Presidio about a part of a text, unless it was asked before."""
        key = digest(part)
        known = self.memory.get(key)
        if known is not None:
            return known
        results = recognizer.analyze(part, self.entities)
        return self.memory.put(key, tuple((one.start, one.end, one.score) for one in results))
