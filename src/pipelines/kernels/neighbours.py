"""The memory vote: which label's verified examples a text is nearest to, and whether it is near any at all.

A label is as near as the mean of its nearest examples and of its centre, half each (centres: Snell et al.,
"Prototypical Networks for Few-shot Learning", NeurIPS 2017). It is measured twice. *Which* label is told by whitened
vectors: texts of one label differ in some directions more than in others, and these are shortened by the covariance
within the labels, shrunk towards "all directions alike" while examples are few (Friedman, "Regularized Discriminant
Analysis", 1989). *Whether any* is told by plain cosines: whitening would make much of what no label has.

All products are exact (`kernels/exact.py`): a text's opinion is the same in any company, block and thread.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled
from pipelines.kernels.exact import Floats, Vectors, as_unit, exact_cosines, linear_scores, round_units, softmax

Integers = npt.NDArray[np.int64]

CENTRE_SHARE = 0.5
PRIOR_EXAMPLES = 3.0
"""Made-up examples per dimension that say "all directions alike" when the covariance is estimated."""
TEXT_BLOCK = 256
EXAMPLE_BLOCK = 16_384
"""Text by example: a block of similarities takes 16 MB, however many there are of either."""


@dataclass(frozen=True)
class Space:
    """Examples and centres as one measure sees them: whole numbers of `round_units`.

    Attributes:
        examples: shape (examples, dimensions).
        centres: shape (labels, dimensions).
    """

    examples: Vectors
    centres: Vectors


@dataclass(frozen=True)
class Memory:
    """Verified examples, ready to be looked up.

    Attributes:
        owners: which label each example belongs to, shape (examples,).
        plain: the examples as they are.
        white: the examples whitened.
        middle: what is taken off a unit vector before it is whitened, shape (dimensions,).
        whitening: symmetric, shape (dimensions, dimensions).
    """

    owners: Integers
    plain: Space
    white: Space
    middle: Floats
    whitening: Floats


@dataclass(frozen=True)
class Opinions:
    """What the memory thinks of some texts.

    Attributes:
        shares: probability of each label, given that one of them is right, shape (texts, labels).
        places: each label's nearest examples, nearest first, -1 where it has no more, shape (texts, labels, kept).
        cosines: plain cosines to these, -inf where there is none, shape (texts, labels, kept).
        familiarity: plain nearness of the nearest label, shape (texts,).
        nearest: whitened cosine to each label's nearest example, -inf where it has none, shape (texts, labels).
    """

    shares: Floats
    places: Integers
    cosines: Vectors
    familiarity: Floats
    nearest: Vectors


def build_memory(examples: npt.ArrayLike, owners: Integers, names: npt.ArrayLike) -> Memory:
    """Prepare the examples for lookup; a label's name counts in its centre like one more example.

    Args:
        examples: vectors, shape (examples, dimensions); a label may own none.
        owners: label of each example, 0 to labels - 1.
        names: vectors of the labels' names and descriptions, shape (labels, dimensions).
    """
    plain = round_units(examples)
    rows = as_unit(np.concatenate([plain, round_units(names)]))
    labels = len(rows) - len(plain)
    groups = np.concatenate([owners, np.arange(labels)])
    centres = np.zeros((labels, rows.shape[1]))
    np.add.at(centres, groups, rows)
    centres /= np.bincount(groups)[:, None]
    whitening = whiten(rows - centres[groups], len(rows) - labels)
    middle = rows.mean(axis=0)
    seen = Space(whitened(plain, middle, whitening), round_units((centres - middle) @ whitening))
    return Memory(owners, Space(plain, round_units(centres)), seen, middle, whitening)


def whiten(deviations: Floats, freedom: int) -> Floats:
    """Find what makes deviations alike in all directions, shape (dimensions, dimensions).

    Args:
        deviations: of examples from their label's centre, shape (examples, dimensions).
        freedom: how many of them are independent; with few, hardly anything is changed.
    """
    dimensions = deviations.shape[1]
    covariance = deviations.T @ deviations / max(freedom, 1)
    usual = np.trace(covariance) / dimensions
    if usual == 0:
        return np.eye(dimensions)
    trust = freedom / (freedom + PRIOR_EXAMPLES * dimensions)
    values, directions = np.linalg.eigh(trust * covariance + (1 - trust) * usual * np.eye(dimensions))
    return np.asarray((directions * np.sqrt(usual / values)) @ directions.T)


def whitened(rounded: Vectors, middle: Floats, whitening: Floats) -> Vectors:
    """Carry vectors into the whitened space; a row does not depend on the others."""
    return round_units(linear_scores(rounded, whitening) - middle @ whitening)


def compare_many(
    vectors: npt.ArrayLike, memory: Memory, neighbours: int, temperature: float, keep: int = 2
) -> Opinions:
    """Share texts out among the labels: softmax over how near each label is.

    Args:
        vectors: of the texts, shape (texts, dimensions).
        memory: what to compare with.
        neighbours: nearest examples of each label that count.
        temperature: how soft the shares are, in units of whitened cosines.
        keep: nearest examples of each label to name.
    """
    rounded = round_units(vectors)
    parts = [
        compare_block(rounded[start : start + TEXT_BLOCK], memory, neighbours, temperature, keep)
        for start in range(0, max(len(rounded), 1), TEXT_BLOCK)
    ]
    return Opinions(
        np.concatenate([part.shares for part in parts]),
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.cosines for part in parts]),
        np.concatenate([part.familiarity for part in parts]),
        np.concatenate([part.nearest for part in parts]),
    )


def compare_block(texts: Vectors, memory: Memory, neighbours: int, temperature: float, keep: int) -> Opinions:
    """Compare a block of texts; arguments as in `compare_many`."""
    depth = max(neighbours, keep)
    places, cosines = nearest_examples(texts, memory.plain.examples, memory.owners, len(memory.plain.centres), depth)
    familiar = nearness(cosines, exact_cosines(texts, memory.plain.centres), neighbours)
    seen = whitened(texts, memory.middle, memory.whitening)
    near = nearest_examples(seen, memory.white.examples, memory.owners, len(memory.white.centres), neighbours)[1]
    scores = nearness(near, exact_cosines(seen, memory.white.centres), neighbours)
    shares, familiarity = softmax(scores / temperature), familiar.max(axis=1)
    return Opinions(shares, places[..., :keep], cosines[..., :keep], familiarity, near[..., 0])


def nearness(nearest: Vectors, centres: Vectors, neighbours: int) -> Floats:
    """Mean of the nearest examples there are, and of the centre; the centre alone where there is no example.

    Args:
        nearest: cosines, nearest first, -inf where there is none, shape (texts, labels, kept).
        centres: cosines to the centres, shape (texts, labels).
        neighbours: how many of the nearest count.
    """
    counted = nearest[..., :neighbours].astype(np.float64)
    there = np.isfinite(counted)
    many = there.sum(axis=2)
    mean = np.where(there, counted, 0.0).sum(axis=2) / np.maximum(many, 1)
    return np.where(many > 0, (1 - CENTRE_SHARE) * mean + CENTRE_SHARE * centres, centres)


def nearest_examples(
    texts: Vectors, examples: Vectors, owners: Integers, labels: int, depth: int
) -> tuple[Integers, Vectors]:
    """Find each label's nearest examples, equal ones in the order they stand.

    Returns:
        Places (-1 where there are no more) and cosines (-inf there), nearest first, shape (texts, labels, depth).
    """
    places = np.full((len(texts), labels, depth), -1, dtype=np.int64)
    cosines = np.full((len(texts), labels, depth), -np.inf, dtype=np.float32)
    for start in range(0, len(examples), EXAMPLE_BLOCK):
        block = exact_cosines(texts, examples[start : start + EXAMPLE_BLOCK])
        keep_nearest(block, owners[start : start + EXAMPLE_BLOCK], start, places, cosines)
    return places, cosines


@compiled
def keep_nearest(block: Vectors, owners: Integers, first: int, places: Integers, cosines: Vectors) -> None:
    """Sort a block of similarities, shape (texts, some examples), into what was nearest so far."""
    depth = cosines.shape[2]
    for text in range(block.shape[0]):
        for column in range(block.shape[1]):
            cosine, label = block[text, column], owners[column]
            slot = depth
            while slot > 0 and cosine > cosines[text, label, slot - 1]:
                slot -= 1
                if slot + 1 < depth:
                    cosines[text, label, slot + 1] = cosines[text, label, slot]
                    places[text, label, slot + 1] = places[text, label, slot]
            if slot < depth:
                cosines[text, label, slot] = cosine
                places[text, label, slot] = first + column


def known_probability(familiarity: float, unknown_similarity: float, unknown_softness: float) -> float:
    """How likely it is that the text is about any known label: a logistic curve over how near the nearest label is."""
    return float(1.0 / (1.0 + np.exp(-(familiarity - unknown_similarity) / unknown_softness)))


def shortlist(shares: Floats, most: int) -> Integers:
    """Name the likeliest labels of each text, likeliest first, shape (texts, at most `most`)."""
    return np.asarray(np.argsort(-shares, axis=1, kind="stable")[:, :most])


def shortlist_recall(shares: Floats, truth: Integers, most: int) -> float:
    """How often the right label is on the shortlist."""
    return float((shortlist(shares, most) == truth[:, None]).any(axis=1).mean())


def most_similar(opinions: Opinions, text: int, labels: Integers, most: int) -> Integers:
    """Name the kept examples nearest to a text among those of some labels, nearest first, shape (at most `most`,)."""
    places, cosines = opinions.places[text, labels].ravel(), opinions.cosines[text, labels].ravel()
    order = np.lexsort((places, -cosines))
    return np.asarray(places[order][places[order] >= 0][:most])
