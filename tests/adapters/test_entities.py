"""The model is asked about few sentences, about each once, and answers in the places of the whole text."""

from collections.abc import Sequence

import pytest

from pipelines.adapters import detectors
from pipelines.adapters.entities import EntityFinder, sentences
from pipelines.configuration import load_settings

SETTINGS = load_settings([], environment={}).redaction


@pytest.fixture
def finder() -> EntityFinder:
    return detectors.load_engine(SETTINGS).entities


def ask_and_note(finder: EntityFinder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    ask = finder.ask

    def note(these: Sequence[str]) -> object:
        asked.extend(these)
        return ask(these)

    monkeypatch.setattr(finder, "ask", note)
    return asked


def test_only_sentences_that_can_hold_a_name_are_read_and_each_once(
    finder: EntityFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask_and_note(finder, monkeypatch)
    texts = ["Where is my card? I asked Ottilie Brandt. It is late.", "where is my card", "I asked Ottilie Brandt."]
    first, second, third = finder.read(texts)
    assert asked == ["I asked Ottilie Brandt."]
    assert [(one.label_, one.start_char, one.end_char) for one in first.entities] == [("PERSON", 26, 40)]
    assert second.entities == []
    assert [(one.start_char, one.end_char) for one in third.entities] == [(8, 22)]


def test_every_sentence_is_read_where_other_types_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = detectors.load_engine(SETTINGS)
    finder = EntityFinder(engine.entities.engine, "en", engine.names, only_names=False)
    asked = ask_and_note(finder, monkeypatch)
    finder.read(["it came on monday. thanks"])
    assert asked == ["it came on monday.", "thanks"]


def test_sentences_cover_all_but_the_space_between_them() -> None:
    text = "One, e.g. two.\n\nThree?  Four! 3.5 five"
    assert [text[start:end] for start, end in sentences(text)] == [
        "One, e.g.", "two.", "Three?", "Four!", "3.5 five",
    ]  # fmt: skip
