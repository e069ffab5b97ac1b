"""The model voters: the memory looks a text up among verified examples, the language model is asked where that pays."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import pandas as pd

from pipelines.adapters.model_files import PinnedModel, PinnedVersions, hash_text
from pipelines.adapters.models import load_encoder, load_head, load_slm
from pipelines.intents import Intent, examples_hash, label_set_hash
from pipelines.kernels import neighbours
from pipelines.labelling_settings import LabellingSettings
from pipelines.vocabulary import UNKNOWN_LABEL, Voter

DECIMALS = 6
NAMES_ONLY_SHIFT = 0.07
"""A bare name is that much less near to a text than examples are (cosine, on 150 intents)."""
NAMES_ONLY_SOFTER = 1.5
"""And tells less: with the temperature of examples, the votes on 77 intents would be 14 points surer than right."""

T = TypeVar("T")

Row = dict[str, object]
Distribution = list[tuple[str, float]]


@dataclass(frozen=True)
class Task:
    """Everything an answer depends on; equal tasks share what a worker has loaded."""

    pinned: PinnedVersions
    intents: tuple[Intent, ...]
    settings: LabellingSettings
    tracking_uri: str


@dataclass(frozen=True)
class Examples:
    """The verified examples of a task, in words and as vectors; without any, names and descriptions take their part."""

    texts: tuple[str, ...]
    memory: neighbours.Memory
    unknown_similarity: float
    temperature: float


def label_frames(task: Task, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Vote on each text of each frame: rows with `text_hash` and the columns of a vote."""
    for frame in frames:
        rows = [
            {"text_hash": key, **row}
            for key, text in zip(frame["text_hash"], frame["voter_text"], strict=True)
            for row in vote(str(text), task)
        ]
        if rows:
            yield pd.DataFrame(rows)


def vote(text: str, task: Task) -> list[Row]:
    """Cast the votes on one text: the memory's, then the language model's if it is asked.

    A text that a voter cannot read costs only itself: its vote has neither label nor confidence.
    """
    examples = remember(task)
    started = time.perf_counter()
    opinion = spared(lambda words: recall(words, examples, task), text, task)
    answer = distribution(opinion, examples, task) if opinion else []
    rows = [vote_row(Voter.MEMORY, answer, started, task)]
    if opinion and task.pinned.slm and is_asked(text, answer, task.settings):
        # Loaded before the clock starts: it is the first vote's only by chance.
        load_head(task.pinned.slm, task.pinned.prompt, task.tracking_uri)
        started = time.perf_counter()
        chosen = neighbours.shortlist(opinion.shares, task.settings.slm_candidates)[0]
        near = neighbours.most_similar(opinion, 0, chosen, task.settings.slm_examples)
        scored = spared(lambda words: score(words, chosen.tolist(), near.tolist(), examples, task), text, task)
        rows.append(vote_row(Voter.SLM, scored or [], started, task))
    return rows


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


@lru_cache(maxsize=2)
def remember(task: Task) -> Examples:
    """Encode the verified examples, once a worker."""
    encoder = load_encoder(task.pinned.encoder, task.tracking_uri)
    names = [name_text(intent) for intent in task.intents]
    # An intent without examples is known by its name and description alone.
    shown = [intent.examples or (name,) for intent, name in zip(task.intents, names, strict=True)]
    texts = [text for group in shown for text in group]
    owners = np.repeat(np.arange(len(shown)), [len(group) for group in shown])
    vectors = encoder.encode([*texts, *names])
    memory = neighbours.build_memory(vectors[: len(texts)], owners, vectors[len(texts) :])
    settings = task.settings
    if any(intent.examples for intent in task.intents):
        return Examples(tuple(texts), memory, settings.unknown_similarity, settings.temperature)
    shifted = settings.unknown_similarity - NAMES_ONLY_SHIFT
    return Examples(tuple(texts), memory, shifted, settings.temperature * NAMES_ONLY_SOFTER)


def name_text(intent: Intent) -> str:
    """Say an intent in words: `card_arrival` with a description is "card arrival. When will it come?"."""
    return ". ".join(part for part in (plain(intent.name), intent.description) if part)


def plain(name: str) -> str:
    """Write a label the way people write."""
    return " ".join(name.replace("_", " ").replace("-", " ").split()) or name


@lru_cache(maxsize=2)
def wordings(task: Task) -> tuple[str, ...]:
    """What the language model calls each label: in plain words, unless two labels would be called the same."""
    words = [plain(intent.name) for intent in task.intents]
    return tuple(
        word if words.count(word) == 1 else intent.name for word, intent in zip(words, task.intents, strict=True)
    )


def recall(text: str, examples: Examples, task: Task) -> neighbours.Opinions:
    """Look a text up among the examples, alone: its vote is the same whatever texts came with it."""
    vectors = load_encoder(task.pinned.encoder, task.tracking_uri).encode([text])
    near, shown = task.settings.neighbours, task.settings.slm_examples
    return neighbours.compare_many(vectors, examples.memory, near, examples.temperature, shown)


