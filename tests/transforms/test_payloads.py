import json
import random
from datetime import UTC, datetime

import pytest

from pipelines.transforms.payloads import (
    Ticket,
    canonical_customer,
    decode_object,
    key_subject,
    key_text,
    key_ticket,
    name_ticket,
    parse_ticket,
    parse_time,
    pseudonym,
)
from pipelines.vocabulary import Reason

KEY = bytes(range(32))
HEAD = b'{"source":"email","created_at":"2026-01-05T09:30:00Z",'


def payload(**changes: object) -> bytes:
    fields = {"source": "email", "created_at": "2026-01-05T09:30:00Z", "text": "Where is my order?", **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


POISON = {
    "a tombstone": (None, "value_missing"),
    "nothing at all": (b"", "not_json"),
    "latin-1 bytes": (HEAD + b'"text":"caf\xe9"}', "not_utf8"),
    "a surrogate in utf-8 bytes": (HEAD + b'"text":"\xed\xa0\x80"}', "not_utf8"),
    "utf-16": ('{"text":"x"}'.encode("utf-16"), "not_utf8"),
    "utf-16 without a mark": ('{"text":"x"}'.encode("utf-16-le"), "not_json"),
    "plain words": (b"hello", "not_json"),
    "a cut object": (payload()[:-3], "not_json"),
    "trailing garbage": (payload() + b" x", "not_json"),
    "two objects": (payload() + b"\n" + payload(), "not_json"),
    "NaN": (payload()[:-1] + b',"score":NaN}', "not_json"),
    "Infinity": (payload()[:-1] + b',"score":-Infinity}', "not_json"),
    "a key twice": (payload()[:-1] + b',"text":"other"}', "not_json"),
    "an inner key twice": (payload()[:-1] + b',"customer":{"id":"1","id":"2"}}', "not_json"),
    "a lone surrogate": (HEAD + b'"text":"a\\ud800b"}', "not_json"),
    "a lone surrogate as a key": (payload()[:-1] + b',"\\udfff":1}', "not_json"),
    "nesting 65 deep": (payload()[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}", "not_json"),
    "nesting 200,000 deep": (b"[" * 200_000 + b"]" * 200_000, "not_json"),
    "a number of 5,000 digits": (payload()[:-1] + b',"x":' + b"9" * 5_000 + b"}", "not_json"),
    "an array": (b"[1,2]", "not_an_object"),
    "a text": (b'"hello"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "no text": (payload(text=...), "field_missing"),
    "text null": (payload(text=None), "field_missing"),
    "no source": (payload(source=...), "field_missing"),
    "no created_at": (payload(created_at=...), "field_missing"),
    "text a number": (payload(text=5), "field_invalid"),
    "text a list": (payload(text=["a"]), "field_invalid"),
    "source empty": (payload(source=""), "field_invalid"),
    "source an address": (payload(source="a@example.com"), "field_invalid"),
    "source with a newline at its end": (payload(source="email\n"), "field_invalid"),
    "source of 65 letters": (payload(source="x" * 65), "field_invalid"),
    "created_at a number": (payload(created_at=1767571200), "field_invalid"),
    "created_at in words": (payload(created_at="yesterday"), "field_invalid"),
    "created_at before computers": (payload(created_at="1869-12-31"), "field_invalid"),
    "created_at in 2101": (payload(created_at="2101-01-01"), "field_invalid"),
    "created_at on February 30": (payload(created_at="2026-02-30"), "field_invalid"),
    "subject a number": (payload(subject=1), "field_invalid"),
    "ticket_id a fraction": (payload(ticket_id=1.5), "field_invalid"),
    "ticket_id true": (payload(ticket_id=True), "field_invalid"),
    "customer a list": (payload(customer=["a"]), "field_invalid"),
    "customer with a list for its email": (payload(customer={"email": ["a"]}), "field_invalid"),
    "tags a text": (payload(tags="vip"), "field_invalid"),
    "tags with a number": (payload(tags=["vip", 1]), "field_invalid"),
    "text empty": (payload(text=""), "text_empty"),
    "text of white space": (payload(text=" \n\t"), "text_empty"),
    "text of invisible characters": (payload(text="\u200b\u00a0\ufeff"), "text_empty"),
}


@pytest.mark.parametrize("case", POISON)
def test_a_message_that_is_no_ticket_gets_its_one_reason(case: str) -> None:
    value, reason = POISON[case]
    assert parse_ticket(value) == Reason(reason)


def test_every_field_of_a_full_ticket_is_read() -> None:
    value = payload(ticket_id=7, subject="Order", customer={"email": "A@Example.com"}, tags=["vip"], unknown={"a": [1]})
    assert parse_ticket(value) == Ticket(
        source="email",
        created_at=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
        text="Where is my order?",
        subject="Order",
        ticket_id="7",
        customer=("email", "a@example.com"),
        called=("A@Example.com",),
    )


@pytest.mark.parametrize(
    "value",
    [
        b"\xef\xbb\xbf" + payload(),
        payload(subject=None, ticket_id=None, customer=None, tags=None),
        payload(source="Web form: shop/de-1_2.x"),
        payload(text="smile \U0001f600"),
        payload(text="?"),
        payload()[:-1] + b',"x":' + b"[" * 63 + b"]" * 63 + b"}",
    ],
)
def test_what_is_allowed_is_a_ticket(value: bytes) -> None:
    assert isinstance(parse_ticket(value), Ticket)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05 09:30", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        ("2026-01-05T09:30:15.123456789Z", datetime(2026, 1, 5, 9, 30, 15, 123456, tzinfo=UTC)),
        ("2026-01-05t09:30:15z", datetime(2026, 1, 5, 9, 30, 15, tzinfo=UTC)),
        ("2026-01-05T01:30:00+05:30", datetime(2026, 1, 4, 20, tzinfo=UTC)),
        ("2026-01-05T01:30:00-0800", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(written: str, meant: datetime) -> None:
    assert parse_time(written) == meant


@pytest.mark.parametrize(
    "written", ["20260105", "2026-W01-1", "2026-1-5", "2026-01-05T25:00", "", "05.01.2026", None, 1.5]
)
def test_other_forms_of_time_are_refused(written: object) -> None:
    assert parse_time(written) is None


def test_names_and_pseudonyms_are_pinned() -> None:
    # Computed with sha256sum and openssl dgst -mac HMAC; they may never change on living tables.
    ticket = parse_ticket(payload(ticket_id="T-1", subject="Order 7", customer="A@example.com"))
    assert isinstance(ticket, Ticket)
    assert name_ticket(ticket) == "b1b6e76e77ef0a7581539c6f3b5b1de86385a33abc8316a3526e18690e154ff9"
    assert key_text(KEY, ticket.text) == "2c7ec6b07c9075d3216df4f240ed92dea2d49d89f083425a82d61f9e017609d2"
    assert key_ticket(KEY, ticket) == "1801beba808abb2c5fd568c0b9355a0de41e2e476970864ee72f1b8d032fce8f"
    assert key_subject(KEY, ticket.customer) == "54acac95bdc2ff7f2e47450d10e8fd8f242243b02e7bcc1d88375611f1610c56"


def test_a_ticket_is_named_by_what_it_says_and_not_by_when_or_with_what_beside_it() -> None:
    def name(**changes: object) -> str | None:
        ticket = parse_ticket(payload(**{"ticket_id": "T-1", **changes}))
        assert isinstance(ticket, Ticket)
        return name_ticket(ticket)

    assert name() == name(created_at="2026-01-06", tags=["x"], customer="c", subject="") == name(extra=1)
    assert name(ticket_id=7) == name(ticket_id="7")
    different = [name(), name(text="Where is my order"), name(subject="x"), name(source="chat"), name(ticket_id="T-2")]
    assert len(set(different)) == 5
    assert name(ticket_id=None) is None
    assert name(ticket_id=" ") is None


def test_texts_are_equal_when_they_differ_in_form_case_and_white_space_only() -> None:
    same = ["Where is my order?", "  where IS my\n\torder? ", "Where\u00a0is my \uff4frder?"]
    assert len({key_text(KEY, text) for text in same}) == 1
    assert key_text(KEY, "Where is my order") != key_text(KEY, "Where is my order?")
    assert key_text(KEY, "stra\u00dfe") == key_text(KEY, "STRASSE")


def test_keys_of_different_kinds_and_secrets_are_never_equal() -> None:
    assert pseudonym(KEY, "text", b"a") != pseudonym(KEY, "subject", b"a")
    assert pseudonym(KEY, "text", b"a") != pseudonym(bytes(32), "text", b"a")


@pytest.mark.parametrize(
    ("customer", "canonical"),
    [
        ("A.B@Example.com ", ("email", "a.b@example.com")),
        ({"email": "a.b@example.com", "id": 9, "name": "A B"}, ("email", "a.b@example.com")),
        ({"id": 9, "name": "A B"}, ("id", "9")),
        ("9", ("id", "9")),
        ({"name": "A  B", "email": " "}, ("name", "a b")),
        ({"plan": "gold"}, None),
        ("", None),
        (None, None),
    ],
)
def test_a_customer_has_one_canonical_form(customer: object, canonical: tuple[str, str] | None) -> None:
    assert canonical_customer(customer) == canonical


def test_no_bytes_whatever_make_it_throw() -> None:
    random_bytes = random.Random(7)
    seeds = [payload(ticket_id="T-1", customer={"id": 1}), b'{"a":"\\ud83d\\ude00"}', b"[[{}]]", b"\xef\xbb\xbf{}"]
    outcomes = set()
    for _ in range(500):
        value = bytearray(random_bytes.choice([*seeds, random_bytes.randbytes(40)]))
        for _ in range(random_bytes.randint(1, 4)):
            value[random_bytes.randrange(len(value))] = random_bytes.randrange(256)
        outcome = parse_ticket(bytes(value))
        outcomes.add(outcome if isinstance(outcome, Reason) else "ticket")
        assert isinstance(outcome, Ticket | Reason)
        assert isinstance(decode_object(bytes(value)), dict | Reason)
    assert {"ticket", Reason.NOT_UTF8, Reason.NOT_JSON, Reason.FIELD_INVALID, Reason.FIELD_MISSING} <= outcomes
