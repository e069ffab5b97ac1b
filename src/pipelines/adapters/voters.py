"""The model voters on the workers: vectors first, then what is cheap, then the language model where it is asked.

A text that a voter cannot read costs only itself: it has no vector, or its vote has neither label nor confidence.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import TypeVar

import numpy as np
import pandas as pd

from pipelines.adapters.memory_voter import Examples, distributions, recall, remember, remember_people, similarities
from pipelines.adapters.models import load_encoder, load_head, place_of_slm
from pipelines.adapters.served_model import ServedModel
from pipelines.adapters.slm_voter import Asked, render, score
from pipelines.adapters.student_voter import student_distributions
from pipelines.adapters.vote_rows import Cost, Distribution, Row, Similarities, Task, Told, needed, since, vote_row
from pipelines.intents import name_text
from pipelines.kernels import neighbours
from pipelines.transforms.labelling import CAST, ENCODED
from pipelines.vocabulary import Voter

S = TypeVar("S")
T = TypeVar("T")


def encode_frames(task: Task, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Give each text (text_hash, voter_text) its vector, None when it cannot be read: `ENCODED`'s columns.

    Together they are read in less time; see `encoder.Encoder` for why a vector is the same in any company.
    """
    for frame in frames:
        keys, texts = columns_of(frame)
        started = time.perf_counter()
        vectors = encode_texts([str(text) for text in texts], task)
        took = since(started) / max(len(frame), 1)
        rows = [(key, vector, took) for key, vector in zip(keys, vectors, strict=True)]
        yield pd.DataFrame(rows, columns=ENCODED.fieldNames())


def encode_texts(texts: Sequence[str], task: Task) -> list[np.ndarray | None]:
    """Give texts their vectors; None where one cannot be read."""
    encoder = load_encoder(task.pinned.encoder, task.tracking_uri)
    if not texts:
        return []
    return together(lambda some: [*encoder.encode(some).astype(np.float32)], texts, task, str)