def distribution(opinion: neighbours.Opinions, examples: Examples, task: Task) -> Distribution:
    """The memory's most probable labels, and `unknown` with what is left when the text is near no example."""
    near = float(opinion.familiarity[0])
    known = neighbours.known_probability(near, examples.unknown_similarity, task.settings.unknown_softness)
    chosen = neighbours.shortlist(opinion.shares, task.settings.slm_candidates)[0]
    shares = [(task.intents[label].name, known * float(opinion.shares[0, label])) for label in chosen]
    return by_probability([*shares, (UNKNOWN_LABEL, 1.0 - known)])


def by_probability(shares: Distribution) -> Distribution:
    """Round, then sort: best first, equal ones by name."""
    rounded = [(label, round(probability, DECIMALS)) for label, probability in shares]
    return sorted(rounded, key=lambda share: (-share[1], share[0]))


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


def score(text: str, chosen: Sequence[int], near: Sequence[int], examples: Examples, task: Task) -> Distribution:
    """Let the language model share a text out among a few labels, by the likelihood it gives each label's words.

    Args:
        text: the redacted text.
        chosen: places of the labels that may be answered.
        near: places of the examples to show, nearest first.
        examples: all verified examples.
        task: model, prompt and settings.
    """
    from pipelines.kernels.candidates import score_candidates, to_probabilities

    pinned, settings, words = task.pinned, task.settings, wordings(task)
    slm = load_slm(needed(pinned), task.tracking_uri)
    head = load_head(needed(pinned), pinned.prompt, task.tracking_uri)
    before, after = pinned.prompt.template.partition("{{examples}}")[2].split("{{ticket}}")

    def asked(ticket: str, most: int) -> tuple[int, ...]:
        return (*slm.tokens(before), *slm.tokens(ticket.replace('"""', "'''"))[:most], *slm.tokens(after))

    prompt: list[int] = []
    # The nearest example stands last, next to the text it resembles.
    for place in reversed(near):
        most = settings.slm_max_text_tokens // max(len(near), 1)
        label = words[int(examples.memory.owners[place])]
        prompt += [*asked(examples.texts[place], most), *slm.tokens(f" {label}\n\n")]
    prompt += asked(text, settings.slm_max_text_tokens)
    # All end alike, or "transfer" would be likelier than "transfer fee" for being its beginning.
    candidates = [slm.tokens(f" {words[label]}\n") for label in chosen]
    # Per token: summed, a label would be the less likely the longer its name is.
    scores = score_candidates(slm.network, head, prompt, candidates) / np.array([len(one) for one in candidates])
    probabilities = to_probabilities(scores, settings.slm_temperature).tolist()
    return by_probability([(task.intents[label].name, p) for label, p in zip(chosen, probabilities, strict=True)])


def needed(pinned: PinnedVersions) -> PinnedModel:
    """The language model's version; asking for it without one is a mistake of ours.

    Raises:
        ValueError: when no version was pinned.
    """
    if pinned.slm is None:
        raise ValueError("The language model was asked although no version was pinned.")
    return pinned.slm


def vote_row(voter: Voter, answer: Distribution, started: float, task: Task) -> Row:
    """Lay out a vote: what was said, by which versions, with which settings."""
    best, second = ([*answer, (None, None), (None, None)])[:2]
    by_slm = voter == Voter.SLM
    model = needed(task.pinned) if by_slm else task.pinned.encoder
    prompt = task.pinned.prompt if by_slm else None
    return {
        "voter": voter.value,
        "label": best[0],
        "confidence": best[1],
        "second_label": second[0],
        "second_confidence": second[1],
        "alternatives": [{"label": label, "probability": probability} for label, probability in answer],
        "latency_ms": (time.perf_counter() - started) * 1000,
        "model_name": model.name,
        "model_version": model.version,
        "model_hash": model.weights_hash,
        "prompt_name": prompt.name if prompt else None,
        "prompt_version": prompt.version if prompt else None,
        "prompt_hash": prompt.hash if prompt else None,
        "label_set_hash": label_set_hash(list(task.intents)),
        "examples_hash": examples_hash(list(task.intents)),
        "decoding": decoding(voter, task.settings),
    }


def decoding(voter: Voter, settings: LabellingSettings) -> str:
    """The settings that decide a voter's answer, as JSON."""
    shared = ("neighbours", "temperature", "unknown_similarity", "unknown_softness", "slm_candidates")
    slm = ("slm_examples", "slm_max_text_tokens", "slm_temperature")
    # The memory chooses what the language model is shown, so its settings decide that answer too.
    names = (*shared, *slm) if voter == Voter.SLM else shared
    return json.dumps({name: getattr(settings, name) for name in names}, sort_keys=True)
