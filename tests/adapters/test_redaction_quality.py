"""How much is found: on generated forms of each structured type, and on a public set that stands beside the project."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from faker import Faker

from pipelines.adapters.detectors import redact_texts
from pipelines.configuration import load_settings
from pipelines.kernels.span_scores import Scores, score_texts
from pipelines.redaction_policy import RedactionSettings
from pipelines.transforms.offsets import source_spans

SETTINGS = load_settings([], environment={}).redaction
WITHOUT_LISTS = replace(SETTINGS, name_lists=False)
SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "pii_presidio" / "samples.jsonl"
FRAMES = ["please use {} for it", "{}", "My details: {}, thanks", "is {} still right?", "was it ({})"]
LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "sv_SE"]
MAKERS: dict[str, Callable[[Faker], str]] = {
    "EMAIL_ADDRESS": lambda fake: fake.email(safe=False),
    "PHONE_NUMBER": lambda fake: f"phone {fake.phone_number()}",
    "CREDIT_CARD": lambda fake: fake.credit_card_number(),
    "IBAN_CODE": lambda fake: fake.iban(),
    "US_SSN": lambda fake: fake.ssn(),
    "IP_ADDRESS": lambda fake: fake.ipv4() if fake.boolean() else fake.ipv6(),
    "URL": lambda fake: fake.uri(),
}


def generated_recall(kind: str, count: int) -> tuple[float, list[str]]:
    """Recall over generated forms, and the forms that were missed: they are made up, and may be shown."""
    draw = random.Random(kind)
    fakes = [Faker(locale) for locale in (["en_US"] if kind == "US_SSN" else LOCALES)]
    for number, fake in enumerate(fakes):
        fake.seed_instance(number)
    values = [MAKERS[kind](fakes[index % len(fakes)]) for index in range(count)]
    texts = [draw.choice(FRAMES).format(value) for value in values]
    answers = redact_texts(texts, SETTINGS)
    told = [value.removeprefix("phone ") for value in values]
    missed = [
        f"{text} -> {answer.text}"
        for text, value, answer in zip(texts, told, answers, strict=True)
        if answer.text is None or any(part in answer.text for part in value.split() if len(part) > 3)
    ]
    return 1 - len(missed) / count, missed


@pytest.mark.parametrize("kind", MAKERS)
def test_generated_forms_are_found(kind: str) -> None:
    recall, missed = generated_recall(kind, 60)
    assert recall >= 0.98, missed


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
def test_five_hundred_generated_forms_are_found(kind: str) -> None:
    recall, missed = generated_recall(kind, 500)
    assert recall >= 0.99, missed


def score_samples(step: int, settings: RedactionSettings = SETTINGS) -> tuple[Scores, float]:
    """Score every `step`-th text, and give the share of texts without anything personal that were changed."""
    if not SAMPLES.is_file():
        pytest.skip(f"the public set is not there: {SAMPLES.parent.name}")
    rows = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()][::step]
    texts = [row["text"] for row in rows]
    marks = [
        [(span.start, span.end, span.type) for span in source_spans(text, answer.spans)]
        for text, answer in zip(texts, redact_texts(texts, settings), strict=True)
    ]
    truth = [[(span["start"], span["end"], span["type"]) for span in row["spans"]] for row in rows]
    plain = [bool(found) for found, true in zip(marks, truth, strict=True) if not true]
    return score_texts(texts, truth, marks), sum(plain) / len(plain)


def check_bars(scores: Scores, changed: float) -> None:
    for kind in ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "URL"):
        assert scores.by_type[kind].recall >= 0.99, kind
    assert scores.by_type["PERSON"].recall >= 0.93
    assert scores.by_type["LOCATION"].recall >= 0.88
    assert scores.overall.precision >= 0.85
    assert scores.overall.f2 >= 0.90
    assert changed <= 0.03


def test_the_public_set_is_redacted_as_promised() -> None:
    check_bars(*score_samples(step=4))


def test_names_are_found_without_any_list_of_names() -> None:
    check_bars(*score_samples(step=4, settings=WITHOUT_LISTS))


@pytest.mark.slow
def test_the_whole_public_set_is_redacted_as_promised() -> None:
    check_bars(*score_samples(step=1))


@pytest.mark.slow
def test_in_the_whole_public_set_names_are_found_without_any_list_of_names() -> None:
    check_bars(*score_samples(step=1, settings=WITHOUT_LISTS))
