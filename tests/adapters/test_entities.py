"""The model is asked about few sentences, about each once, and answers in the places of the whole text."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import pytest

from pipelines.adapters import detectors
from pipelines.adapters.entities import LONGEST, OVERLAP, EntityFinder, sentences
from pipelines.adapters.memory import Memory, digest
from pipelines.configuration import load_settings
from pipelines.settings import IntakeSettings
from pipelines.transforms.placeholders import INFERRED_ENTITIES, Span

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


def test_a_policy_of_structured_types_alone_never_asks_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(SETTINGS, entities=tuple(one for one in SETTINGS.entities if one.name not in INFERRED_ENTITIES))
    finder = detectors.load_engine(plain).entities
    asked = ask_and_note(finder, monkeypatch)
    (redacted,) = detectors.redact_texts(["I asked Ottilie Brandt, ottilie@example.com."], plain)
    assert redacted.text == "I asked Ottilie Brandt, <EMAIL_ADDRESS>."
    assert asked == []


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


@pytest.mark.parametrize(
    "text", ["word " * 1_500, "w" * 5_000, " " * 5_000, "a" * 950 + " " + "b" * 3_000, "x" * LONGEST]
)
def test_a_long_sentence_is_read_in_windows_that_overlap_and_leave_nothing_out(text: str) -> None:
    places = list(sentences(text))
    assert (places[0][0], places[-1][1]) == (0, len(text))
    assert all(0 < end - start <= LONGEST for start, end in places)
    assert all(0 < this[1] - after[0] <= OVERLAP for this, after in pairwise(places))


def test_a_name_at_the_edge_of_a_window_is_found_whole_and_once(finder: EntityFinder) -> None:
    for before in range(LONGEST - 20, LONGEST + 4):
        text = ("so " * LONGEST)[:before].rstrip() + " I asked Ottilie Brandt about it" + " so" * 100
        redacted = detectors.redact_text(text, SETTINGS)
        at = text.index("Ottilie")
        assert [(span.start, span.end) for span in redacted.spans] == [(at, at + len("Ottilie Brandt"))]


LONGEST_TEXT = IntakeSettings().max_text_chars
WINDOWS = LONGEST_TEXT // LONGEST


def text_with_a_name_at_every_cut(before: int) -> str:
    """Lay a name, that many characters ahead, over one cut after the other: it moves the cuts behind it by a little."""
    words = ["late"] * (LONGEST_TEXT // len("late "))
    for number in range(WINDOWS):
        cut = list(sentences(" ".join(words)))[number][1]
        place = bisect_right([*accumulate(len(word) + 1 for word in words)], cut - before)
        words[place : place + 3] = ["Ottilie", "Brandt"]
    return " ".join(words)


@pytest.mark.parametrize("before", [0, 5, 9, 14, OVERLAP - 2])
def test_in_the_longest_text_a_name_on_every_cut_is_found_whole(finder: EntityFinder, before: int) -> None:
    text = text_with_a_name_at_every_cut(before)
    names = {match.span() for match in re.finditer("Ottilie Brandt", text)}
    assert len(text) <= LONGEST_TEXT
    assert len(names) == WINDOWS
    (found,) = finder.read([text])
    assert names <= {(span.start, span.end) for span in found if span.type == "PERSON"}
    redacted = detectors.redact_text(text, SETTINGS)
    assert {(span.start, span.end) for span in redacted.spans} == names
