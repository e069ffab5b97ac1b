import csv
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipelines.configuration import conf_dir, load_settings
from pipelines.errors import MissingDependencyError
from pipelines.intents import load_intents
from pipelines.simulated_labels import other
from pipelines.simulated_poison import INVALID
from pipelines.simulation import Simulation, generate, write_labelled_files, write_truth
from pipelines.transforms.label_rows import parse_label_file
from pipelines.transforms.payloads import Ticket, name_ticket, normalise_text, parse_ticket

KINDS = {
    "ticket", "unknown", "ambiguous", "near_duplicate", "exact_duplicate", "redelivery", "flood", "too_long", "invalid",
}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Simulation:
    return generate(20260105, 400)


def tickets(made: Simulation) -> list[tuple[int, Ticket]]:
    parsed = [(number, parse_ticket(message.value)) for number, message in enumerate(made.messages)]
    return [(number, ticket) for number, ticket in parsed if isinstance(ticket, Ticket)]


def fold(made: Simulation) -> str:
    digest = hashlib.sha256()
    for message in made.messages:
        digest.update(repr(message).encode())
    return digest.hexdigest()


def test_equal_seeds_make_equal_bytes_and_other_seeds_others(made: Simulation) -> None:
    assert fold(generate(20260105, 400)) == fold(made)
    assert generate(20260105, 400).truth == made.truth
    assert fold(generate(20260106, 400)) != fold(made)


def test_the_first_message_is_pinned(made: Simulation) -> None:
    assert (
        hashlib.sha256(made.messages[0].value or b"").hexdigest()
        == "73b5fe244191ccd6a6513124f26c21d85745b81a6f5333a46eb1949331d9a388"
    )
    assert made.messages[0].key == b"T-100000"
    assert [message.timestamp_ms for message in made.messages[:2]] == [1767571200000, 1767571848000]


@pytest.mark.parametrize("count", [0, 1, 7, 19, 20, 50, 51, 299, 300])
def test_exactly_the_asked_number_of_messages_is_made(count: int) -> None:
    simulation = generate(1, count)
    assert len(simulation.messages) == len(simulation.truth) == count
    assert [row.message for row in simulation.truth] == list(range(count))


def test_every_kind_of_trouble_occurs_and_most_messages_are_plain(made: Simulation) -> None:
    kinds = Counter(row.kind for row in made.truth)
    assert set(kinds) == KINDS
    assert kinds["ticket"] > 0.7 * len(made.truth)
    assert kinds["invalid"] == len(INVALID) == 15


def test_every_invalid_shape_gets_the_reason_it_was_made_for(made: Simulation) -> None:
    for message, row in zip(made.messages, made.truth, strict=True):
        outcome = parse_ticket(message.value)
        assert (None if isinstance(outcome, Ticket) else outcome) == row.error_code
    assert len({row.error_code for row in made.truth if row.error_code}) == 7


def test_records_have_the_names_the_pipeline_gives_them(made: Simulation) -> None:
    for number, ticket in tickets(made):
        assert made.truth[number].record_id == name_ticket(ticket)
    once = [row.record_id for row in made.truth if row.record_id and row.kind != "redelivery"]
    assert len(set(once)) == len(once)


def test_planted_values_are_where_the_truth_says(made: Simulation) -> None:
    looks = {"EMAIL_ADDRESS": "@", "IBAN_CODE": "GB", "US_SSN": "-", "IP_ADDRESS": ".", "PHONE_NUMBER": "555-01"}
    types = Counter()
    for number, ticket in tickets(made):
        for span in made.truth[number].spans:
            field = ticket.text if span.field == "text" else ticket.subject or ""
            value = field[span.start : span.end]
            assert value == value.strip() != ""
            assert looks.get(span.type, "") in value
            assert "\n" not in value
            before, after = field[span.start - 1 : span.start], field[span.end : span.end + 1]
            assert not before.isalnum()
            assert not after.isalnum()
            types[span.type] += 1
    assert set(types) == {
        "PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "LOCATION", "IP_ADDRESS",
    }  # fmt: skip
    assert any(span.field == "subject" for row in made.truth for span in row.spans)


