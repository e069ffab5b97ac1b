"""The entity recogniser of a spaCy model, run by our own loop: same tokens, same weights, same moves.

A model of another architecture is run by spaCy itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from pipelines.kernels.entity_network import (
    BEGIN,
    INSIDE,
    LAST,
    OUTSIDE,
    UNIT,
    Flags,
    Floats,
    Integers,
    Layer,
    Network,
    find_entities,
)

if TYPE_CHECKING:
    from spacy.language import Language
    from thinc.api import Model

    Weights = Model[Floats, Floats]

Found = tuple[str, int, int]
"""Label, start and end of an entity."""
KINDS = {"B": BEGIN, "I": INSIDE, "L": LAST, "U": UNIT, "O": OUTSIDE}
MOST_WORDS = 100_000
"""Tokens that are kept, with their embeddings 600 bytes each: most tickets are made of the same few thousand words."""
BATCH_TEXTS = 4096
ODD_SPACE = re.compile(r"[^\S ]|  |^ | $")
"""White space that is a token by itself, so that a text is not its pieces between single spaces."""
NO_LABEL = "O"
EVEN: Mapping[str, float] = MappingProxyType({})
"""No label is leant to."""


Piece = tuple[int, tuple[tuple[int, int], ...]]
"""A piece of a text as the model reads it: its first row in the table, and start and end of each of its tokens."""


@dataclass
class Vocabulary:
    """Tokens and embeddings of what stands between two spaces, worked out once: spaCy cuts each such piece by itself.

    Attributes:
        nlp: cuts pieces into tokens.
        columns: what the model looks at in a token: its norm, prefix, suffix, shape.
        layers: from these to the embedding.
        table: rows of embeddings; blank: which of them are white space; used: how many are filled.
    """

    nlp: "Language"
    columns: list[int | str]
    layers: "list[Weights]"
    pieces: dict[str, Piece] = field(default_factory=dict)
    table: Floats = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    blank: Flags = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    used: int = 0

    def read(self, texts: Sequence[str]) -> list[list[tuple[int, Piece]]]:
        """Cut texts into pieces, each with its place."""
        if self.used > MOST_WORDS:
            self.pieces.clear()
            self.used = 0
        cut = [[text] if ODD_SPACE.search(text) else text.split(" ") for text in texts]
        wanted = {piece for pieces in cut for piece in pieces} - self.pieces.keys()
        once = self.add(sorted(wanted))
        self.pieces.update((piece, known) for piece, known in once.items() if not ODD_SPACE.search(piece))
        return [list(self.place(pieces, once)) for pieces in cut]

    def place(self, pieces: Sequence[str], once: dict[str, Piece]) -> Iterator[tuple[int, Piece]]:
        """Say where each piece begins in its text."""
        start = 0
        for piece in pieces:
            yield start, self.pieces.get(piece) or once[piece]
            start += len(piece) + 1

    def add(self, pieces: Sequence[str]) -> dict[str, Piece]:
        """Work pieces out, all at once."""
        docs = [self.nlp.make_doc(piece) for piece in pieces]
        first = self.used + np.cumsum([0, *map(len, docs)])
        filled = [doc for doc in docs if len(doc)]
        if filled:
            seen = self.embed(np.concatenate([doc.to_array(self.columns) for doc in filled]))
            blank = np.concatenate([doc.to_array("IS_SPACE") for doc in filled]).astype(np.bool_)
            self.keep(seen, blank)
        places = [tuple((token.idx, token.idx + len(token)) for token in doc) for doc in docs]
        return dict(zip(pieces, zip(first[:-1].tolist(), places, strict=True), strict=True))

    def keep(self, seen: Floats, blank: Flags) -> None:
        """Put rows behind those in use; the room doubles, so that a single new word copies nothing."""
        need = self.used + len(seen)
        if need > len(self.table):
            table = np.empty((2 * need, seen.shape[1]), dtype=np.float32)
            marks = np.empty(2 * need, dtype=np.bool_)
            if self.used:
                table[: self.used], marks[: self.used] = self.table[: self.used], self.blank[: self.used]
            self.table, self.blank = table, marks
        self.table[self.used : need], self.blank[self.used : need] = seen, blank
        self.used = need

    def embed(self, seen: Floats) -> Floats:
        """Run the model's own layers."""
        for layer in self.layers:
            seen = layer.predict(seen)
        return as_floats(seen)


