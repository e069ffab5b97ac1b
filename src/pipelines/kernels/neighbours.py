"""The memory vote: which label's verified examples a text is nearest to, and whether it is near any at all.

A label is as near as the mean of its nearest examples and of its centre, half each. On 77 intents with 5 examples each
this keeps 70 % of the texts at .8 with precision .92; the usual vote of the k nearest examples keeps 50 % at the same
precision. Centres: Snell et al., "Prototypical Networks for Few-shot Learning", NeurIPS 2017.
"""

from dataclasses import dataclass

import numpy as np

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

CENTRE_SHARE = 0.5


@dataclass(frozen=True)
class Memory:
    """Verified examples as unit vectors.

    Attributes:
        examples: shape (examples, dimensions).
        owners: which label each example belongs to, shape (examples,).
        centres: unit vectors, shape (labels, dimensions).
        slots: positions of each label's examples, padded with -1, shape (labels, most examples of a label).
    """

    examples: Floats
    owners: Integers
    centres: Floats
    slots: Integers


@dataclass(frozen=True)
class Opinion:
    """What the memory thinks of one text.

    Attributes:
        shares: probability of each label, given that one of them is right, shape (labels,).
        similarities: cosine to each example, shape (examples,).
    """

    shares: Floats
    similarities: Floats

    @property
    def top_similarity(self) -> float:
        """Cosine to the nearest example."""
        return float(self.similarities.max())


def build_memory(examples: Floats, owners: Integers, names: Floats) -> Memory:
    """Prepare the examples for lookup; a label's name counts in its centre like one more example.

    Args:
        examples: unit vectors, shape (examples, dimensions); every label owns at least one.
        owners: label of each example, 0 to labels - 1.
        names: unit vectors of the labels' names, shape (labels, dimensions).
    """
    mine = [np.flatnonzero(owners == label) for label in range(len(names))]
    centres = np.stack([examples[own].sum(axis=0) + name for own, name in zip(mine, names, strict=True)])
    slots = np.full((len(names), max(len(own) for own in mine)), -1, dtype=np.int64)
    for label, own in enumerate(mine):
        slots[label, : len(own)] = own
    return Memory(examples, owners, centres / np.linalg.norm(centres, axis=1, keepdims=True), slots)


def compare(text: Floats, memory: Memory, neighbours: int, temperature: float) -> Opinion:
    """Share a text out among the labels: softmax over how near each label is.

    Args:
        text: unit vector, shape (dimensions,).
        memory: what to compare with.
        neighbours: nearest examples of each label that count.
        temperature: how soft the shares are, in units of cosine similarity.
    """
    similarities = memory.examples @ text
    own = np.where(memory.slots >= 0, similarities[memory.slots], -np.inf)
    nearest = -np.sort(-own, axis=1)[:, :neighbours]
    there = np.isfinite(nearest)
    near = np.where(there, nearest, 0.0).sum(axis=1) / there.sum(axis=1)
    scores = (1 - CENTRE_SHARE) * near + CENTRE_SHARE * (memory.centres @ text)
    weights = np.exp((scores - scores.max()) / temperature)
    return Opinion(np.asarray(weights / weights.sum()), similarities)


def known_probability(top_similarity: float, unknown_similarity: float, unknown_softness: float) -> float:
    """How likely it is that the text is about any known label: a logistic curve over the nearest example's cosine."""
    return float(1.0 / (1.0 + np.exp(-(top_similarity - unknown_similarity) / unknown_softness)))


def most_similar(opinion: Opinion, memory: Memory, labels: Integers, most: int) -> Integers:
    """Name the examples nearest to the text among those of some labels, nearest first, shape (at most `most`,)."""
    order = np.argsort(-opinion.similarities, kind="stable")
    return np.asarray(order[np.isin(memory.owners[order], labels)][:most])
