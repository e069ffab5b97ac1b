"""A small network that marks entities in sentences, as spaCy trains it: a convolution over words, then a move a word.

The architecture is spaCy's own (MaxoutWindowEncoder, TransitionBasedParser with 3 state features), the weights are
those of a trained model. What is different is how it is run: spaCy asks for the interpreter's lock for each of 74 moves
of each word, which takes longer than all its multiplications.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.kernels.compiling import compiled

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

BEGIN, INSIDE, LAST, UNIT, OUTSIDE = range(5)
CHUNK_WORDS = 1024
"""Words that are read at once: what they take in between still fits the processor's cache."""
LEAST_VARIANCE = np.float32(1e-8)


@dataclass(frozen=True)
class Layer:
    """A maxout layer with its normalisation; the pieces of `weights` [inputs, pieces * width] stand side by side."""

    weights: Floats
    bias: Floats
    gain: Floats
    shift: Floats


@dataclass(frozen=True)
class Network:
    """The weights.

    Attributes:
        layers: of the convolution: each looks at a word and its two neighbours.
        narrow, narrow_bias: [width, narrow] what is handed to the moves.
        places, places_bias: [narrow, 3 * hidden * 2] what a word means as the next one, as the first and as the latest
            one of an open entity; places_empty [3, hidden * 2] stands for none.
        scores, scores_bias: [hidden, moves].
        kinds, labels: of the moves; labels count from 0.
    """

    layers: tuple[Layer, ...]
    narrow: Floats
    narrow_bias: Floats
    places: Floats
    places_bias: Floats
    places_empty: Floats
    scores: Floats
    scores_bias: Floats
    kinds: Integers
    labels: Integers


def find_entities(network: Network, words: Floats, lengths: Integers, blank: Flags) -> Integers:
    """Find the entities in sentences.

    Args:
        network: the weights.
        words: [words, width] an embedding a word, sentence after sentence.
        lengths: words of each sentence.
        blank: which words are white space: there no entity begins.

    Returns:
        Array [entities, 4]: sentence, first word, word behind the last one, label.
    """
    ends = np.cumsum(lengths)
    found, first = [np.empty((0, 4), dtype=np.int64)], 0
    while first < len(lengths):
        begin = ends[first] - lengths[first]
        behind = max(first + 1, int(np.searchsorted(ends, begin + CHUNK_WORDS, side="right")))
        part = slice(begin, ends[behind - 1])
        entities = read_chunk(network, words[part], lengths[first:behind], blank[part])
        entities[:, 0] += first
        found.append(entities)
        first = behind
    return np.concatenate(found)


def read_chunk(network: Network, words: Floats, lengths: Integers, blank: Flags) -> Integers:
    """Find the entities in some sentences at once."""
    seen = convolve(network.layers, words, lengths)
    states: Floats = np.matmul(seen @ network.narrow + network.narrow_bias, network.places)
    entities = np.empty((len(words), 4), dtype=np.int64)
    parts = (network.places_empty, network.places_bias, network.scores, network.scores_bias)
    count = move(states, lengths, blank, *parts, network.kinds, network.labels, entities)
    return entities[:count]


def convolve(layers: tuple[Layer, ...], words: Floats, lengths: Integers) -> Floats:
    """Let each word see its neighbours, a layer a step; sentences are kept apart by as many empty words as layers."""
    apart = len(layers)
    places = np.arange(len(words)) + np.repeat(np.arange(1, len(lengths) + 1) * apart, lengths)
    # One more row at both ends: what the outermost words see beside them.
    rows = np.zeros((len(words) + (len(lengths) + 1) * apart + 2, words.shape[1]), dtype=np.float32)
    rows[places + 1] = words
    for layer in layers:
        window = np.concatenate([rows[:-2], rows[1:-1], rows[2:]], axis=1)
        add_normalised(rows[1:-1], window @ layer.weights, layer.bias, layer.gain, layer.shift)
    kept: Floats = rows[places + 1]
    return kept


@compiled
def add_normalised(rows: Floats, pieces: Floats, bias: Floats, gain: Floats, shift: Floats) -> None:
    """Add to each row the greatest of its pieces, normalised."""
    width = rows.shape[1]
    count = pieces.shape[1] // width
    best = np.empty(width, dtype=np.float32)
    for row in range(len(rows)):
        total = np.float32(0.0)
        for i in range(width):
            best[i] = pieces[row, i] + bias[i]
        for piece in range(1, count):
            for i in range(width):
                value = pieces[row, piece * width + i] + bias[piece * width + i]
                best[i] = value if value > best[i] else best[i]
        for i in range(width):
            total += best[i]
        mean = total / np.float32(width)
        squares = np.float32(0.0)
        for i in range(width):
            squares += (best[i] - mean) * (best[i] - mean)
        scale = np.float32(1.0) / np.sqrt(squares / np.float32(width) + LEAST_VARIANCE)
        for i in range(width):
            rows[row, i] += (best[i] - mean) * scale * gain[i] + shift[i]


@compiled
def move(
    states: Floats,
    lengths: Integers,
    blank: Flags,
    empty: Floats,
    bias: Floats,
    scores: Floats,
    scores_bias: Floats,
    kinds: Integers,
    labels: Integers,
    entities: Integers,
) -> int:
    """Take the best allowed move at each word; write the entities, give their number."""
    size = len(bias)
    total = np.empty(len(scores_bias), dtype=np.float32)
    count = word = 0
    for sentence in range(len(lengths)):
        begin, start, label = word, -1, -1
        for left in range(lengths[sentence], 0, -1):
            first = states[start, size : 2 * size] if start >= 0 else empty[1]
            latest = states[word - 1, 2 * size :] if start >= 0 else empty[2]
            for index in range(len(total)):
                total[index] = scores_bias[index]
            for unit in range(size // 2):
                one = states[word, 2 * unit] + first[2 * unit] + latest[2 * unit] + bias[2 * unit]
                two = states[word, 2 * unit + 1] + first[2 * unit + 1] + latest[2 * unit + 1] + bias[2 * unit + 1]
                greater = one if one > two else two
                for index in range(len(total)):
                    total[index] += greater * scores[unit, index]
            best = choose(total, kinds, labels, label, left == 1, blank[word])
            kind = kinds[best]
            if kind == BEGIN:
                start, label = word, labels[best]
            elif kind in (LAST, UNIT):
                entities[count] = (sentence, (word if kind == UNIT else start) - begin, word + 1 - begin, labels[best])
                count, start, label = count + 1, -1, -1
            word += 1
    return count


@compiled
def choose(total: Floats, kinds: Integers, labels: Integers, label: int, is_end: bool, is_blank: bool) -> int:
    """Choose the best move among those that are allowed: entities nest nowhere, and end with their sentence."""
    best = -1
    for index in range(len(total)):
        kind = kinds[index]
        if label >= 0:
            allowed = labels[index] == label and (kind == LAST or (kind == INSIDE and not is_end))
        else:
            allowed = kind == OUTSIDE or (not is_blank and (kind == UNIT or (kind == BEGIN and not is_end)))
        if allowed and (best < 0 or total[index] > total[best]):
            best = index
    return best
