"""The memory: a text is looked up among verified examples."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipelines.adapters.models import load_encoder
from pipelines.adapters.vote_rows import Distribution, Task, by_probability
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
    """The verified examples of a task, in words and as vectors; without any, names and descriptions take their part."""

    texts: tuple[str, ...]
    memory: neighbours.Memory
    unknown_similarity: float
    temperature: float


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


def recall(vectors: npt.ArrayLike, examples: Examples, task: Task) -> neighbours.Opinions:
    """Look texts up among the examples, by their vectors; what comes of one does not depend on the others."""
    near, shown = task.settings.neighbours, task.settings.slm_examples
    return neighbours.compare_many(vectors, examples.memory, near, examples.temperature, shown)


def distributions(opinions: neighbours.Opinions, examples: Examples, task: Task) -> list[Distribution]:
    """Each text's most probable labels, and `unknown` with what is left when it is near no example."""
    known = known_shares(opinions, examples, task)
    return [
        tell(task, opinions.shares[place], chosen, known[place])
        for place, chosen in enumerate(neighbours.shortlist(opinions.shares, task.settings.slm_candidates))
    ]


def known_shares(opinions: neighbours.Opinions, examples: Examples, task: Task) -> list[float]:
    """How likely each text is about any known label."""
    middle, softness = examples.unknown_similarity, task.settings.unknown_softness
    return [neighbours.known_probability(float(near), middle, softness) for near in opinions.familiarity]


def tell(task: Task, shares: Floats, chosen: neighbours.Integers, known: float) -> Distribution:
    """Name some labels with their shares of what is known, and `unknown` with the rest."""
    named = [(task.intents[label].name, known * float(shares[label])) for label in chosen]
    return by_probability([*named, (UNKNOWN_LABEL, 1.0 - known)])
