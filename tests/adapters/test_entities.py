"""The model is asked about few sentences, about each once, and answers in the places of the whole text."""

from collections.abc import Sequence

import pytest

from pipelines.adapters import detectors
from pipelines.adapters.entities import EntityFinder, sentences
from pipelines.adapters.memory import Memory, digest
from pipelines.configuration import load_settings
from pipelines.transforms.placeholders import Span

SETTINGS = load_settings([], environment={}).redaction


def new_finder(only_names: bool) -> EntityFinder:
    known = detectors.load_engine(SETTINGS).entities
    return EntityFinder(known.tagger, known.labels, known.score, known.names, only_names)


@pytest.fixture
def finder() -> EntityFinder:
    return new_finder(only_names=True)


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
    assert first == [Span(26, 40, "PERSON", 0.85)]
    assert second == []
    assert third == [Span(8, 22, "PERSON", 0.85)]


def test_a_sentence_that_was_read_is_not_read_again_and_is_not_kept(
    finder: EntityFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask_and_note(finder, monkeypatch)
    (first,) = finder.read(["Yesterday I asked Ottilie Brandt."])
    (again,) = finder.read(["Well? Yesterday I asked Ottilie Brandt."])
    assert len(asked) == 1
    assert [span.start for span in again] == [span.start + 6 for span in first] != []
    assert "Ottilie" not in repr(finder.memory.values)


def test_the_memory_is_bounded_and_forgets_what_nobody_asked_for() -> None:
    memory: Memory[int] = Memory(2)
    first, second, third = map(digest, ("one", "two", "three"))
    memory.put(first, 1)
    memory.put(second, 2)
    assert memory.get(first) == 1
    memory.put(third, 3)
    assert [memory.get(key) for key in (first, second, third)] == [1, None, 3]


def test_every_sentence_is_read_where_other_types_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = new_finder(only_names=False)
    asked = ask_and_note(finder, monkeypatch)
    finder.read(["it came on monday. thanks"])
    assert asked == ["it came on monday.", "thanks"]


def test_sentences_cover_all_but_the_space_between_them() -> None:
    text = "One, e.g. two.\n\nThree?  Four! 3.5 five"
    assert [text[start:end] for start, end in sentences(text)] == [
        "One, e.g.", "two.", "Three?", "Four!", "3.5 five",
    ]  # fmt: skip
