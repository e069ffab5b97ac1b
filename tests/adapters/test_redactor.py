"""Tickets as frames: what the payload calls its customer, and whom one field names, goes from every field."""

import pandas as pd
import pytest

from pipelines.adapters.known_values import read_customer
from pipelines.adapters.redactor import redact_frame
from pipelines.configuration import load_settings
from pipelines.redaction_policy import EntityPolicy, RedactionSettings
from pipelines.transforms.redaction import READ

SETTINGS = load_settings([], environment={}).redaction


def redact(
    text: str, subject: str | None = None, customer: str | None = None, settings: RedactionSettings = SETTINGS
) -> tuple[str | None, str]:
    row = {"raw_subject": subject, "raw_text": text, "raw_customer": customer}
    answer = redact_frame(pd.DataFrame([row], columns=READ, dtype=object), settings)
    return answer["subject"].iat[0], answer["text"].iat[0]


@pytest.mark.parametrize(
    ("customer", "text", "expected"),
    [
        ("Gracelyn Thistlewood", "thistlewood never got the card", "<PERSON> never got the card"),
        ("Mark Long", "this is from Mark, it took long", "this is from <PERSON>, it took long"),
        ("mark.long@example.com", "please mark it as paid, it took long", "please mark it as paid, it took long"),
        ("zxq.quillfeather@example.com", "yours, quillfeather", "yours, <PERSON>"),
        ("C-10293", "I am client c-10293 since May", "I am client <ACCOUNT_NUMBER> since May"),
        ("c12", "the lift of c12 is stuck", "the lift of c12 is stuck"),
        ("Visa", "my visa is lost", "my visa is lost"),
        ("person", "this is <PERSON> again", "this is <PERSON> again"),
    ],
)
def test_what_the_customer_is_called_goes_wherever_it_stands(customer: str, text: str, expected: str) -> None:
    assert redact(text, customer=customer)[1] == expected


def test_a_name_that_only_one_field_explains_goes_from_the_other() -> None:
    assert redact("zarkowska cannot log in", "Message from Maria Zarkowska")[1] == "<PERSON> cannot log in"
    assert redact("Message from Maria Bell", "no word from Bell") == ("no word from <PERSON>", "Message from <PERSON>")
    assert redact("Message from Maria Bell", "no bell rang") == ("no bell rang", "Message from <PERSON>")


def test_spans_of_known_values_count_in_the_normalised_text() -> None:
    row = {"raw_text": "\u200bask quillfeather or mia@example.com", "raw_customer": "Zxq Quillfeather"}
    answer = redact_frame(pd.DataFrame([row], columns=READ, dtype=object), SETTINGS)
    found = [(span["type"], span["start"], span["end"]) for span in answer["spans"].iat[0]]
    assert found == [("PERSON", 4, 16), ("EMAIL_ADDRESS", 20, 35)]


def test_redacting_a_ticket_twice_changes_nothing() -> None:
    customer = "Gracelyn Thistlewood\nC-10293"
    once = redact("Thistlewood here, c-10293. Call Gracelyn", "From Barnaby Quill", customer)
    assert redact(once[1], once[0], customer) == once


def test_a_policy_without_names_leaves_them() -> None:
    without = RedactionSettings(entities=(EntityPolicy("EMAIL_ADDRESS"),))
    assert redact("Thistlewood here", None, "Gracelyn Thistlewood", without)[1] == "Thistlewood here"


def test_the_texts_of_equal_tickets_of_two_customers_are_read_apart() -> None:
    rows = [{"raw_text": "ask quillfeather", "raw_customer": name} for name in ("Quillfeather", None)]
    answer = redact_frame(pd.DataFrame(rows, columns=READ, dtype=object), SETTINGS)
    assert answer["text"].tolist()[0] == "ask <PERSON>"


def test_a_customer_is_read_whole_and_by_the_name_in_the_address() -> None:
    assert read_customer("zoe.quill7@example.com\nC-1\n") == ("zoe.quill7@example.com", "C-1", "zoe quill")
