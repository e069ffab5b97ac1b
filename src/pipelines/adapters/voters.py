"""The model voters: the memory looks a text up among verified examples, the language model is asked where that pays."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from pipelines.adapters.memory_voter import distribution, name_text, recall, remember
from pipelines.adapters.model_files import hash_text
from pipelines.adapters.models import load_head
from pipelines.adapters.served_model import ServedModel
from pipelines.adapters.slm_voter import score
from pipelines.adapters.vote_rows import Distribution, Row, Task, needed, since, vote_row
from pipelines.kernels import neighbours
from pipelines.labelling_settings import LabellingSettings
from pipelines.vocabulary import UNKNOWN_LABEL, Voter

T = TypeVar("T")


@dataclass(frozen=True)
class Recalled:
    """What the memory says of one text; without an opinion it could not read it."""

    text_hash: str
    text: str
    opinion: neighbours.Opinions | None
    answer: Distribution
    latency_ms: float

    def shortlist(self, most: int) -> list[int]:
        """The labels that the language model is shown."""
        if self.opinion is None:
            return []
        labels: list[int] = neighbours.shortlist(self.opinion.shares, most)[0].tolist()
        return labels

    def nearest(self, labels: list[int], most: int) -> list[int]:
        """The examples of some labels that the text resembles most, nearest first."""
        if self.opinion is None:
            return []
        near: list[int] = neighbours.most_similar(self.opinion, 0, np.array(labels, dtype=np.int64), most).tolist()
        return near


def label_frames(task: Task, served: ServedModel | None, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Vote on each text of each frame: rows with `text_hash` and the columns of a vote.

    A text that a voter cannot read costs only itself: its vote has neither label nor confidence.

    Args:
        task: versions, intents and settings.
        served: the language model, where it stands behind an endpoint.
        frames: rows with `text_hash` and `voter_text`.
    """
    for frame in frames:
        recalled = [recall_text(key, str(text), task) for key, text in zip(*columns_of(frame), strict=True)]
        asked = [one for one in recalled if one.opinion and is_asked(one.text, one.answer, task.settings)]
        rows = [named(one, vote_row(Voter.MEMORY, one.answer, one.latency_ms, task)) for one in recalled]
        if rows:
            yield pd.DataFrame([*rows, *ask_model(asked, task, served)])


def columns_of(frame: pd.DataFrame) -> "tuple[pd.Series[str], pd.Series[str]]":
    """Give a frame's keys and texts."""
    return frame["text_hash"], frame["voter_text"]


def named(one: Recalled, row: Row) -> Row:
    """Say which text a vote is about."""
    return {"text_hash": one.text_hash, **row}


def recall_text(text_hash: str, text: str, task: Task) -> Recalled:
    """Let the memory vote on one text."""
    examples = remember(task)
    started = time.perf_counter()
    opinion = spared(lambda words: recall(words, examples, task), text, task)
    answer = distribution(opinion, examples, task) if opinion else []
    return Recalled(text_hash, text, opinion, answer, since(started))


def ask_model(asked: list[Recalled], task: Task, served: ServedModel | None) -> list[Row]:
    """Let the language model vote on the texts that it is asked about; none when it is off."""
    if served and asked:
        from pipelines.adapters.served_voter import ask_served

        shortlists = [one.shortlist(task.settings.slm_candidates) for one in asked]
        rows = ask_served(served, [one.text for one in asked], shortlists, task)
        return [named(one, row) for one, row in zip(asked, rows, strict=True)]
    return [named(one, ask_own(one, task)) for one in asked] if task.pinned.slm else []


def ask_own(one: Recalled, task: Task) -> Row:
    """Let the language model of the registry vote on one text."""
    # Loaded before the clock starts: it is the first vote's only by chance.
    load_head(needed(task.pinned), task.pinned.prompt, task.tracking_uri)
    started = time.perf_counter()
    examples, chosen = remember(task), one.shortlist(task.settings.slm_candidates)
    near = one.nearest(chosen, task.settings.slm_examples)
    scored = spared(lambda words: score(words, chosen, near, examples, task), one.text, task)
    return vote_row(Voter.SLM, scored or [], since(started), task)


def spared(read: Callable[[str], T], text: str, task: Task) -> T | None:
    """Read one text; None when this text cannot be read.

    When a harmless text cannot be read either, the voter itself is broken: then the error goes on, or every text would
    be stored as unreadable for ever.
    """
    try:
        return read(text)
    except Exception:
        read(name_text(task.intents[0]))
        return None


def is_asked(text: str, answer: Distribution, settings: LabellingSettings) -> bool:
    """Say whether the language model votes on a text, given the memory's answer.

    It votes where it can change the verdict: below `slm_from_confidence` even a certain model could not lift the
    mean of both to the gate. Where the memory is sure, it votes on a share chosen by hash of the (redacted) text. It
    knows no `unknown`, so a text that is rather that is not shown to it.
    """
    if settings.slm != "auto":
        return settings.slm == "all"
    label, confidence = answer[0]
    if confidence < settings.slm_below_confidence:
        return label != UNKNOWN_LABEL and confidence >= settings.slm_from_confidence
    return label != UNKNOWN_LABEL and int(hash_text(text)[:8], 16) < settings.slm_audit_share * 2**32
