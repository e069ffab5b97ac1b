"""How a student's answer becomes a vote."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.adapters import student_voter
from pipelines.adapters.student_voter import student_distributions
from pipelines.intents import Intent
from pipelines.kernels.neighbours import Opinions
from pipelines.labelling_settings import LabellingSettings


def votes_of(
    monkeypatch: pytest.MonkeyPatch,
    labels: tuple[str, ...],
    shares: list[float],
    known: float,
    memory: tuple[float, ...] = (0.5, 0.5),
) -> dict[str, float]:
    """Let a student that gives such shares vote on one text, of which the memory says how likely it is known."""
    student = SimpleNamespace(labels=labels, predict=lambda vectors: np.array([shares] * len(vectors)))
    monkeypatch.setattr(student_voter, "load_student", lambda *_: student)
    monkeypatch.setattr(student_voter, "known_shares", lambda *_: [known])
    task = SimpleNamespace(
        pinned=SimpleNamespace(student="pinned"), tracking_uri="", settings=LabellingSettings(),
        intents=(Intent("card"), Intent("refund")),
    )  # fmt: skip
    nothing = np.zeros((1, 3, 0))
    opinions = Opinions(np.array([memory]), nothing.astype(int), nothing, np.ones(1), np.ones((1, 3)))
    (told,) = student_distributions([np.ones(3)], opinions, None, task)  # type: ignore[arg-type]  # stand-ins
    return dict(told)


def test_what_a_student_learnt_to_be_unknown_is_taken_off_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    vote = votes_of(monkeypatch, ("card", "refund", "unknown"), [0.6, 0.1, 0.3], known=0.5)
    assert vote == pytest.approx({"card": 0.3, "refund": 0.05, "unknown": 0.65})


def test_a_student_that_learnt_no_unknown_leaves_it_to_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    vote = votes_of(monkeypatch, ("card", "refund"), [0.75, 0.25], known=0.5)
    assert vote == pytest.approx({"card": 0.375, "refund": 0.125, "unknown": 0.5})


def test_what_the_memory_calls_unknown_is_not_taken_off_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    vote = votes_of(monkeypatch, ("card", "unknown"), [0.8, 0.2], known=0.5, memory=(0.3, 0.1, 0.6))
    assert vote == pytest.approx({"card": 0.3, "refund": 0.1, "unknown": 0.6}), "the memory's shares of known labels"