class EntityTagger:
    """Finds the entities in texts.

    Args:
        nlp: a spaCy pipeline whose last component is its entity recogniser.
        lean: by label, what is added to the score of beginning an entity of it: more of them are found, and less sure
            ones. A model that spaCy runs itself cannot be leant on.
    """

    def __init__(self, nlp: "Language", lean: Mapping[str, float] = EVEN) -> None:
        from threadpoolctl import ThreadpoolController

        self.nlp, self.threads = nlp, ThreadpoolController()
        self.parts = read_network(nlp, lean)

    def cut(self, piece: str) -> Sequence[tuple[int, int]]:
        """Give start and end of each token of what stands between two spaces, and of white space."""
        if piece.isascii() and piece.isdigit():
            return ((0, len(piece)),)
        known = self.parts[2].pieces.get(piece) if self.parts else None
        return known[1] if known else [(token.idx, token.idx + len(token)) for token in self.nlp.make_doc(piece)]

    def find(self, texts: Sequence[str]) -> Iterator[list[Found]]:
        """Give the entities of each text, in code points."""
        if self.parts is None:
            for doc in self.nlp.pipe(texts):
                yield [(entity.label_, entity.start_char, entity.end_char) for entity in doc.ents]
            return
        labels, network, vocabulary = self.parts
        for first in range(0, len(texts), BATCH_TEXTS):
            cut = vocabulary.read(texts[first : first + BATCH_TEXTS])
            rows = [row for pieces in cut for _, (low, tokens) in pieces for row in range(low, low + len(tokens))]
            places = [[(at + low, at + high) for at, (_, tokens) in pieces for low, high in tokens] for pieces in cut]
            lengths = np.array([len(tokens) for tokens in places], dtype=np.int64)
            entities: list[list[Found]] = [[] for _ in cut]
            found = self.run(network, vocabulary.table[rows], lengths, vocabulary.blank[rows]) if rows else []
            for number, begin, behind, label in found:
                entities[number].append((labels[label], places[number][begin][0], places[number][behind - 1][1]))
            yield from entities

    def run(self, network: Network, words: Floats, lengths: Integers, blank: Flags) -> list[list[int]]:
        """Run the network on one processor: a worker has one, and small products lose time to a second."""
        with self.threads.limit(limits=1, user_api="blas"):
            found: list[list[int]] = find_entities(network, words, lengths, blank).tolist()
        return found


def read_network(nlp: "Language", lean: Mapping[str, float]) -> tuple[list[str], Network, Vocabulary] | None:
    """Read labels, network and vocabulary out of a pipeline; None when it is built another way than ours can run."""
    from spacy.pipeline import EntityRecognizer

    pipe = nlp.get_pipe("ner") if nlp.pipe_names == ["ner"] else None
    if not isinstance(pipe, EntityRecognizer) or pipe.cfg["beam_width"] != 1 or pipe.model.attrs["unseen_classes"]:
        return None
    try:
        (words, _, narrow), lower, upper = pipe.model.layers[0].layers, pipe.model.layers[1], pipe.model.layers[2]
        embed, encode = words.layers
        extract, _, table, mix, _ = embed.layers
        blocks = [block.layers[0].layers for block in encode.layers[0].layers]
        layers = tuple(read_layer(maxout) for window, maxout in blocks if window.attrs["window_size"] == 1)
        shape = (lower.get_dim("nF"), lower.get_dim("nP"), encode.attrs["pad"])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None
    if shape != (3, 2, len(layers)) or len(layers) != len(blocks):
        return None
    moves = [pipe.moves.get_class_name(number) for number in range(pipe.moves.n_moves)]
    kinds, labels, names = read_moves(moves)
    begun = [kind in (BEGIN, UNIT) and lean.get(names[label], 0.0) for kind, label in zip(kinds, labels, strict=True)]
    network = put_together(layers, narrow, lower, upper, kinds, labels, np.array(begun, dtype=np.float32))
    return names, network, Vocabulary(nlp, [*extract.attrs["columns"]], [table, mix])


def put_together(
    layers: tuple[Layer, ...],
    narrow: "Weights",
    lower: "Weights",
    upper: "Weights",
    kinds: list[int],
    labels: list[int],
    begun: Floats,
) -> Network:
    """Lay the weights out as our loop reads them; `begun` is added to the scores of the moves."""
    bias = as_floats(lower.get_param("b"))
    return Network(
        layers=layers,
        narrow=as_floats(as_floats(narrow.get_param("W")).T),
        narrow_bias=as_floats(narrow.get_param("b")),
        places=as_floats(as_floats(lower.get_param("W")).reshape(3 * bias.size, -1).T),
        places_bias=bias.reshape(-1),
        places_empty=as_floats(lower.get_param("pad")).reshape(3, -1),
        scores=as_floats(as_floats(upper.get_param("W")).T),
        scores_bias=as_floats(upper.get_param("b")) + begun,
        kinds=np.array(kinds),
        labels=np.array(labels),
    )


def read_layer(model: "Weights") -> Layer:
    """Read a maxout layer and its normalisation, its pieces put side by side."""
    maxout, norm = model.layers[0].layers
    weights, bias = as_floats(maxout.get_param("W")), as_floats(maxout.get_param("b"))
    return Layer(
        weights=as_floats(weights.transpose((2, 1, 0)).reshape((weights.shape[2], -1))),
        bias=as_floats(bias.T).reshape(-1),
        gain=as_floats(norm.get_param("G")),
        shift=as_floats(norm.get_param("b")),
    )


def as_floats(weights: object) -> Floats:
    """Give weights as an array that our loop can run along."""
    return np.ascontiguousarray(weights, dtype=np.float32)


def read_moves(moves: Sequence[str]) -> tuple[list[int], list[int], list[str]]:
    """Split names of moves ("B-PERSON") into kinds and labels; labels are numbered in their order."""
    pairs = [move.partition("-")[::2] for move in moves]
    names = list(dict.fromkeys(label for _, label in pairs if label))
    # "U-" bars a word that somebody has marked before, which nobody does here: it is never allowed.
    kinds = [KINDS[kind] if label or kind == NO_LABEL else -1 for kind, label in pairs]
    return kinds, [names.index(label) if label else -1 for _, label in pairs], names
