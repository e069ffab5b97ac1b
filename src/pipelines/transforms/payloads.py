"""One ticket in, one verdict out: validity and names, decided on the bytes in plain Python.

Spark's own JSON reader is not asked: it accepts trailing garbage, keeps the last of two equal keys and turns lone
surrogates into question marks. Nothing here throws, whatever the bytes are.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.vocabulary import Reason

MAX_DEPTH = 64
"""Nesting at which a payload stops being JSON for us: a fixed number, not whatever stack the worker has left."""
SOURCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _.:/-]{0,62}[A-Za-z0-9])?")
"""A channel or system: never an address, so it may stand in clear on every table."""
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
ISO_TIME = re.compile(rf"{DAY}(?:[T ]{CLOCK}(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?)?")
PLAUSIBLE_YEARS = range(1970, 2101)
COMPACT_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
REQUIRED = ("source", "created_at", "text")
KEYS_OF_A_CUSTOMER = ("email", "id", "name")

Payload = dict[str, object]


@dataclass(frozen=True)
class Ticket:
    """A valid payload, its fields typed."""

    source: str
    created_at: datetime
    text: str
    subject: str | None = None
    ticket_id: str | None = None
    customer: tuple[str, str] | None = None
    """Canonical form: what names the customer (email, id or name) and its folded value."""
    called: tuple[str, ...] = ()
    """What the customer is called, as written: email, id and name. Personal wherever it stands in the text."""


class NotAPayloadError(ValueError):
    """Raised inside this module when bytes are no JSON object; callers get the reason as a value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_ticket(value: bytes | None) -> Ticket | Reason:
    """Read a message value as a ticket, or say why it is none. Unknown fields are fine."""
    payload = decode_object(value)
    if isinstance(payload, Reason):
        return payload
    if any(payload.get(name) is None for name in REQUIRED):
        return Reason.FIELD_MISSING
    ticket = read_fields(payload)
    if ticket is None:
        return Reason.FIELD_INVALID
    return Reason.TEXT_EMPTY if is_blank(ticket.text) else ticket


def decode_object(value: bytes | None) -> Payload | Reason:
    """Decode bytes as one strict JSON object in UTF-8 (a byte order mark is accepted)."""
    if value is None:
        return Reason.VALUE_MISSING
    try:
        text = bytes(value).decode("utf-8-sig")
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    try:
        content: object = STRICT_JSON.decode(text)
        # A payload that cannot be encoded holds a lone surrogate: no table could keep its text.
        if is_deeper_than(content, MAX_DEPTH) or ("\\u" in text and not is_encodable(content)):
            return Reason.NOT_JSON
    except (ValueError, RecursionError):
        return Reason.NOT_JSON
    return content if isinstance(content, dict) else Reason.NOT_AN_OBJECT


def unique_pairs(pairs: list[tuple[str, object]]) -> Payload:
    """Refuse an object that has a key twice: which of the two was meant cannot be known."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise NotAPayloadError(Reason.NOT_JSON)
    return content


def refuse_constant(name: str) -> object:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise NotAPayloadError(Reason.NOT_JSON)


STRICT_JSON = json.JSONDecoder(object_pairs_hook=unique_pairs, parse_constant=refuse_constant)


def is_deeper_than(content: object, depth: int) -> bool:
    """Tell whether containers nest deeper than `depth`; level by level, so that it cannot overflow the stack."""
    level = [content]
    for _ in range(depth):
        level = [child for node in level for child in children(node)]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)


def children(node: object) -> Iterable[object]:
    """List what a JSON container holds; scalars hold nothing."""
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def is_encodable(content: object) -> bool:
    """Tell whether every string in a JSON value can be written as UTF-8."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def read_fields(payload: Payload) -> Ticket | None:
    """Type the fields of a payload that has all it needs; none when one of them is wrong."""
    source, text, subject = payload["source"], payload["text"], payload.get("subject")
    created_at, tags = parse_time(payload["created_at"]), payload.get("tags")
    ticket_id, customer = payload.get("ticket_id"), payload.get("customer")
    if not isinstance(source, str) or not SOURCE.fullmatch(source) or created_at is None:
        return None
    if not isinstance(text, str) or not isinstance(subject, str | None):
        return None
    tags_are_texts = tags is None or (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags))
    if not (tags_are_texts and is_identifier(ticket_id) and is_customer(customer)):
        return None
    name = "" if ticket_id is None else str(ticket_id).strip()
    return Ticket(source, created_at, text, subject, name or None, canonical_customer(customer), called(customer))


def is_identifier(value: object) -> bool:
    """Tell whether a value may name something: a text, a whole number, or nothing."""
    return value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def is_customer(value: object) -> bool:
    """Tell whether a value may stand for a customer: a text, or an object whose id, email and name may name one."""
    if isinstance(value, dict):
        return all(is_identifier(value.get(key)) for key in KEYS_OF_A_CUSTOMER)
    return isinstance(value, str | None)


def called(customer: object) -> tuple[str, ...]:
    """List what a customer is called, as written."""
    values = [customer.get(key) for key in KEYS_OF_A_CUSTOMER] if isinstance(customer, dict) else [customer]
    return tuple(str(value) for value in values if value is not None)


def canonical_customer(value: object) -> tuple[str, str] | None:
    """Reduce a customer to one form, so that one person has one pseudonym whichever way a system writes them.

    An object is named by its email, else its id, else its name; a text with an `@` is an email, any other text an
    id. Values are folded like texts. Nothing usable gives none.
    """
    if isinstance(value, dict):
        for key in KEYS_OF_A_CUSTOMER:
            folded = normalise_text(str(value.get(key))) if value.get(key) is not None else ""
            if folded:
                return key, folded
        return None
    folded = normalise_text(value) if isinstance(value, str) else ""
    return ("email" if "@" in folded else "id", folded) if folded else None


def parse_time(value: object) -> datetime | None:
    """Read an ISO-8601 time or date as UTC (naive means UTC); none when it is none, or not of the years 1970-2100."""
    if not isinstance(value, str) or not ISO_TIME.fullmatch(value.strip().upper()):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    if parsed.year not in PLAUSIBLE_YEARS:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def is_blank(text: str) -> bool:
    """Tell whether a text has nothing to read: only separators, controls and invisible format characters."""
    return all(unicodedata.category(character)[0] in "ZC" for character in text)


def normalise_text(text: str) -> str:
    """Fold what does not make two texts different: compatibility forms (NFKC), case, white space."""
    if text.isascii():  # has one form only
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def canonical_json(*parts: object) -> bytes:
    """Write parts as the one JSON array that identifiers are made of: compact, UTF-8, nothing escaped needlessly."""
    return COMPACT_JSON.encode(parts).encode("utf-8", "surrogatepass")


def name_content(*parts: object) -> str:
    """Name a combination of values by the SHA-256 (hex) of its canonical JSON."""
    return hashlib.sha256(canonical_json(*parts)).hexdigest()


def name_ticket(ticket: Ticket) -> str | None:
    """Name a ticket by its content; none without a ticket_id: equal texts may then be different tickets."""
    if ticket.ticket_id is None:
        return None
    return name_content(ticket.source, ticket.ticket_id, ticket.subject or "", ticket.text)
