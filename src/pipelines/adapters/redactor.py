"""What silver's redaction runs on the workers: frames of tickets, each field redacted with what the others tell.

A name that only the subject explains ("Refund for Marigold") is a name in the body too, and what the payload calls its
customer is personal wherever it stands.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipelines.adapters.detectors import load_engine, redact_texts, redaction_version, require_packages
from pipelines.adapters.known_values import KnownValues, read_customer
from pipelines.adapters.names import NameFinder
from pipelines.adapters.seams import Seam, cut_at, find_seam
from pipelines.declaration import MapBatches
from pipelines.errors import SettingsError
from pipelines.redaction_policy import RedactionSettings
from pipelines.transforms.normalisation import normalise_text
from pipelines.transforms.placeholders import RedactedText, Span
from pipelines.vocabulary import Reason

FIELDS = ("subject", "text")


@dataclass
class Ticket:
    """The fields of one ticket that are there, and what its customer is called."""

    raw: dict[str, str]
    customer: tuple[str, ...]
    redacted: dict[str, RedactedText]


def build_redactor(settings: RedactionSettings, key: bytes | None = None) -> MapBatches:
    """Build what `transforms.redaction.redact` runs on the workers; the engine is loaded there, once a process.

    The function takes frames with `raw_subject`, `raw_text`, `raw_customer`, `withheld` and gives frames with
    `subject`, `text`, `spans`, `withheld`, `redaction_version`, row by row.

    Raises:
        MissingDependencyError: when Presidio or spaCy is not installed.
        SettingsError: when pseudonyms are wanted and there is no key.
    """
    require_packages()
    pseudonyms = [name for name, operator in settings.operators.items() if operator == "pseudonym"]
    if pseudonyms and key is None:
        raise SettingsError(
            f"Setting redaction.entities: pseudonyms of {', '.join(pseudonyms)} need the key of a workspace. "
            "Name one with --workspace, or choose operator: placeholder."
        )

    def redact_frames(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            yield redact_frame(frame, settings, key)

    return redact_frames


def redact_frame(frame: pd.DataFrame, settings: RedactionSettings, key: bytes | None = None) -> pd.DataFrame:
    """Redact the subjects and texts of one frame; see `build_redactor`. Withheld rows pass with null text."""
    reasons = [reason if isinstance(reason, str) else None for reason in frame["withheld"]]
    columns = {name: frame[name].tolist() for name in (*(f"raw_{field}" for field in FIELDS), "raw_customer")}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    tickets = [read_ticket(row if reason is None else {}) for row, reason in zip(rows, reasons, strict=True)]
    redact_tickets(tickets, settings, key)
    answers = [answer_row(ticket.redacted, reason) for ticket, reason in zip(tickets, reasons, strict=True)]
    given = [*FIELDS, "spans", "withheld"]
    return pd.DataFrame(answers, columns=given, dtype=object).assign(redaction_version=redaction_version(settings))


def read_ticket(row: Mapping[str, object]) -> Ticket:
    """Take the fields of a row that hold anything."""
    raw = {field: value for field in FIELDS if isinstance(value := row.get(f"raw_{field}"), str)}
    customer = row.get("raw_customer")
    return Ticket(raw, read_customer(customer) if isinstance(customer, str) else (), {})


def redact_tickets(tickets: list[Ticket], settings: RedactionSettings, key: bytes | None) -> None:
    """Redact every field, then again those of which the customer or the other field tells something."""
    names = load_engine(settings).names
    places = [(ticket, field) for ticket in tickets for field in ticket.raw]
    crossing = seam_spans(tickets, settings, names)
    known = [spans.get(field, []) for ticket, spans in zip(tickets, crossing, strict=True) for field in ticket.raw]
    texts = [ticket.raw[field] for ticket, field in places]
    for (ticket, field), answer in zip(places, redact_texts(texts, settings, key, known), strict=True):
        ticket.redacted[field] = answer
    values = KnownValues(names, settings)
    told = [(ticket, field, told_spans(ticket, field, values)) for ticket, field in places]
    changed = [(ticket, field, spans) for ticket, field, spans in told if spans]
    texts, known = [ticket.raw[field] for ticket, field, _ in changed], [spans for _, _, spans in changed]
    for (ticket, field, _), answer in zip(changed, redact_texts(texts, settings, key, known), strict=True):
        ticket.redacted[field] = answer


def seam_spans(
    tickets: Sequence[Ticket], settings: RedactionSettings, names: NameFinder
) -> list[dict[str, list[Span]]]:
    """Find what crosses from the subject of each ticket into its text, by field."""
    seams = [seam_of(ticket, names) for ticket in tickets]
    answers = iter(redact_texts([seam.text for seam in seams if seam], settings))
    return [dict(zip(FIELDS, cut_at(seam, next(answers).spans), strict=True)) if seam else {} for seam in seams]


def seam_of(ticket: Ticket, names: NameFinder) -> Seam | None:
    """Give the words around the seam of a ticket that has both fields."""
    subject, text = (normalise_text(ticket.raw.get(field, "")) for field in FIELDS)
    return find_seam(subject, text, names)


def told_spans(ticket: Ticket, field: str, values: KnownValues) -> list[Span]:
    """Find in a field what its customer is called and whom the other field names; with nothing new, nothing."""
    answer = ticket.redacted[field]
    if answer.text is None:
        return []
    people = tuple(value for other in ticket.redacted if other != field for value in named_people(ticket, other))
    if not (people or ticket.customer):
        return []
    text = normalise_text(ticket.raw[field])
    told = [
        one
        for one in values.find(text, ticket.customer, people)
        if not any(span.start <= one.start and one.end <= span.end for span in answer.spans)
    ]
    return [*answer.spans, *told] if told else []


def named_people(ticket: Ticket, field: str) -> Iterator[str]:
    """Give the names that were found in a field."""
    spans = [span for span in ticket.redacted[field].spans if span.type == "PERSON"]
    text = normalise_text(ticket.raw[field]) if spans else ""
    yield from (text[span.start : span.end] for span in spans)


def answer_row(parts: Mapping[str, RedactedText], reason: str | None) -> dict[str, object]:
    """Make a row of a record's redacted fields; one field that failed withholds them all."""
    if any(part.text is None for part in parts.values()):
        parts, reason = {}, Reason.REDACTION_FAILED.value
    spans = [
        {"field": field, "type": span.type, "start": span.start, "end": span.end, "score": span.score}
        for field, part in parts.items()
        for span in part.spans
    ]
    texts = {field: parts[field].text if field in parts else None for field in FIELDS}
    return {**texts, "spans": spans, "withheld": reason}
