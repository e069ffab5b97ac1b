"""Messages that broken, old or hostile producers send: named shapes with their one outcome, and any number more."""

import gzip
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.simulated_poison import INVALID

TICKET = "ticket"
"""The outcome of a message that is a ticket, however odd."""
HEAD = b'{"source":"email","created_at":"2026-01-05T09:30:00Z",'


@dataclass(frozen=True)
class Shape:
    """A message and what must become of it: a reason, or TICKET."""

    value: bytes | None
    outcome: str = ""
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def payload(**changes: object) -> bytes:
    fields = {"source": "email", "created_at": "2026-01-05T09:30:00Z", "text": "Where is my order?", **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def framed(schema_id: int, value: bytes, magic: int = 0) -> bytes:
    """Write a value as clients of a schema registry do: a magic byte, the id of a schema, the value."""
    return struct.pack(">bI", magic, schema_id) + value


NO_TICKETS = {
    "a tombstone": Shape(None, "value_missing"),
    "nothing at all": Shape(b"", "not_json"),
    "latin-1 bytes": Shape(HEAD + b'"text":"caf\xe9"}', "not_utf8"),
    "a surrogate in utf-8 bytes": Shape(HEAD + b'"text":"\xed\xa0\x80"}', "not_utf8"),
    "utf-16": Shape('{"text":"x"}'.encode("utf-16"), "not_utf8"),
    "utf-16 without a mark": Shape('{"text":"x"}'.encode("utf-16-le"), "not_json"),
    "plain words": Shape(b"hello", "not_json"),
    "a cut object": Shape(payload()[:-3], "not_json"),
    "trailing garbage": Shape(payload() + b" x", "not_json"),
    "two objects": Shape(payload() + b"\n" + payload(), "not_json"),
    "NaN": Shape(payload()[:-1] + b',"score":NaN}', "not_json"),
    "Infinity": Shape(payload()[:-1] + b',"score":-Infinity}', "not_json"),
    "a key twice": Shape(payload()[:-1] + b',"text":"other"}', "not_json"),
    "an inner key twice": Shape(payload()[:-1] + b',"customer":{"id":"1","id":"2"}}', "not_json"),
    "a lone surrogate": Shape(HEAD + b'"text":"a\\ud800b"}', "not_json"),
    "a lone surrogate as a key": Shape(payload()[:-1] + b',"\\udfff":1}', "not_json"),
    "nesting 65 deep": Shape(payload()[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}", "not_json"),
    "nesting 200,000 deep": Shape(b"[" * 200_000 + b"]" * 200_000, "not_json"),
    "a number of 5,000 digits": Shape(payload()[:-1] + b',"x":' + b"9" * 5_000 + b"}", "not_json"),
    "an array": Shape(b"[1,2]", "not_an_object"),
    "a text": Shape(b'"hello"', "not_an_object"),
    "null": Shape(b"null", "not_an_object"),
    "no text": Shape(payload(text=...), "field_missing"),
    "text null": Shape(payload(text=None), "field_missing"),
    "no source": Shape(payload(source=...), "field_missing"),
    "no created_at": Shape(payload(created_at=...), "field_missing"),
    "text a number": Shape(payload(text=5), "field_invalid"),
    "text a list": Shape(payload(text=["a"]), "field_invalid"),
    "source empty": Shape(payload(source=""), "field_invalid"),
    "source an address": Shape(payload(source="a@example.com"), "field_invalid"),
    "source with a newline at its end": Shape(payload(source="email\n"), "field_invalid"),
    "source of 65 letters": Shape(payload(source="x" * 65), "field_invalid"),
    "created_at a number": Shape(payload(created_at=1767571200), "field_invalid"),
    "created_at in words": Shape(payload(created_at="yesterday"), "field_invalid"),
    "created_at before computers": Shape(payload(created_at="1869-12-31"), "field_invalid"),
    "created_at in 2101": Shape(payload(created_at="2101-01-01"), "field_invalid"),
    "created_at on February 30": Shape(payload(created_at="2026-02-30"), "field_invalid"),
    "subject a number": Shape(payload(subject=1), "field_invalid"),
    "ticket_id a fraction": Shape(payload(ticket_id=1.5), "field_invalid"),
    "ticket_id true": Shape(payload(ticket_id=True), "field_invalid"),
    "customer a list": Shape(payload(customer=["a"]), "field_invalid"),
    "customer with a list for its email": Shape(payload(customer={"email": ["a"]}), "field_invalid"),
    "tags a text": Shape(payload(tags="vip"), "field_invalid"),
    "tags with a number": Shape(payload(tags=["vip", 1]), "field_invalid"),
    "text empty": Shape(payload(text=""), "text_empty"),
    "text of white space": Shape(payload(text=" \n\t"), "text_empty"),
    "text of invisible characters": Shape(payload(text="\u200b\u00a0\ufeff"), "text_empty"),
    "four bytes": Shape(b"\x00\x00\x00\x01", "not_json"),
    "one zero byte": Shape(b"\x00", "not_json"),
    "a registry's frame with an unknown schema": Shape(framed(77, payload()), "not_json"),
    "a registry's frame with a wrong magic byte": Shape(framed(1, payload(), magic=7), "not_json"),
    "gzip bytes": Shape(gzip.compress(payload(), mtime=0), "not_utf8"),
    "a NUL before the object": Shape(b"\x00" + payload(), "not_json"),
    "a NUL inside a string": Shape(HEAD + b'"text":"a\x00b"}', "not_json"),
    "a raw newline inside a string": Shape(HEAD + b'"text":"a\nb"}', "not_json"),
    "single quotes": Shape(payload().replace(b'"', b"'"), "not_json"),
    "a comma too many": Shape(payload()[:-1] + b",}", "not_json"),
    "a comment": Shape(b"// hello\n" + payload(), "not_json"),
    "two byte order marks": Shape(b"\xef\xbb\xbf" * 2 + payload(), "not_json"),
    "XML": Shape(b"<ticket><text>hello</text></ticket>", "not_json"),
    "a CSV line": Shape(b"email,2026-01-05,hello", "not_json"),
    "JSON in JSON": Shape(json.dumps(payload().decode()).encode(), "not_an_object"),
    "overlong utf-8": Shape(HEAD + b'"text":"\xc0\xaf"}', "not_utf8"),
    "half a character at the end": Shape(HEAD + b'"text":"caf\xc3', "not_utf8"),
    "nesting 5,000 deep in an object": Shape(
        payload()[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "not_json"
    ),
    "true": Shape(b"true", "not_an_object"),
    "a number": Shape(b"12345678901234567890", "not_an_object"),
    "an empty object": Shape(b"{}", "field_missing"),
    "fields by other names": Shape(b'{"Source":"email","Created_At":"2026-01-05","Text":"x"}', "field_missing"),
    "created_at in 9999": Shape(payload(created_at="9999-12-31T23:59:59Z"), "field_invalid"),
    "created_at before Christ": Shape(payload(created_at="-0044-03-15"), "field_invalid"),
    "created_at at 25 o'clock": Shape(payload(created_at="2026-01-05T25:00:00Z"), "field_invalid"),
    "text an object": Shape(payload(text={"body": "x"}), "field_invalid"),
    "text false": Shape(payload(text=False), "field_invalid"),
    "source a list": Shape(payload(source=["email"]), "field_invalid"),
    "source right to left": Shape(payload(source="\u202eliame"), "field_invalid"),
    "tags an object": Shape(payload(tags={"vip": True}), "field_invalid"),
    "ticket_id an object": Shape(payload(ticket_id={"id": 1}), "field_invalid"),
}
TICKETS = {
    "a byte order mark": Shape(b"\xef\xbb\xbf" + payload(text="with a mark"), TICKET),
    "optional fields null": Shape(
        payload(subject=None, ticket_id=None, customer=None, tags=None, text="nulls"), TICKET
    ),
    "a source with odd characters": Shape(payload(source="Web form: shop/de-1_2.x"), TICKET),
    "an emoji": Shape(payload(text="smile \U0001f600"), TICKET),
    "one question mark": Shape(payload(text="?"), TICKET),
    "nesting 64 deep": Shape(payload()[:-1] + b',"x":' + b"[" * 63 + b"]" * 63 + b"}", TICKET),
    "an escaped NUL": Shape(payload(text="a\x00b"), TICKET),
    "right-to-left text": Shape(payload(text="\u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"), TICKET),
    "zero-width text": Shape(payload(text="w\u200bh\u200be\u200dre \u2060is it\ufeff"), TICKET),
    "a big whole number": Shape(payload(ticket_id=10**30, text="big"), TICKET),
    "a fraction in an unknown field": Shape(payload(score=1e308, text="huge"), TICKET),
    "unknown fields": Shape(payload(other={"a": [1, {"b": None}]}, text="unknown fields"), TICKET),
    "a pair of surrogates": Shape(HEAD + b'"text":"\\ud83d\\ude00 pair"}', TICKET),
    "a key that is no text": Shape(payload(text="odd key"), TICKET, key=b"\xff\x00\xfe"),
    "an empty key": Shape(payload(text="empty key"), TICKET, key=b""),
    "no key": Shape(payload(text="no key"), TICKET),
    "a header that is no text": Shape(payload(text="odd header"), TICKET, headers=(("x", b"\xff\x00"), ("x", b""))),
    "10,000 headers": Shape(
        payload(text="many headers"), TICKET, headers=tuple((f"h{number}", b"v") for number in range(10_000))
    ),
    "a text of a million characters": Shape(payload(text="long " * 200_000), TICKET),
    "a line separator": Shape(payload(text="one\u2028two\u0085three"), TICKET),
    "a formula": Shape(payload(text="=HYPERLINK(1)"), TICKET),
    "a combining flood": Shape(payload(text="Z" + "\u0301" * 3_000), TICKET),
}
SIMULATED = {
    f"simulated {number}: {reason.value}": Shape(
        make({"source": "email", "created_at": "2026-01-05", "text": f"simulated shape {number}"}), reason.value
    )
    for number, (reason, make) in enumerate(INVALID)
}
SHAPES = {**NO_TICKETS, **TICKETS, **SIMULATED}
ALL_REASONS = {shape.outcome for shape in SHAPES.values()} - {TICKET}


def generate_poison(seed: int, count: int) -> Iterator[Shape]:
    """Make messages nobody thought of, equal for equal seeds: named shapes and tickets, changed in several ways."""
    chance = random.Random(seed)
    small = [shape.value for shape in SHAPES.values() if shape.value is not None and len(shape.value) < 2_000]
    for number in range(count):
        if chance.random() < 0.02:
            value: bytes | None = None
        else:
            value = chance.choice([*small, payload(ticket_id=number, text=f"generated {number}"), chance.randbytes(40)])
            for _ in range(chance.choice([0, 1, 1, 2, 4])):
                value = chance.choice(CHANGES)(value, chance)
        key = chance.choice([None, b"", chance.randbytes(8), str(number).encode()])
        headers = tuple((chance.choice("abc"), chance.randbytes(3)) for _ in range(chance.choice([0, 0, 1, 5])))
        yield Shape(value, key=key, headers=headers)


def flip(value: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(value) or 1)
    return value[:place] + chance.randbytes(1) + value[place + 1 :]


def cut(value: bytes, chance: random.Random) -> bytes:
    return value[: chance.randrange(len(value) + 1)]


def insert(value: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(value) + 1)
    return value[:place] + chance.choice(TOKENS) + value[place:]


def swap_field(value: bytes, chance: random.Random) -> bytes:
    """Give one field of a payload another type or value; of what is no payload, nothing changes."""
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if not isinstance(content, dict) or not content:
        return value
    content[chance.choice(sorted(content))] = chance.choice(VALUES)
    # ASCII only: a lone surrogate among the fields cannot be written otherwise.
    return json.dumps(content).encode()


def drop_field(value: bytes, chance: random.Random) -> bytes:
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if not isinstance(content, dict) or not content:
        return value
    del content[chance.choice(sorted(content))]
    return json.dumps(content).encode()


def wrap(value: bytes, chance: random.Random) -> bytes:
    before, after = chance.choice([(b"[", b"]"), (b'{"a":', b"}"), (b" ", b"\n"), (b"\xef\xbb\xbf", b"")])
    return before + value + after


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, cut, insert, swap_field, drop_field, wrap)
TOKENS = (
    *(b"\x00", b"\xff", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"NaN", b"1e999", b"\\ud800", b"\xed\xa0\x80"),
    *(b"\xe2\x80\xae", b'"text":"twice",', b"null", b"-0", b"\n", b"//"),
)
VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 1.5, 10**25, "", " ", "\u200b", [], {}, [1], {"id": [1]}, "x" * 70, "2026-02-30", "a@b.cd"),
    *("\ud800", "1969-12-31", "\u202e"),
)
