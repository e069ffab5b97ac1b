"""Pseudonyms: keyed hashes under which a text, ticket, customer, annotator or file can be found again, and not read."""

import hmac

from pipelines.transforms.payloads import Ticket, canonical_json, normalise_text


def pseudonym(key: bytes, domain: str, value: bytes) -> str:
    """Make the HMAC-SHA-256 (hex) of a value; the domain keeps keys of different kinds from ever being equal."""
    return hmac.digest(key, domain.encode() + b"\0" + value, "sha256").hex()


def key_text(key: bytes, text: str) -> str:
    """Make the text_key: equal for texts that differ only in form, case and white space."""
    return pseudonym(key, "text", normalise_text(text).encode("utf-8", "surrogatepass"))


def key_ticket(key: bytes, ticket: Ticket) -> str | None:
    """Make the ticket_key: the same for every edit of one ticket."""
    named = canonical_json(ticket.source, ticket.ticket_id)
    return None if ticket.ticket_id is None else pseudonym(key, "ticket", named)


def key_subject(key: bytes, customer: tuple[str, str] | None) -> str | None:
    """Make the subject_key: the same wherever this customer wrote."""
    return None if customer is None else pseudonym(key, "subject", canonical_json(*customer))


def key_annotator(key: bytes, annotator: str) -> str:
    """Make an annotator's pseudonym."""
    return pseudonym(key, "annotator", normalise_text(annotator).encode("utf-8", "surrogatepass"))


def key_file(key: bytes, path: str) -> str:
    """Make a dropped file's pseudonym."""
    return pseudonym(key, "file", path.encode("utf-8", "surrogatepass"))
