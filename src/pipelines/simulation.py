"""Made-up support tickets whose truth is known: equal seeds give equal bytes.

Everything a real stream does to a pipeline is in here: personal values, typos, exact and near duplicates, a flood of
one text, re-deliveries, invalid messages, unknown and ambiguous intents, a text too long to read.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from pipelines.adapters.kafka import OutgoingMessage
from pipelines.simulated_labels import write_labelled_files
from pipelines.simulated_poison import INVALID, Fields, encode
from pipelines.simulated_text import Person, Span, Wording, assemble, make_people, mistype, open_faker
from pipelines.transforms.payloads import Ticket, name_ticket, parse_ticket
from pipelines.vocabulary import UNKNOWN_LABEL

__all__ = ["Simulation", "TruthRow", "generate", "write_labelled_files", "write_truth"]

START = datetime(2026, 1, 5, tzinfo=UTC)
PERIOD = timedelta(days=3)
SOURCES = ("email", "chat", "web_form")
AMBIGUOUS = "ambiguous"
SHARES = {
    "unknown": 0.05, "near_duplicate": 0.04, "ambiguous": 0.04,
    "exact_duplicate": 0.03, "redelivery": 0.02, "invalid": 0.02,
}  # fmt: skip
SMALLEST_MIX = 20
"""Fewer messages than this are plain tickets only."""
FLOOD_SHARE, SMALLEST_FLOOD = 0.012, 5
"""The demo keeps 3 equal texts a day: the smallest flood is above that."""
TOO_LONG_LINES = 600


@dataclass(frozen=True)
class TruthRow:
    """What is true about one message; the pipeline never reads this.

    Attributes:
        message: its number, from 0, in the order of sending.
        record_id: its record; none for an invalid message, which Kafka's coordinates name.
        kind: ticket, or what is special about it.
        intent: the intent's name, `unknown`, or `ambiguous`; none for an invalid message.
        intents: the two intents of an ambiguous ticket.
        error_code: the reason an invalid message must get.
        spans: planted personal values by field, type and place.
        original: record the duplicate, near duplicate or re-delivery was made of.
    """

    message: int
    record_id: str | None
    kind: str
    intent: str | None
    intents: tuple[str, ...] = ()
    error_code: str | None = None
    spans: tuple[Span, ...] = ()
    original: str | None = None


@dataclass(frozen=True)
class Simulation:
    """Messages in the order of sending, and one truth row for each."""

    messages: list[OutgoingMessage]
    truth: list[TruthRow]
    unseen: list[dict[str, str]]
    """Texts with their intent that come in with a labelled file only."""


def generate(seed: int, count: int) -> Simulation:
    """Make exactly `count` messages, spread over three days from 2026-01-05 (UTC).

    Raises:
        MissingDependencyError: when Faker is not installed.
    """
    writer = Writer(seed, count)
    for kind in plan_kinds(writer.random, count):
        writer.add(kind)
    return Simulation(writer.messages, writer.truth, writer.wording.unseen)


def plan_kinds(random: Random, count: int) -> list[str]:
    """Say what each message will be; the flood comes in one piece, so that it hits one day."""
    if count < SMALLEST_MIX:
        return ["ticket"] * count
    special = [kind for kind, share in SHARES.items() for _ in range(max(1, round(share * count)))]
    if count >= SMALLEST_MIX * len(INVALID):
        special += ["invalid"] * max(0, len(INVALID) - special.count("invalid"))
    flood = max(SMALLEST_FLOOD, round(FLOOD_SHARE * count))
    kinds = [*special, "too_long", *["ticket"] * max(0, count - len(special) - flood - 1)]
    random.shuffle(kinds)
    middle = len(kinds) * 2 // 5
    return [*kinds[:middle], *["flood"] * flood, *kinds[middle:]][:count]


def write_truth(simulation: Simulation, path: Path) -> None:
    """Write the truth, one JSON object a message."""
    rows = (json.dumps(asdict(row), ensure_ascii=False) for row in simulation.truth)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


class Writer:
    """Makes messages one by one and notes the truth about each."""

    def __init__(self, seed: int, count: int) -> None:
        # Two streams of numbers: how many of them a made-up name takes must not change which ticket comes next.
        self.random, fake = open_faker(seed).random, open_faker(seed)
        self.wording = Wording(self.random, fake)
        self.step = PERIOD / max(count, 1)
        self.messages: list[OutgoingMessage] = []
        self.truth: list[TruthRow] = []
        self.plain: deque[tuple[Fields, TruthRow]] = deque(maxlen=200)
        """Recent tickets without personal values: what duplicates are made of."""
        self.shapes = 0
        self.people = make_people(fake, max(5, count // 4))

    def add(self, kind: str) -> None:
        """Make one message of a kind; a duplicate with nothing to repeat yet is a ticket."""
        makers: dict[str, Callable[[], None]] = {
            "unknown": self.add_unknown,
            "ambiguous": self.add_ambiguous,
            "exact_duplicate": self.add_exact_duplicate,
            "near_duplicate": self.add_near_duplicate,
            "redelivery": self.add_redelivery,
            "invalid": self.add_invalid,
            "flood": self.add_flood,
            "too_long": self.add_too_long,
        }
        needs_original = kind in ("exact_duplicate", "near_duplicate", "redelivery")
        makers.get("ticket" if needs_original and not self.plain else kind, self.add_ticket)()

    def add_ticket(self) -> None:
        """Make a ticket about one intent."""
        intent = self.random.choice(list(self.wording.intents))
        self.add_written([intent], "ticket", intent)

    def add_ambiguous(self) -> None:
        """Make a ticket about two intents."""
        self.add_written(self.random.sample(list(self.wording.intents), 2), "ambiguous", AMBIGUOUS)

    def add_written(self, intents: list[str], kind: str, intent: str) -> None:
        """Make a ticket of the templates."""
        person = self.random.choice(self.people)
        subject, text = self.wording.write_ticket(intents, person)
        (subject_text, subject_spans), (body, spans) = assemble("subject", subject), assemble("text", text)
        fields = self.fields(person, subject_text, body)
        both = tuple(intents) if kind == AMBIGUOUS else ()
        truth = TruthRow(0, None, kind, intent, both, spans=subject_spans + spans)
        row = self.send(fields, truth)
        if not row.spans and kind == "ticket":
            self.plain.append((fields, row))

    def add_unknown(self) -> None:
        """Make a ticket of no known intent."""
        person = self.random.choice(self.people)
        subject, text = self.wording.write_off_topic(person)
        body, spans = assemble("text", text)
        self.send(self.fields(person, subject[0][0], body), TruthRow(0, None, "unknown", UNKNOWN_LABEL, spans=spans))

    def add_exact_duplicate(self) -> None:
        """Repeat a text in a ticket of its own; case and white space may differ."""
        fields, row = self.random.choice(self.plain)
        text = str(fields["text"])
        body = self.random.choice([text, text.upper(), "  " + text.replace(" ", "  ")])
        self.send_again(str(fields.get("subject", "Question")), body, row, "exact_duplicate")

    def add_near_duplicate(self) -> None:
        """Repeat a text with a typo and another ending."""
        fields, row = self.random.choice(self.plain)
        body = mistype(str(fields["text"]).rstrip(".!? "), self.random) + self.random.choice(
            ["!!", " Please!", " ASAP", " ??"]
        )
        self.send_again(str(fields.get("subject", "Question")), body, row, "near_duplicate")

    def add_flood(self) -> None:
        """Send the text of the outage once more."""
        flood = self.wording.flood
        self.send(self.fields(self.random.choice(self.people), flood["subject"], flood["text"]),
                  TruthRow(0, None, "flood", flood["intent"]))  # fmt: skip

    def add_too_long(self) -> None:
        """Make a ticket with a pasted log."""
        lines = [f"12:{n // 60 % 60:02d}:{n % 60:02d} ERROR sync failed, code {n % 17}" for n in range(TOO_LONG_LINES)]
        text = "The app crashes all day, here is the complete log:\n" + "\n".join(lines)
        fields = self.fields(self.random.choice(self.people), "Crash log", text)
        self.send(fields, TruthRow(0, None, "too_long", "app_crash"))

    def add_redelivery(self) -> None:
        """Send a message once more, byte for byte."""
        _, row = self.random.choice(self.plain)
        again = replace(self.messages[row.message], timestamp_ms=self.next_time())
        self.note(again, replace(row, kind="redelivery", original=row.record_id))

    def add_invalid(self) -> None:
        """Make a message that is no ticket, each shape in turn."""
        person = self.random.choice(self.people)
        subject, text = self.wording.write_ticket(["order_status"], person)
        fields = self.fields(person, assemble("subject", subject)[0], assemble("text", text)[0])
        reason, make = INVALID[self.shapes % len(INVALID)]
        self.shapes += 1
        message = OutgoingMessage(make(fields), str(fields["ticket_id"]).encode(), (), self.next_time())
        self.note(message, TruthRow(0, None, "invalid", None, error_code=reason))

    def send_again(self, subject: str, text: str, row: TruthRow, kind: str) -> None:
        """Send a text in a ticket of its own."""
        fields = self.fields(self.random.choice(self.people), subject, text)
        self.send(fields, TruthRow(0, None, kind, row.intent, original=row.record_id))

    def fields(self, person: Person, subject: str, text: str) -> Fields:
        """Lay out a payload; sources write the customer in their own ways, and fields of their own beside."""
        source = self.random.choice(SOURCES)
        written = {"email": person.email, "chat": {"id": person.customer_id, "email": person.email}}
        whole = {"id": person.customer_id, "name": person.name, "email": person.email}
        received = START + self.step * len(self.messages) - timedelta(seconds=self.random.randint(5, 90))
        return {
            "ticket_id": f"T-{100_000 + len(self.messages)}",
            "source": source,
            "created_at": received.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **({} if source == "chat" else {"subject": subject}),
            "text": text,
            "customer": written.get(source, whole),
            "tags": self.random.choice([[], ["mobile"], ["returning"], ["mobile", "returning"]]),
            "queue": self.random.choice(["general", "orders", "account"]),
        }

    def send(self, fields: Fields, truth: TruthRow) -> TruthRow:
        """Send a payload and note its truth under the record's name."""
        value = encode(fields)
        ticket = parse_ticket(value)
        record_id = name_ticket(ticket) if isinstance(ticket, Ticket) else None
        spans = tuple(span for span in truth.spans if span.field in fields)
        headers = (("channel", str(fields["source"]).encode()),)
        message = OutgoingMessage(value, str(fields["ticket_id"]).encode(), headers, self.next_time())
        return self.note(message, replace(truth, record_id=record_id, spans=spans))

    def note(self, message: OutgoingMessage, truth: TruthRow) -> TruthRow:
        """Keep a message with its truth."""
        row = replace(truth, message=len(self.messages))
        self.messages.append(message)
        self.truth.append(row)
        return row

    def next_time(self) -> int:
        """The Kafka time of the next message: UTC milliseconds."""
        return int((START + self.step * len(self.messages)).timestamp() * 1_000)
