"""The student: multinomial logistic regression on stored embeddings, with every label weighing the same.

Convex, so that the same examples give the same student; fitted by L-BFGS (Liu and Nocedal, 1989). How strongly its
weights are held back is chosen by cross-validation on the training examples alone. Texts that are likely of a label,
and that nobody settled, are learnt from in the last fit (self-training: Yarowsky, ACL 1995); nothing is chosen or
measured by them. A student is plain arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from pipelines.kernels.exact import Floats, as_unit, linear_scores, round_units, softmax

Integers = npt.NDArray[np.int64]
Likely = tuple[npt.ArrayLike, Integers]
"""Vectors of texts and the label that each is likely to be of, shapes (texts, dimensions) and (texts,)."""

LEAST_EXAMPLES = 5
"""A label with fewer verified examples is not learnt."""
LEAST_LABELS = 2
"""With fewer learnt labels there is no student."""
STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1000.0)
"""Of all examples' losses together, against half the squared weights."""
FOLDS = 5
NAME_WEIGHT = 2
MOST_STEPS = 200


@dataclass(frozen=True)
class Student:
    """A fitted classifier.

    Attributes:
        labels: which labels it knows, ascending, shape (known,).
        weights: shape (known, dimensions).
        biases: shape (known,).
        strength: the inverse of the penalty that was chosen.
        loss: mean loss of the held-out examples with it, in nats, every label weighing the same.
        accuracy: share of the held-out examples that it gives their label, every label weighing the same.
    """

    labels: Integers
    weights: Floats
    biases: Floats
    strength: float
    loss: float
    accuracy: float


def learnable(owners: Integers) -> Integers:
    """Name the labels with enough examples; none when they are too few for a student."""
    labels, counts = np.unique(owners, return_counts=True)
    enough = labels[counts >= LEAST_EXAMPLES]
    return enough if len(enough) >= LEAST_LABELS else enough[:0]


def fit_student(
    vectors: npt.ArrayLike,
    owners: Integers,
    names: npt.ArrayLike,
    strengths: Sequence[float] = STRENGTHS,
    likely: Likely | None = None,
) -> Student | None:
    """Learn from verified examples; the same examples in the same order give the same student.

    Args:
        vectors: unit vectors of the examples, shape (examples, dimensions).
        owners: label of each, shape (examples,).
        names: unit vectors of the labels' names and descriptions, shape (labels, dimensions); learnt from like two
            examples more, and never held out.
        strengths: inverse penalties to choose from, smallest first.
        likely: texts that are likely of a label, learnt from as well; a label with likely texts alone is not learnt.

    Returns:
        None until `learnable` finds enough.
    """
    labels = learnable(owners)
    if not len(labels):
        return None
    mine = np.isin(owners, labels)
    named = [as_unit(round_units(np.asarray(names)[labels]))] * NAME_WEIGHT
    rows = np.concatenate([as_unit(round_units(np.asarray(vectors)[mine])), *named])
    places = np.concatenate([np.searchsorted(labels, owners[mine]), *[np.arange(len(labels))] * NAME_WEIGHT])
    tried = [held_out(rows, places, len(labels), strength) for strength in strengths]
    best = int(np.argmin([loss for loss, _ in tried]))
    settled = len(rows)
    if likely is not None:
        known = np.isin(likely[1], labels)
        rows = np.concatenate([rows, as_unit(round_units(np.asarray(likely[0])[known]))])
        places = np.concatenate([places, np.searchsorted(labels, likely[1][known])])
    # The same penalty, however many likely texts there are: with a weaker one they would make the student too sure.
    weights, biases = fit(rows, places, len(labels), strengths[best] * settled / len(rows))
    return Student(labels, weights, biases, strengths[best], *tried[best])


def predict(vectors: npt.ArrayLike, student: Student) -> Floats:
    """Share texts out among the labels a student knows.

    Args:
        vectors: unit vectors, shape (texts, dimensions).
        student: fitted on vectors of the same encoder.

    Returns:
        Probabilities in the order of `student.labels`, shape (texts, known); a row does not depend on the others.
    """
    return softmax(linear_scores(round_units(vectors), student.weights) + student.biases)


def fit(rows: Floats, places: Integers, labels: int, strength: float) -> tuple[Floats, Floats]:
    """Minimise the penalised loss; gives weights (labels, dimensions) and biases (labels,)."""
    dimensions = rows.shape[1]
    shares = 1.0 / (labels * np.bincount(places, minlength=labels))[places]
    truth = np.zeros((len(rows), labels))
    truth[np.arange(len(rows)), places] = 1.0
    penalty = 1.0 / (strength * len(rows))

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, biases = flat[: labels * dimensions].reshape(labels, dimensions), flat[labels * dimensions :]
        probabilities = softmax(rows @ weights.T + biases)
        value = -(shares * np.log(probabilities[np.arange(len(rows)), places])).sum()
        wrong = shares[:, None] * (probabilities - truth)
        slope = np.concatenate([(wrong.T @ rows + penalty * weights).ravel(), wrong.sum(axis=0)])
        return float(value + penalty / 2 * (weights**2).sum()), slope

    start = np.zeros(labels * (dimensions + 1))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}).x
    return found[: labels * dimensions].reshape(labels, dimensions), found[labels * dimensions :]


def held_out(rows: Floats, places: Integers, labels: int, strength: float) -> tuple[float, float]:
    """Mean loss (nats) and accuracy on examples that took no part in the fit, every label weighing the same."""
    examples = len(rows) - NAME_WEIGHT * labels
    folds = np.concatenate([stratify(places[:examples]), np.full(NAME_WEIGHT * labels, -1)])
    losses, hits = np.zeros(len(rows)), np.zeros(len(rows))
    for fold in range(FOLDS):
        held = folds == fold
        weights, biases = fit(rows[~held], places[~held], labels, strength)
        probabilities = softmax(rows[held] @ weights.T + biases)
        losses[held] = -np.log(probabilities[np.arange(held.sum()), places[held]])
        hits[held] = probabilities.argmax(axis=1) == places[held]
    shares = 1.0 / (labels * np.bincount(places[:examples], minlength=labels))[places[:examples]]
    return float((shares * losses[:examples]).sum()), float((shares * hits[:examples]).sum())


def stratify(places: Integers) -> Integers:
    """Deal each label's examples out to the folds in turn, shape (examples,)."""
    order = np.argsort(places, kind="stable")
    first = np.searchsorted(places[order], places[order])
    folds = np.empty(len(places), dtype=np.int64)
    folds[order] = (np.arange(len(places)) - first) % FOLDS
    return folds