def test_planted_cards_and_ibans_carry_valid_check_digits(made: Simulation) -> None:
    found = Counter()
    for number, ticket in tickets(made):
        for span in made.truth[number].spans:
            value = ticket.text[span.start : span.end].replace(" ", "")
            if span.type == "CREDIT_CARD":
                digits = [int(digit) for digit in value]
                doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
                assert (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
                found["card"] += 1
            if span.type == "IBAN_CODE":
                assert int("".join(str(int(letter, 36)) for letter in value[4:] + value[:4])) % 97 == 1
                found["iban"] += 1
    assert found["card"] > 3
    assert found["iban"] > 3


def test_duplicates_are_of_the_kind_they_say(made: Simulation) -> None:
    text_of = {made.truth[number].record_id: ticket.text for number, ticket in tickets(made)}
    for row in made.truth:
        if row.kind == "exact_duplicate":
            assert normalise_text(text_of[row.record_id]) == normalise_text(text_of[row.original])
            assert row.record_id != row.original
        if row.kind == "near_duplicate":
            assert normalise_text(text_of[row.record_id]) != normalise_text(text_of[row.original])
    again = next(row for row in made.truth if row.kind == "redelivery")
    first = next(row for row in made.truth if row.record_id == again.record_id)
    assert made.messages[again.message].value == made.messages[first.message].value
    assert made.messages[again.message].timestamp_ms != made.messages[first.message].timestamp_ms


def test_the_flood_is_above_the_demos_daily_limit_on_one_day(made: Simulation) -> None:
    days = {(made.messages[row.message].timestamp_ms or 0) // 86_400_000 for row in made.truth if row.kind == "flood"}
    flood = sum(row.kind == "flood" for row in made.truth)
    settings = load_settings([conf_dir() / "demo.yml"], environment={})
    assert len(days) == 1
    assert flood > settings.intake.daily_identical_limit
    long = next(row for row in made.truth if row.kind == "too_long")
    text = json.loads(made.messages[long.message].value or b"")["text"]
    assert len(text) > settings.intake.max_text_chars


def test_plain_tickets_rarely_have_the_same_text(made: Simulation) -> None:
    texts = [normalise_text(ticket.text) for number, ticket in tickets(made) if made.truth[number].kind == "ticket"]
    assert len(set(texts)) > 0.98 * len(texts)


def test_no_verified_example_is_a_template_and_the_intents_are_the_same() -> None:
    import yaml

    intents = load_intents(conf_dir() / "demo" / "intents.yml")
    wording = yaml.safe_load((conf_dir() / "demo" / "tickets.yml").read_text(encoding="utf-8"))
    assert [intent.name for intent in intents] == list(wording["intents"])
    assert len(intents) == 16
    assert {len(intent.examples) for intent in intents} == {5}
    assert all(intent.description for intent in intents)
    sentences = {
        normalise_text(sentence).rstrip(".?!")
        for parts in wording["intents"].values()
        for sentence in parts["cores"] + parts["details"] + parts["asks"]
    }
    assert not sentences & {normalise_text(text).rstrip(".?!") for intent in intents for text in intent.examples}


def test_the_truth_is_one_json_object_a_message(made: Simulation, tmp_path: Path) -> None:
    write_truth(made, tmp_path / "truth.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 400
    assert set(rows[0]) == {
        "message", "record_id", "kind", "intent", "intents", "error_code", "spans", "original",
    }  # fmt: skip
    assert {row["intent"] for row in rows if row["kind"] == "ambiguous"} == {"ambiguous"}
    assert {row["intent"] for row in rows if row["kind"] == "unknown"} == {"unknown"}


def test_labelled_files_hold_every_case_a_vote_can_be(made: Simulation, tmp_path: Path) -> None:
    paths = write_labelled_files(made, tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "2026/01/06/first_pass.csv",
        "2026/01/07/second_pass.csv",
        "2026/01/05/late.jsonl",
    ]
    first, second, late = ([*parse_label_file(path.read_bytes())] for path in paths)
    assert [row.error_code for row in first + second + late if row.error_code] == []
    records = {row.record_id for row in made.truth}
    texts = {ticket.text for _, ticket in tickets(made)}
    assert all(row.record_id is None and row.text in texts for row in first)
    assert all(row.record_id in records for row in second)
    assert sum(row.confidence_score is None for row in first + second + late) == 1
    labels = {row.text: row.label for row in first}
    assert [row.text in labels and row.label != labels[row.text] for row in late].count(True) >= 1
    assert [row.text for row in late if row.text not in texts] == [made.unseen[0]["text"]]
    with paths[1].open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == ["label", "confidence_score", "record_id", "annotator_id", "text"]
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_labelled_files(generate(20260105, 400), tmp_path)] == before
    assert {path.stat().st_mtime for path in paths} == {1767830400.0}


def test_another_label_is_the_next_one_round() -> None:
    assert [other(label, ["a", "b", "c"]) for label in "abc"] == ["b", "c", "a"]


def test_without_faker_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'intent-lakehouse\[demo\]'"):
        generate(1, 5)
