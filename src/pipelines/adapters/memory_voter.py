"""The memory: a text is looked up among verified examples, those of intents.yml and those of people's votes.

What people said comes with the student's version, which learnt from the same votes: the set changes when a version is
promoted, and goes back with it. Only the memory's own vote rests on it; what the language model is shown does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipelines.adapters.models import load_encoder
from pipelines.adapters.student_files import NOTHING, Verified, load_student
from pipelines.adapters.vote_rows import DECIMALS, Distribution, Similarities, Task, by_probability
from pipelines.intents import name_text
from pipelines.kernels import neighbours
from pipelines.kernels.exact import Floats
from pipelines.vocabulary import UNKNOWN_LABEL

NAMES_ONLY_SHIFT = 0.07
"""A bare name is that much less near to a text than examples are (cosine, on 150 intents)."""
NAMES_ONLY_SOFTER = 1.5
"""And tells less: with the temperature of examples, the votes on 77 intents would be 14 points surer than right."""


@dataclass(frozen=True)
class Examples:
    """The verified examples of a task; without any, names and descriptions take their part.

    Attributes:
        texts: of intents.yml, in words.
        memory: these as vectors, and people's behind them; once people call texts `unknown`, it is the last label.
    """

    texts: tuple[str, ...]
    memory: neighbours.Memory
    unknown_similarity: float
    temperature: float


@lru_cache(maxsize=2)
def remember(task: Task) -> Examples:
    """Encode the examples of intents.yml, once a worker."""
    return build_examples(task, NOTHING)


@lru_cache(maxsize=2)
def remember_people(task: Task) -> Examples:
    """Take in what people said, too, as the student's version has it."""
    student = task.pinned.student
    return build_examples(task, load_student(student, task.tracking_uri).verified if student else NOTHING)


def build_examples(task: Task, verified: Verified) -> Examples:
    """Prepare examples for lookup; what people called by a name that is no intent any more is left out."""
    encoder = load_encoder(task.pinned.encoder, task.tracking_uri)
    places = {intent.name: place for place, intent in enumerate(task.intents)} | {UNKNOWN_LABEL: len(task.intents)}
    kept = [place for place, label in enumerate(verified.labels) if label in places]
    told = np.array([places[verified.labels[place]] for place in kept], dtype=np.int64)
    names = [name_text(intent) for intent in task.intents]
    # An intent without examples is known by its name and description alone.
    shown = [
        intent.examples or (() if place in told else (name,))
        for place, (intent, name) in enumerate(zip(task.intents, names, strict=True))
    ]
    texts = [text for group in shown for text in group]
    owners = np.repeat(np.arange(len(shown)), [len(group) for group in shown])
    vectors = encoder.encode([*texts, *names])
    told_vectors = verified.vectors[kept].reshape(len(kept), vectors.shape[1])
    strangers = told_vectors[told == len(task.intents)]
    # `unknown` has no name that says anything: the mean of its examples stands in for it.
    named = [*vectors[len(texts) :], *([strangers.mean(axis=0)] if len(strangers) else [])]
    memory = neighbours.build_memory(
        np.concatenate([vectors[: len(texts)], told_vectors]), np.concatenate([owners, told]), np.stack(named)
    )
    settings = task.settings
    if len(told) or any(intent.examples for intent in task.intents):
        return Examples(tuple(texts), memory, settings.unknown_similarity, settings.temperature)
    shifted = settings.unknown_similarity - NAMES_ONLY_SHIFT
    return Examples(tuple(texts), memory, shifted, settings.temperature * NAMES_ONLY_SOFTER)


def recall(vectors: npt.ArrayLike, examples: Examples, task: Task) -> neighbours.Opinions:
    """Look texts up among the examples, by their vectors; what comes of one does not depend on the others."""
    near, shown = task.settings.neighbours, task.settings.slm_examples
    return neighbours.compare_many(vectors, examples.memory, near, examples.temperature, shown)


def distributions(opinions: neighbours.Opinions, examples: Examples, task: Task) -> list[Distribution]:
    """Each text's most probable labels, and `unknown` with what is left when it is near no example."""
    known, shares = known_shares(opinions, examples, task), opinions.shares[:, : len(task.intents)]
    return [
        tell(task, shares[place], chosen, known[place])
        for place, chosen in enumerate(neighbours.shortlist(shares, task.settings.slm_candidates))
    ]


def similarities(opinions: neighbours.Opinions, told: Sequence[Distribution], task: Task) -> list[Similarities]:
    """How near the nearest example is of each label that a vote lists; of `unknown` only what people called so."""
    places = {intent.name: place for place, intent in enumerate(task.intents)}
    columns = places | ({UNKNOWN_LABEL: len(places)} if opinions.nearest.shape[1] > len(places) else {})
    near = [
        [(label, float(nearest[columns[label]])) for label, _ in listed if label in columns]
        for listed, nearest in zip(told, opinions.nearest, strict=True)
    ]
    return [[(label, round(cosine, DECIMALS)) for label, cosine in each if np.isfinite(cosine)] for each in near]


def known_shares(opinions: neighbours.Opinions, examples: Examples, task: Task) -> list[float]:
    """How likely each text is about any known label."""
    middle, softness = examples.unknown_similarity, task.settings.unknown_softness
    return [neighbours.known_probability(float(near), middle, softness) for near in opinions.familiarity]


def tell(task: Task, shares: Floats, chosen: neighbours.Integers, known: float) -> Distribution:
    """Name some labels with their shares of what is known, and `unknown` with what no label has.

    Args:
        task: whose intents.
        shares: of each label, adding up to less than 1 where people call texts like it unknown.
        chosen: labels to name.
        known: how likely the text is near any verified example.
    """
    named = [(task.intents[label].name, known * float(shares[label])) for label in chosen]
    return by_probability([*named, (UNKNOWN_LABEL, 1.0 - known * float(shares.sum()))])
