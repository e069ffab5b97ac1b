"""Values that a subject begins and its body ends, read together at the seam alone."""

import pandas as pd
import pytest

from pipelines.adapters import redactor
from pipelines.adapters.detectors import load_engine
from pipelines.adapters.redactor import redact_frame
from pipelines.adapters.seams import REACH, Seam, cut_at, find_seam
from pipelines.configuration import load_settings
from pipelines.transforms.placeholders import Span
from pipelines.transforms.redaction import READ

SETTINGS = load_settings([], environment={}).redaction


def redact(subject: str, text: str) -> tuple[str, str]:
    row = {"raw_subject": subject, "raw_text": text}
    answer = redact_frame(pd.DataFrame([row], columns=READ, dtype=object), SETTINGS)
    return answer["subject"].iat[0], answer["text"].iat[0]


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("From Ottilie", "Hathersage, who called", ("From <PERSON>", "<PERSON>, who called")),
        ("card 4111 1111", "1111 1111 is lost", ("card <CREDIT_CARD>", "<CREDIT_CARD> is lost")),
        ("card 4111 1111 ", "\n  1111 1111", ("card <CREDIT_CARD> ", "\n  <CREDIT_CARD>")),
        ("write to mia.k@", "example.com, please", ("write to <EMAIL_ADDRESS>", "<EMAIL_ADDRESS>, please")),
        ("Order 4711", "2 parcels are missing", ("Order 4711", "2 parcels are missing")),
        ("Card for Ottilie", "Hello, where is it?", ("Card for <PERSON>", "Hello, where is it?")),
        ("", "1111", ("", "1111")),
    ],
)
def test_a_value_cut_by_the_end_of_the_subject_goes_from_both(
    subject: str, text: str, expected: tuple[str, str]
) -> None:
    assert redact(subject, text) == expected
    assert redact(*expected) == expected


def test_most_seams_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    names = load_engine(SETTINGS).names
    assert find_seam("Card lost", "I lost my card", names) is None
    assert find_seam("Card for Ottilie", "Please help", names) is None
    assert find_seam("Card 1", "Ottilie writes", names) is None
    monkeypatch.setattr(redactor, "cut_at", pytest.fail)
    assert redact("Card lost", "I lost my card") == ("Card lost", "I lost my card")


def test_only_words_near_the_seam_are_read_and_places_count_in_the_fields() -> None:
    subject, body = f"{'so ' * 60}call +44 20", f" 7946 0958 {'ever ' * 60}"
    seam = find_seam(subject, body, load_engine(SETTINGS).names)
    assert seam is not None
    assert len(seam.text) <= 2 * REACH + 20
    number = Span(seam.text.index("+44"), seam.text.index("0958") + 4, "PHONE_NUMBER", 0.6)
    (left,), (right,) = cut_at(seam, [number, Span(0, 2, "PERSON", 1.0)])
    assert subject[left.start : left.end] == "+44 20"
    assert body[right.start : right.end] == "7946 0958"


def test_what_only_touches_the_seam_is_left_to_its_own_field() -> None:
    assert cut_at(Seam("ab cd", 2, 0, 0), [Span(0, 2, "URL", 1.0), Span(3, 5, "URL", 1.0)]) == ([], [])
