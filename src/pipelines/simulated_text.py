"""Wording of made-up tickets: templates filled with slots, personal values planted with their place, and typos."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import yaml

from pipelines.configuration import conf_dir
from pipelines.errors import MissingDependencyError

if TYPE_CHECKING:
    from faker import Faker

PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
CARDS = ("visa16", "mastercard", "discover")
DOMAINS = ("com", "org", "net")
AREA_CODES = ("212", "312", "415", "503", "617", "702", "808")
TYPO_SHARE, LOWER_CASE_SHARE, SHORT_SHARE = 0.22, 0.08, 0.15

Piece = tuple[str, str | None]
"""A stretch of text, and the entity type when it is personal."""


@dataclass(frozen=True)
class Span:
    """Where a personal value stands: code points of the field as it was sent."""

    field: str
    type: str
    start: int
    end: int


@dataclass(frozen=True)
class Person:
    """A made-up customer."""

    customer_id: str
    name: str
    email: str


def open_faker(seed: int) -> "Faker":
    """Open a seeded Faker.

    Raises:
        MissingDependencyError: when the extra `demo` is not installed.
    """
    try:
        from faker import Faker
    except ImportError as error:
        raise MissingDependencyError("Made-up tickets need Faker: pip install 'intent-lakehouse[demo]'") from error
    fake = Faker("en_US")
    fake.seed_instance(seed)
    return fake


class Wording:
    """Writes texts; every choice comes from the one seeded `random`, so equal seeds write equal texts."""

    def __init__(self, random: Random, fake: "Faker", path: Path | None = None) -> None:
        content = yaml.safe_load((path or conf_dir() / "demo" / "tickets.yml").read_text(encoding="utf-8"))
        self.content: dict[str, list[str]] = content
        self.slots: dict[str, list[str]] = content["slots"]
        self.intents: dict[str, dict[str, list[str]]] = content["intents"]
        self.synonyms: list[list[str]] = content["synonyms"]
        self.flood: dict[str, str] = content["flood"]
        self.unseen: list[dict[str, str]] = content["unseen"]
        self.random, self.fake = random, fake

    def choose_slots(self) -> dict[str, str]:
        """Choose each slot once: a ticket speaks of one product and one order throughout."""
        chosen = {name: self.random.choice(values) for name, values in self.slots.items()}
        digits = PLACEHOLDER.sub(lambda _: str(self.random.randrange(10)), chosen["order"])
        return {**chosen, "order": digits}

    def fill(self, template: str, slots: dict[str, str], person: Person) -> list[Piece]:
        """Fill a template; personal values become pieces of their own."""
        article = "an" if slots["product"][0] in "aeiou" else "a"
        template = re.sub(r"\ban? \{product\}", f"{article} {{product}}", template)
        pieces: list[Piece] = []
        end = 0
        for match in PLACEHOLDER.finditer(template):
            pieces.append((template[end : match.start()], None))
            name = match[1]
            pieces.append((slots[name], None) if name in slots else self.personal_value(name, person))
            end = match.end()
        return [*pieces, (template[end:], None)]

    def personal_value(self, name: str, person: Person) -> Piece:
        """Make a value of the type a template asks for; a ticket's own customer keeps name and email."""
        fake, random = self.fake, self.random
        if name == "PHONE_NUMBER":
            # 555-01xx is kept for fiction: such a number rings nowhere.
            line = f"555-01{random.randrange(100):02d}"
            area = random.choice(AREA_CODES)
            return random.choice([f"({area}) {line}", f"{area}-{line}", f"+1 {area} {line}"]), name
        if name == "CREDIT_CARD":
            digits = str(fake.credit_card_number(random.choice(CARDS)))
            grouped = " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
            return random.choice([digits, grouped]), name
        kind = {"OTHER_PERSON": "PERSON", "ADDRESS": "LOCATION"}.get(name, name)
        makers: dict[str, Callable[[], object]] = {
            "PERSON": lambda: person.name,
            "OTHER_PERSON": lambda: make_name(fake),
            "EMAIL_ADDRESS": lambda: person.email,
            "LOCATION": lambda: (fake.local_latlng("US") or ("", "", "Chicago"))[2],
            "ADDRESS": fake.street_address,
            "IBAN_CODE": fake.iban,
            "US_SSN": fake.ssn,
            "IP_ADDRESS": fake.ipv4_public,
        }
        return str(makers[name]()), kind

    def write_ticket(self, intents: list[str], person: Person) -> tuple[list[Piece], list[Piece]]:
        """Write subject and text of a ticket about one intent, or two."""
        slots, short = self.choose_slots(), self.random.random() < SHORT_SHARE
        parts = self.intents[intents[0]]
        sentences = [self.random.choice(parts["cores"])]
        sentences += [
            self.random.choice(["Also, ", "And one more thing: "]) + self.pick(i, "cores") for i in intents[1:]
        ]
        sentences += [] if short else self.extras(parts)
        subject = parts["subjects"] if self.random.random() < 0.94 else self.content["personal_subjects"]
        text = self.dress(sentences, slots, person, short)
        return self.fill(self.random.choice(subject), slots, person), text

    def pick(self, intent: str, kind: str) -> str:
        """Choose a sentence of an intent."""
        return self.random.choice(self.intents[intent][kind])

    def extras(self, parts: dict[str, list[str]]) -> list[str]:
        """Choose what comes after the core: details, personal sentences, a mood, a question."""
        chances = (
            (0.75, "details"),
            (0.2, "details"),
            (0.4, "personal"),
            (0.15, "personal"),
            (0.2, "moods"),
            (0.6, "asks"),
        )
        sentences: list[str] = []
        for chance, kind in chances:
            sentence = self.random.choice(parts.get(kind) or self.content[kind])
            if self.random.random() < chance and sentence not in sentences:
                sentences.append(sentence)
        return sentences

    def write_off_topic(self, person: Person) -> tuple[list[Piece], list[Piece]]:
        """Write subject and text of a ticket of no known intent."""
        subject = self.random.choice(["Question", "A request", "Hello", "To whom it may concern"])
        sentences = [self.random.choice(self.content["off_topic"])]
        return [(subject, None)], self.dress(sentences, self.choose_slots(), person, short=False)

    def dress(self, sentences: list[str], slots: dict[str, str], person: Person, short: bool) -> list[Piece]:
        """Put greeting, sentences and closing together, as tidy or untidy as people write."""
        greeted = self.random.random() < (0.2 if short else 0.55)
        first = sentences[0] if greeted else sentences[0][0].upper() + sentences[0][1:]
        lines = " ".join([*([self.random.choice(self.content["greetings"])] if greeted else []), first, *sentences[1:]])
        ending = self.random.random()
        if ending < 0.2 and not short:
            lines += "\n" + self.random.choice(self.content["signatures"])
        elif ending < 0.5:
            lines += " " + self.random.choice(self.content["closings"])
        return self.make_untidy(self.fill(self.reword(lines), slots, person))

    def reword(self, text: str) -> str:
        """Swap phrases for others of the same meaning, so that few tickets are word for word alike."""
        for phrases in self.synonyms:
            words = "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
            choose = partial(choose_phrase, self.random, phrases)
            text = re.sub(rf"(?<![{{\w])(?:{words})(?![}}\w])", choose, text)
        return text

    def make_untidy(self, pieces: list[Piece]) -> list[Piece]:
        """Make some texts lower case and some mistyped; personal values stay as they are."""
        if self.random.random() < LOWER_CASE_SHARE:
            pieces = [(text if kind else text.lower(), kind) for text, kind in pieces]
        if self.random.random() < TYPO_SHARE:
            for _ in range(self.random.randint(1, 3)):
                place = self.random.randrange(len(pieces))
                text, kind = pieces[place]
                pieces[place] = (text if kind else mistype(text, self.random), kind)
        return pieces


