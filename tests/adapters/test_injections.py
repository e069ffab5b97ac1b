"""What a ticket says about its own label: it can sway a voter, but never out of the list, and the memory hardly."""

from collections import Counter

import pytest

from pipelines.adapters.models import build_voters
from pipelines.adapters.registry import pin_versions
from pipelines.labelling_settings import LabellingSettings, ModelSettings
from tests.builders import cast_on
from tests.injections import BASES, FAMILIES, demo_intents, make_twins

TWINS = [*make_twins()]


def test_there_are_twenty_twins_a_family_and_no_attack_wants_the_true_label() -> None:
    assert Counter(twin.family for twin in TWINS) == dict.fromkeys(FAMILIES, BASES)
    assert all(twin.target != twin.label and twin.attacked != twin.clean for twin in TWINS)
    assert len({twin.label for twin in TWINS}) >= 8


@pytest.fixture(scope="module")
def memory_labels(model_registry: str) -> dict[str, str]:
    pinned = pin_versions(model_registry, ModelSettings(), slm_needed=False)
    voters = build_voters(pinned, [*demo_intents()], LabellingSettings(), model_registry)
    texts = sorted({text for twin in TWINS for text in (twin.clean, twin.attacked)})
    return dict(zip(texts, cast_on(texts, voters)["label"], strict=True))


def test_an_attacked_ticket_gets_a_legal_label(memory_labels: dict[str, str]) -> None:
    legal = {intent.name for intent in demo_intents()} | {"unknown"}
    assert set(memory_labels.values()) <= legal


def test_the_memory_is_talked_into_few_labels(memory_labels: dict[str, str]) -> None:
    swayed = [twin for twin in TWINS if memory_labels[twin.attacked] == twin.target != memory_labels[twin.clean]]
    assert len(swayed) <= len(TWINS) * 0.1, Counter(twin.family for twin in swayed)