def recall_frames(task: Task, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Let the memory (and the student, once there is one) vote on (text_hash, voter_text, vector): `CAST`'s columns."""
    examples = remember_people(task)
    for frame in frames:
        started = time.perf_counter()
        vectors, opinions = look_up(frame, examples, task)
        told = distributions(opinions, examples, task) if opinions else []
        near = similarities(opinions, told, task) if opinions else []
        rows = vote_rows(frame, Voter.MEMORY, told, started, task, near)
        if task.pinned.student:
            started = time.perf_counter()
            learnt = student_distributions(vectors, opinions, examples, task) if opinions else []
            rows += vote_rows(frame, Voter.STUDENT, learnt, started, task)
        yield pd.DataFrame(rows, columns=CAST.fieldNames())


def vote_rows(
    frame: pd.DataFrame,
    voter: Voter,
    told: Sequence[Distribution],
    started: float,
    task: Task,
    near: Sequence[Similarities] | None = None,
) -> list[Row]:
    """Lay out one voter's votes on all texts of a frame; `told` and `near` hold the readable ones', in their order."""
    took = since(started) / max(len(frame), 1)
    answers = zip(told, near if near is not None else repeat(None), strict=False)
    # Who needs a text's vector first pays for it.
    costs = frame["latency_ms"] + took if voter == Voter.MEMORY else [took] * len(frame)
    silent: tuple[Distribution, None] = ([], None)
    rows = []
    for key, vector, cost in zip(frame["text_hash"], frame["vector"], costs, strict=True):
        answer, similar = silent if vector is None else next(answers)
        rows.append(named(key, vote_row(voter, answer, Cost(float(cost)), task, near=similar)))
    return rows


def ask_frames(task: Task, served: ServedModel | None, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Let the language model vote on each text (text_hash, voter_text, vector): `CAST`'s columns.

    Args:
        task: versions, intents and settings.
        served: the language model, where it stands behind an endpoint.
        frames: texts that have a vector.
    """
    for frame in frames:
        keys, texts = columns_of(frame)
        words = [str(text) for text in texts]
        opinions = None if task.coded else look_up(frame, remember(task), task)[1]
        rows = ask_coded(words, task) if task.coded else ask(words, opinions, task, served)
        named_rows = [named(key, row) for key, row in zip(keys, rows, strict=True)]
        yield pd.DataFrame(named_rows, columns=CAST.fieldNames())


def ask(
    texts: Sequence[str], opinions: neighbours.Opinions | None, task: Task, served: ServedModel | None
) -> list[Row]:
    """Let the language model vote on texts, each among the labels that the memory finds likeliest."""
    if opinions is None:
        return []
    shortlists = [
        [int(label) for label in row] for row in neighbours.shortlist(opinions.shares, task.settings.slm_candidates)
    ]
    if served:
        from pipelines.adapters.served_voter import ask_served

        return ask_served(served, texts, shortlists, task)
    asked = [
        Asked(text, shortlist, nearest(opinions, place, shortlist, task))
        for place, (text, shortlist) in enumerate(zip(texts, shortlists, strict=True))
    ]
    return ask_own(asked, task)


def ask_own(asked: Sequence[Asked], task: Task) -> list[Row]:
    """Let the language model of the registry vote on texts, several a pass, each among its own labels."""
    # Loaded before the clock starts: it is the first votes' only by chance.
    load_head(needed(task.pinned), task.pinned.prompt, task.tracking_uri)
    examples, started = remember(task), time.perf_counter()
    answers = together(lambda some: score(some, examples, task), asked, task, lambda name: Asked(name, (0,), ()))
    return slm_rows(answers, started, task)


def ask_coded(texts: Sequence[str], task: Task) -> list[Row]:
    """Let the language model of the registry choose among all labels, many texts a pass."""
    from pipelines.adapters.coded_voter import open_coded, score_coded

    # Read before the clock starts: it is the first votes' only by chance.
    open_coded(task)
    started = time.perf_counter()
    answers = together(lambda some: score_coded(some, task), texts, task, str)
    return slm_rows(answers, started, task)


def slm_rows(answers: Sequence[Told | None], started: float, task: Task) -> list[Row]:
    """Lay out the language model's votes, each charged with its share of the time."""
    took, device = since(started) / max(len(answers), 1), place_of_slm(needed(task.pinned), task.tracking_uri)
    return [
        vote_row(Voter.SLM, one.shares if one else [], Cost(took, one.tokens if one else None, 0, device), task)
        for one in answers
    ]


def render_prompt(task: Task, text: str) -> str:
    """Write the prompt that the language model would be asked with about a redacted text."""
    if task.coded:
        from pipelines.adapters.coded_voter import render_coded

        return render_coded(text, task)
    vectors = load_encoder(task.pinned.encoder, task.tracking_uri).encode([text])
    opinions = recall(vectors, remember(task), task)
    shortlist = [int(label) for label in neighbours.shortlist(opinions.shares, task.settings.slm_candidates)[0]]
    if task.served:
        from pipelines.adapters.served_voter import write_question

        asked = write_question(text, shortlist, task)
        return asked.head + asked.text + asked.tail
    return render(text, nearest(opinions, 0, shortlist, task), remember(task), task)


def nearest(opinions: neighbours.Opinions, place: int, labels: list[int], task: Task) -> list[int]:
    """The examples of some labels that a text resembles most, nearest first."""
    chosen = np.array(labels, dtype=np.int64)
    return [int(near) for near in neighbours.most_similar(opinions, place, chosen, task.settings.slm_examples)]


def look_up(frame: pd.DataFrame, examples: Examples, task: Task) -> tuple[list[np.ndarray], neighbours.Opinions | None]:
    """Look all readable texts of a frame up at once: their vectors, and what the memory thinks of them."""
    vectors = [vector for vector in frame["vector"] if vector is not None]
    return vectors, recall(np.stack(vectors), examples, task) if vectors else None


def columns_of(frame: pd.DataFrame) -> "tuple[pd.Series[str], pd.Series[str]]":
    """Give a frame's keys and texts."""
    return frame["text_hash"], frame["voter_text"]


def named(text_hash: str, row: Row) -> Row:
    """Say which text a vote is about."""
    return {"text_hash": text_hash, **row}


def together(
    read: Callable[[Sequence[S]], list[T]], asked: Sequence[S], task: Task, harmless: Callable[[str], S]
) -> list[T | None]:
    """Read all at once; when that fails, one by one, None for those that cannot be read.

    Args:
        read: answers questions, in their order.
        asked: the questions.
        task: whose intents give a harmless text.
        harmless: makes a question of it.

    Raises:
        Exception: what a harmless text fails with too: then the voter itself is broken, and every text would be stored
            as unreadable for ever.
    """
    try:
        return [*read(asked)]
    except Exception:  # which of them it was shows when each is read alone
        return [spared(lambda some: read([some])[0], one, harmless(name_text(task.intents[0]))) for one in asked]


def spared(read: Callable[[S], T], asked: S, harmless: S) -> T | None:
    """Read one question; None when this one cannot be read although a harmless one can."""
    try:
        return read(asked)
    except Exception:
        read(harmless)
        return None
