"""A closed set of labels as token sequences, and the distribution that a model's logits give it.

The labels' codes are merged by their beginnings into a tree; with codes of one token each the tree has no node and one
position is read. What comes out is exactly the model's own distribution over sequences, given that one of the codes
follows: each token against the whole vocabulary, then normalised over the codes. Normalising over siblings at each
node would be cheaper and wrong: a label would be likely for a beginning it shares with nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pipelines.kernels.gpu import carry

Tokens = Sequence[int]
Node = tuple[int, ...]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True)
class Tree:
    """Codes merged by their beginnings: `nodes[i]` is the beginning that ends in packed token i.

    Each stands before all that begin with it, and these before all others (the tree in preorder).
    """

    nodes: tuple[Node, ...]

    @cached_property
    def depth(self) -> int:
        """Tokens of the longest beginning."""
        return int(self.depths.max(initial=0))

    @cached_property
    def places(self) -> dict[Node, int]:
        """Where each beginning stands; the empty one (the end of the prompt) is -1."""
        return {(): -1, **{node: place for place, node in enumerate(self.nodes)}}

    @cached_property
    def lasts(self) -> Integers:
        """Of each node the last one that begins with it, itself if no other does; shape (nodes,)."""
        lasts = np.arange(len(self.nodes))
        for place, node in enumerate(self.nodes):
            lasts[[self.places[node[:size]] for size in range(1, len(node))]] = place
        return lasts

    @cached_property
    def depths(self) -> Integers:
        """Tokens of each beginning, shape (nodes,)."""
        return np.array([len(node) for node in self.nodes], dtype=np.int64)


def plant_tree(candidates: Sequence[Tokens]) -> Tree:
    """Merge codes; a code's last token is only predicted, never read, so it is no node."""
    beginnings = {tuple(tokens[:size]) for tokens in candidates for size in range(1, len(tokens))}
    return Tree(tuple(sorted(beginnings)))


@dataclass(frozen=True)
class ClosedSet:
    """The legal answers: `codes[label]` is the label's code in token ids.

    Raises:
        ValueError: when there is no code, or one is empty, twice there, or the beginning of another.
    """

    codes: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.codes or not all(self.codes):
            raise ValueError("A closed set needs at least one code, and every code at least one token.")
        doubtful = set(self.tree.nodes) & set(self.codes)
        if doubtful or len(set(self.codes)) < len(self.codes):
            raise ValueError(
                f"Of {len(self.codes)} codes some are equal or the beginning of another: no answer could be told from "
                "the next. End each with the same closing token."
            )

    @cached_property
    def tree(self) -> Tree:
        """The codes' beginnings."""
        return plant_tree(self.codes)

    @cached_property
    def rows(self) -> Integers | None:
        """The rows of the output layer that are needed: the codes' own, or None for all of them."""
        return None if self.tree.nodes else np.array([code[0] for code in self.codes], dtype=np.int64)

    @cached_property
    def steps(self) -> tuple[Integers, Integers, Integers]:
        """Every token of every code in turn: which position predicts it, which it is; and where each code begins."""
        read = [(self.tree.places[code[:size]] + 1, token) for code in self.codes for size, token in enumerate(code)]
        positions, tokens = np.array(read, dtype=np.int64).T
        lengths = np.array([len(code) for code in self.codes], dtype=np.int64)
        return positions, tokens, np.cumsum(lengths) - lengths

    def log_likelihoods(self, picked: Floats) -> Floats:
        """Sum up each code's tokens, in nats.

        Args:
            picked: of `pick_tokens`, shape (texts, tokens of all codes).

        Returns:
            shape (texts, labels).
        """
        return np.asarray(np.add.reduceat(picked, self.steps[2], axis=1))


def pick_tokens(logits: torch.Tensor, sets: Sequence[ClosedSet]) -> torch.Tensor:
    """Keep, of the logits of a pass, each token of each text's codes against the whole vocabulary, where they are.

    Args:
        logits: shape (texts + nodes of all texts, vocabulary): of a text first the end of its prompt, then the nodes.
        sets: the closed set of each text.

    Returns:
        In nats, float64, shape (tokens of all codes of all texts,).
    """
    firsts = np.cumsum([0, *(1 + len(own.tree.nodes) for own in sets)])
    read = np.concatenate([first + own.steps[0] for first, own in zip(firsts[:-1], sets, strict=True)])
    tokens = np.concatenate([own.steps[1] for own in sets])
    rows, columns = (carry(torch.from_numpy(part), logits.device) for part in (read, tokens))
    whole = torch.logsumexp(logits.float(), dim=-1)
    return logits[rows, columns].double() - whole[rows].double()


def to_log_probabilities(logs: Floats) -> Floats:
    """Share probability out among labels: of shape (texts, labels), in nats; each row's exponentials add up to 1."""
    return np.asarray(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
