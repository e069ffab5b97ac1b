"""What is done with distributions over labels: prior off, orders averaged, and how sure they are."""

import numpy as np

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def normalise(logs: Floats) -> Floats:
    """Make the exponentials of each last axis add up to 1."""
    return np.asarray(logs - np.logaddexp.reduce(logs, axis=-1, keepdims=True))


def calibrate(logs: Floats, prior: Floats) -> Floats:
    """Take off what the model says without any ticket (Zhao et al., ICML 2021).

    Args:
        logs: log-probabilities of shape (texts, labels).
        prior: those of the empty ticket, shape (labels,).
    """
    return normalise(logs - prior)


def to_probabilities(logs: Floats, temperature: float) -> Floats:
    """Softmax over the last axis; a temperature above 1 makes a model that is too sure less so."""
    weights = np.exp((logs - logs.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def average_orders(logs: Floats) -> Floats:
    """Put the answers to several orders of the labels together, shape (orders, texts, labels) to (texts, labels).

    The mean is one of logarithms: what a place adds to whatever label stands there then falls out exactly, when each
    label has stood in each place.
    """
    return normalise(logs.mean(axis=0))


def label_orders(labels: int, count: int) -> Integers:
    """Give orders of the labels, shape (count, labels): `orders[i, place]` is the label that stands there.

    The first is the given order, the others are it shifted by equal steps round the list. With as many orders as
    labels, each label stands in each place once.

    Raises:
        ValueError: when more orders are wanted than there are labels.
    """
    if not 1 <= count <= labels:
        raise ValueError(f"{count} orders of {labels} labels were wanted; expected 1 to {labels}.")
    return np.array([np.roll(np.arange(labels), turn * labels // count) for turn in range(count)], dtype=np.int64)


def place_bias(logs: Floats, orders: Integers) -> Floats:
    """Measure what a place in the list adds to a label, in nats, on average over texts.

    Args:
        logs: shape (orders, texts, labels).
        orders: of `label_orders`.

    Returns:
        shape (places,), its mean is 0.
    """
    # What is left of a label's score when its mean over the orders is taken off is owed to its places.
    owed = (logs - logs.mean(axis=0)).mean(axis=1)
    by_place = np.take_along_axis(owed, orders, axis=1).mean(axis=0)
    return np.asarray(by_place - by_place.mean())


def margins(probabilities: Floats) -> Floats:
    """The best label's probability less the second's; 1 where there is one label only."""
    if probabilities.shape[-1] == 1:
        return np.ones(probabilities.shape[:-1])
    best = np.partition(probabilities, -2, axis=-1)
    return np.asarray(best[..., -1] - best[..., -2])


def normalised_entropies(probabilities: Floats) -> Floats:
    """Entropy as a share of what it can be: 0 is certain, 1 is no idea."""
    if probabilities.shape[-1] == 1:
        return np.zeros(probabilities.shape[:-1])
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))
    return np.asarray(-(probabilities * logs).sum(axis=-1) / np.log(probabilities.shape[-1]))


def top_labels(probabilities: Floats, most: int) -> tuple[Integers, Floats, Floats]:
    """Keep each text's most probable labels, equal ones in their own order.

    Returns:
        places (texts, kept) best first, their probabilities, and the rest of the probability of shape (texts,).
    """
    places = np.argsort(-probabilities, axis=-1, kind="stable")[:, :most]
    kept = np.take_along_axis(probabilities, places, axis=-1)
    return places, kept, np.maximum(0.0, 1.0 - kept.sum(axis=-1))
