from datetime import UTC, datetime

import pytest

from pipelines.transforms.payloads import (
    Ticket,
    canonical_customer,
    decode_object,
    name_ticket,
    parse_ticket,
    parse_time,
)
from pipelines.transforms.pseudonyms import key_subject, key_text, key_ticket, pseudonym
from pipelines.vocabulary import Reason
from tests.poison import ALL_REASONS, SHAPES, TICKET, generate_poison, payload

KEY = bytes(range(32))


@pytest.mark.parametrize("case", SHAPES)
def test_a_message_has_its_one_outcome(case: str) -> None:
    shape = SHAPES[case]
    outcome = parse_ticket(shape.value)
    assert (TICKET if isinstance(outcome, Ticket) else str(outcome)) == shape.outcome


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
    outcomes = set()
    for shape in generate_poison(seed=7, count=1_000):
        outcome = parse_ticket(shape.value)
        outcomes.add(outcome if isinstance(outcome, Reason) else TICKET)
        assert isinstance(outcome, Ticket | Reason)
        assert isinstance(decode_object(shape.value), dict | Reason)
    every = {reason for reason in Reason if reason.value in ALL_REASONS}
    assert outcomes == {TICKET, *every}
