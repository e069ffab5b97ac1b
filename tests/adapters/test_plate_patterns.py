"""Number plates: beside a word for them they go, bare they look like order numbers and stay."""

import random
import string

import pytest

from pipelines.adapters.detectors import redact_text, redact_texts
from pipelines.configuration import load_settings

SETTINGS = load_settings([], environment={}).redaction
GO = [
    ("my number plate is AB12 CDE", "my number plate is <LICENSE_PLATE>"),
    ("license plate: 7ABC123.", "license plate: <LICENSE_PLATE>."),
    ("the kennzeichen is B-MW 1234", "the kennzeichen is <LICENSE_PLATE>"),
    ("registration number WA 12345 please", "registration number <LICENSE_PLATE> please"),
    ("the plate of my van is 1234 BCD", "the plate of my van is <LICENSE_PLATE>"),
    ("my plate is ab12 cde", "my plate is <LICENSE_PLATE>"),
    ("my car (AA-123-AA) was towed", "my car (<LICENSE_PLATE>) was towed"),
    ("my car, a blue one, AB12 CDE", "my car, a blue one, <LICENSE_PLATE>"),
    ("vehicle MH 12 AB 1234 is insured", "vehicle <LICENSE_PLATE> is insured"),
    ("car IN-AM 1234", "car <LICENSE_PLATE>"),
    ("AB12 CDE is my number plate", "<LICENSE_PLATE> is my number plate"),
    ("the truck with ABC-1234 plates", "the truck with <LICENSE_PLATE> plates"),
]
STAY = [
    "where is order AB12 CDE",
    "order AB12345 is late",
    "my car is 2 years old",
    "car BMW 320 for hire",
    "I bought a car for 1200 EUR",
    "I left a plate of 12 cookies",
    "what does the plate for 1200 cost, and the plates 200 off",
    "the registration fee is due 2024",
    "registration failed with error 403",
    "Order AB1234, registration failed",
    "my card AB1234 did not arrive",
    "number plate <LICENSE_PLATE>, vehicle <LICENSE_PLATE>",
]


@pytest.mark.parametrize(("text", "expected"), GO)
def test_plates_go_beside_a_word_for_them(text: str, expected: str) -> None:
    assert redact_text(text, SETTINGS).text == expected


@pytest.mark.parametrize("text", STAY)
def test_what_only_looks_like_a_plate_stays(text: str) -> None:
    assert redact_text(text, SETTINGS).text == text


FORMS = (
    "LL## LLL", "LL##LLL", "L### LLL", "B-LL ####", "HH-LL ###E", "M-L ####", "LL-###-LL", "LL ### LL", "#### LLL",
    "LLL-####", "LLL ###", "#LLL###", "LL #####", "LLL ##L", "ZH ######", "MH ## LL ####", "##-LLL-#", "LL-##-LL",
)  # fmt: skip
DRAWN = {"L": "ABCDEFGHJKLNPRSTVWXYZ", "#": string.digits}
SENTENCES = (
    "my number plate is {}", "license plate {}", "Kennzeichen: {}", "registration number {}", "reg. no. {}",
    "my car ({}) was towed", "vehicle {} is insured", "{} is my number plate", "the plate is {}, thanks", "VRM: {}",
    "the car is {}", "the van {} hit me", "{} is the registration", "plate no. {}",
)  # fmt: skip


def test_generated_plates_are_found_and_nothing_is_found_again() -> None:
    draw = random.Random(11)
    made = []
    for _ in range(600):
        form = draw.choice(FORMS)
        value = "".join(draw.choice(DRAWN.get(char, char)) for char in form)
        made.append((value, draw.choice(SENTENCES).format(value)))
    answers = redact_texts([text for _, text in made], SETTINGS)
    missed = [
        f"{text} -> {answer.text}"
        for (value, text), answer in zip(made, answers, strict=True)
        if answer.text is None or any(part in answer.text for part in value.split() if len(part) > 2)
    ]
    assert len(missed) <= 6, missed
    once = [answer.text or "" for answer in answers]
    again = redact_texts(once, SETTINGS)
    assert [(answer.text, answer.spans) for answer in again] == [(text, ()) for text in once]