def choose_phrase(random: Random, phrases: list[str], found: re.Match[str]) -> str:
    """Choose what stands in place of a phrase that was found."""
    return random.choice(phrases)


def make_people(fake: "Faker", count: int) -> list[Person]:
    """Make customers; their mail domains are kept for examples."""
    names = [make_name(fake) for _ in range(count)]
    mailboxes = [f"{name.lower().replace(' ', '.')}{10 + n % 90}" for n, name in enumerate(names)]
    return [
        Person(f"C-{1000 + n}", name, f"{mailbox}@example.{DOMAINS[n % 3]}")
        for n, (name, mailbox) in enumerate(zip(names, mailboxes, strict=True))
    ]


def make_name(fake: "Faker") -> str:
    """Make a full name without titles."""
    return f"{fake.first_name()} {fake.last_name()}"


def mistype(text: str, random: Random) -> str:
    """Swap, drop or double one letter of one longer word."""
    words = list(re.finditer(r"[a-z]{5,}", text))
    if not words:
        return text
    word = random.choice(words)
    place = word.start() + random.randrange(1, len(word[0]) - 1)
    before, here, after = text[:place], text[place], text[place + 1 :]
    return random.choice([before + after[:1] + here + after[1:], before + after, before + here + here + after])


def assemble(field: str, pieces: list[Piece]) -> tuple[str, tuple[Span, ...]]:
    """Join pieces into a field, and say where its personal values stand."""
    text, spans = "", []
    for piece, kind in pieces:
        if kind is not None:
            spans.append(Span(field, kind, len(text), len(text) + len(piece)))
        text += piece
    return text, tuple(spans)
