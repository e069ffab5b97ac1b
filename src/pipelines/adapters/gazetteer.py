"""Lists of given names, family names, cities and countries, and of ordinary words, from packages that are installed.

Names, cities and countries are Faker's, of all its locales; ordinary words are the lemma lists (WordNet) that come with
the spaCy model. A name that is no ordinary word is telling by itself; "Mark" or "Rose" is not.
"""

import importlib
import pkgutil
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.lookups import Lookups

MIN_NAME_CHARS = 3
INFLECTIONS = ("", "s", "es", "d", "ed", "ing", "ly")
PARTS = re.compile(r"[\s-]+")
CITY_LISTS = ("cities", "city_names", "municipalities", "states", "departments", "counties", "towns")
LEMMA_TABLES = ("lemma_index", "lemma_exc")
SURE_LOCALES = 3
"""A given name listed by that many locales is a name even where it is a word as well: John, Peter."""
CALENDAR = frozenset(
    {
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Gazetteer:
    """Lower-cased words, and what is known of each.

    Attributes:
        names: parts of given and family names.
        common_given: given names that many locales list.
        cities: whole names of cities, states and counties.
        countries: whole English names of countries.
        ordinary: words a dictionary knows; some are names as well.
        doing: those of them that are no nouns.
    """

    names: frozenset[str]
    common_given: frozenset[str]
    cities: frozenset[str]
    countries: frozenset[str]
    ordinary: frozenset[str]
    doing: frozenset[str]

    def is_telling(self, word: str) -> bool:
        """Say whether a lower-cased word is a name and nothing else."""
        return word in self.names and word not in self.ordinary and word.removesuffix("s") not in self.ordinary

    def is_given(self, word: str) -> bool:
        """Say whether a lower-cased word is first of all a given name: John, and not Mark or Will."""
        return self.is_telling(word) or (word in self.common_given and word not in self.doing)

    def is_ordinary(self, word: str) -> bool:
        """Say whether a lower-cased word, or what it is inflected from, is in the dictionary."""
        plain = word if word.isascii() else without_marks(word)
        return any(plain.endswith(ending) and plain.removesuffix(ending) in self.ordinary for ending in INFLECTIONS)

    def is_name(self, word: str) -> bool:
        """Say whether a lower-cased word is a name, whatever else it may be."""
        return word in self.names and word not in CALENDAR


def without_marks(word: str) -> str:
    """Take accents off: dictionaries know "cafe" and "resume"."""
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))


@lru_cache(maxsize=1)
def load_lists() -> tuple[Counter[str], frozenset[str], frozenset[str], frozenset[str]]:
    """Read Faker's lists: locales by given name, family names, cities, countries; all lower-cased."""
    import faker.providers.address
    import faker.providers.person

    given: Counter[str] = Counter()
    family: set[str] = set()
    cities: set[str] = set()
    for provider in locale_providers(faker.providers.person):
        given.update(set(words_of(provider, lambda name: name.startswith("first_name"))))
        family.update(words_of(provider, lambda name: name.startswith("last_name")))
    for provider in locale_providers(faker.providers.address):
        cities.update(words_of(provider, lambda name: name in CITY_LISTS))
    english = importlib.import_module("faker.providers.address.en").Provider
    countries = frozenset(words_of(english, lambda name: name == "countries"))
    return given, frozenset(family), frozenset(cities), countries


def locale_providers(package: ModuleType) -> list[type]:
    """List the provider class of each of a package's locales."""
    found = pkgutil.iter_modules(package.__path__)
    return [importlib.import_module(f"{package.__name__}.{module.name}").Provider for module in found]


def words_of(provider: type, wanted: Callable[[str], bool]) -> Iterable[str]:
    """Collect the words of a provider's lists; some are mappings from word to frequency."""
    for name in filter(wanted, dir(provider)):
        values = getattr(provider, name)
        if isinstance(values, Collection) and not isinstance(values, str):
            yield from (value.strip().lower() for value in values if isinstance(value, str))


def build_gazetteer(nlp: "Language", name_lists: bool = True) -> Gazetteer:
    """Put the lists together, with or without those of names; takes two seconds, once a process."""
    given, family, cities, countries = load_lists()
    if not name_lists:
        given, family = Counter(), frozenset()
    parts = {part for name in (*given, *family) for part in PARTS.split(name)}
    return Gazetteer(
        names=frozenset(part for part in parts if len(part) >= MIN_NAME_CHARS and part.isalpha()),
        common_given=frozenset(name for name, locales in given.items() if locales >= SURE_LOCALES) - CALENDAR,
        cities=frozenset(city for city in cities if len(city) >= MIN_NAME_CHARS),
        countries=countries,
        ordinary=frozenset(read_words(nlp, ("noun", "verb", "adj", "adv"))),
        doing=frozenset(read_words(nlp, ("verb", "adj", "adv"))),
    )


def read_words(nlp: "Language", kinds: Iterable[str]) -> set[str]:
    """Read the words of the model's lemma lists, and spaCy's stop words."""
    words = {str(word) for word in nlp.Defaults.stop_words}
    if nlp.has_pipe("lemmatizer"):
        lookups: Lookups | None = getattr(nlp.get_pipe("lemmatizer"), "lookups", None)
        tables = [lookups.get_table(name) for name in LEMMA_TABLES] if lookups else []
        for table in tables:
            words.update(word for kind in kinds for word in table.get(kind, ()))
    return words
