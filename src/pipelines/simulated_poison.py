"""Messages that are no tickets: the shapes broken producers send, each with the reason it must get."""

import json
from collections.abc import Callable

from pipelines.vocabulary import Reason

Fields = dict[str, object]


def encode(fields: Fields) -> bytes:
    """Write a payload as producers do: compact JSON in UTF-8."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def without(fields: Fields, *names: str) -> Fields:
    """Leave fields out."""
    return {name: value for name, value in fields.items() if name not in names}


def latin_1(fields: Fields) -> bytes:
    """Write a payload in the encoding of old systems."""
    return encode({**fields, "text": f"caf\u00e9: {fields['text']}"}).decode().encode("latin-1")


INVALID: tuple[tuple[Reason, Callable[[Fields], bytes | None]], ...] = (
    (Reason.VALUE_MISSING, lambda fields: None),
    (Reason.NOT_UTF8, latin_1),
    (Reason.NOT_JSON, lambda fields: encode(fields)[:-20]),
    (Reason.NOT_AN_OBJECT, lambda fields: b"[" + encode(fields) + b"]"),
    (Reason.FIELD_MISSING, lambda fields: encode(without(fields, "text"))),
    (Reason.FIELD_INVALID, lambda fields: encode({**fields, "created_at": 1767571200})),
    (Reason.TEXT_EMPTY, lambda fields: encode({**fields, "text": " \n\t "})),
    (Reason.NOT_JSON, lambda fields: encode(fields) + b" trailing"),
    (Reason.NOT_JSON, lambda fields: encode(fields)[:-1] + b',"text":"second text"}'),
    (Reason.NOT_JSON, lambda fields: encode(fields)[:-1] + b',"score":NaN}'),
    (Reason.NOT_JSON, lambda fields: encode(fields)[:-1] + b',"note":"\\ud800"}'),
    (Reason.NOT_JSON, lambda fields: b"[" * 3_000 + b"]" * 3_000),
    (Reason.FIELD_INVALID, lambda fields: encode({**fields, "source": "support@example.com"})),
    (Reason.NOT_AN_OBJECT, lambda fields: b'"hello, is anybody there?"'),
    (Reason.FIELD_MISSING, lambda fields: encode({**fields, "source": None})),
)
"""Reason and maker of each shape."""
