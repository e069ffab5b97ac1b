"""Values that a ticket itself tells to be personal, found wherever they stand in its text, without any model.

What the payload calls its customer counts whole; of names, the words that nobody would use for anything else count
alone too, and common words ("Mark", "Grace") where a capital shows that a name is meant.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from pipelines.adapters.name_words import MASKED, PART, is_mid_sentence
from pipelines.adapters.names import NameFinder
from pipelines.redaction_policy import RedactionSettings
from pipelines.transforms.normalisation import normalise_text, view
from pipelines.transforms.placeholders import Span

SCORE = 0.9
LEAST_CHARS = 4
"""A shorter customer number could be any amount or day."""


def read_customer(raw: str) -> tuple[str, ...]:
    """Take apart what a payload calls its customer (a line each): whole values, and the names in e-mail addresses."""
    values = [normalise_text(line).strip() for line in raw.split("\n")]
    owners = [" ".join(PART.findall(value.partition("@")[0])) for value in values if "@" in value]
    return tuple(dict.fromkeys(value for value in (*values, *owners) if value))


class KnownValues:
    """Finds known values; types that the policy does not detect stay.

    Args:
        names: knows which words are names.
        settings: the policy.
    """

    def __init__(self, names: NameFinder, settings: RedactionSettings) -> None:
        self.names, self.gazetteer, self.types = names, names.gazetteer, frozenset(settings.names)
        self.allowed = frozenset(map(str.casefold, settings.allow))

    def find(self, text: str, customer: Sequence[str], people: Sequence[str]) -> Iterator[Span]:
        """Give spans of a normalised text; they may overlap.

        Args:
            text: one field of a ticket.
            customer: what `read_customer` gave.
            people: names that were found elsewhere in the ticket.
        """
        shown = view(text)
        folded = shown.casefold()
        for value in (*customer, *people):
            kind = self.type_of(value)
            if kind and value.casefold() in folded and self.is_telling(value):
                pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
                places = re.finditer(pattern, shown, re.IGNORECASE)
                yield from (Span(*place.span(), kind, SCORE) for place in places)
        if "PERSON" in self.types:
            yield from self.find_parts(shown, (value for value in (*customer, *people) if not has_digit(value)))

    def find_parts(self, text: str, names: Iterable[str]) -> Iterator[Span]:
        """Find the words of names one by one."""
        wanted = {part.lower() for name in names if "@" not in name for part in PART.findall(name)} - self.allowed
        for word in PART.finditer(text) if wanted else ():
            part = word[0].lower()
            if part in wanted and not MASKED.fullmatch(part) and self.is_meant(text, word.start(), word[0]):
                yield Span(*word.span(), "PERSON", SCORE)

    def is_meant(self, text: str, start: int, word: str) -> bool:
        """Say whether a word of a name is that name here, and not the common word."""
        part = word.lower()
        if self.gazetteer.is_telling(part) or not self.gazetteer.is_ordinary(part):
            return True
        return word[0].isupper() and not text.isupper() and is_mid_sentence(text, start)

    def is_telling(self, value: str) -> bool:
        """Refuse what is too short to be meant, and single common words."""
        words = PART.findall(value)
        common = len(words) == 1 and words[0] == value and self.gazetteer.is_ordinary(value.lower())
        return len(value) >= LEAST_CHARS and not common and value.casefold() not in self.allowed

    def type_of(self, value: str) -> str | None:
        """Name a value: an address, a number, else a person; None when the policy leaves such values."""
        kind = "EMAIL_ADDRESS" if "@" in value else "ACCOUNT_NUMBER" if has_digit(value) else "PERSON"
        return kind if kind in self.types else None


def has_digit(value: str) -> bool:
    """Say whether a value is a number or a mixture, and no name."""
    return any(map(str.isdigit, value))
