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

Tokens = Sequence[int]
Node = tuple[int, ...]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Tree:
    """Codes merged by their beginnings: `nodes[i]` is the beginning that ends in packed token i."""

    nodes: tuple[Node, ...]

    @cached_property
    def places(self) -> dict[Node, int]:
        """Where each beginning stands; the empty one (the end of the prompt) is -1."""
        return {(): -1, **{node: place for place, node in enumerate(self.nodes)}}

    @cached_property
    def ancestors(self) -> Flags:
        """Who is above whom, itself included; bool of shape (nodes, nodes)."""
        above = np.zeros((len(self.nodes), len(self.nodes)), dtype=bool)
        for place, node in enumerate(self.nodes):
            above[place, [self.places[node[:size]] for size in range(1, len(node) + 1)]] = True
        return above


def plant_tree(candidates: Sequence[Tokens]) -> Tree:
    """Merge codes; a code's last token is only predicted, never read, so it is no node."""
    beginnings = {tuple(tokens[:size]) for tokens in candidates for size in range(1, len(tokens))}
    return Tree(tuple(sorted(beginnings, key=lambda node: (len(node), node))))


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

    def log_probabilities(self, logits: torch.Tensor) -> Floats:
        """Turn logits into the distribution over labels, in nats.

        Args:
            logits: shape (texts * (1 + nodes), rows): of a text first the end of its prompt, then the nodes.

        Returns:
            float64 array of shape (texts, labels); each row's exponentials add up to 1.
        """
        if self.rows is not None:
            return np.asarray(torch.log_softmax(logits.double(), dim=-1).cpu().numpy())
        summed = self.log_likelihoods(logits)
        return np.asarray(summed - np.logaddexp.reduce(summed, axis=1, keepdims=True))

    def log_likelihoods(self, logits: torch.Tensor) -> Floats:
        """Sum up each code's tokens, each against the whole vocabulary, in nats.

        Args:
            logits: shape (texts * (1 + nodes), vocabulary): of a text first the end of its prompt, then the nodes.

        Returns:
            float64 array of shape (texts, labels).
        """
        logits = logits.view(-1, len(self.tree.nodes) + 1, logits.shape[-1])
        positions, tokens, starts = (torch.from_numpy(part).to(logits.device) for part in self.steps)
        whole = torch.logsumexp(logits.float(), dim=-1).double()
        logs = logits[:, positions, tokens].double() - whole[:, positions]
        return np.asarray(np.add.reduceat(logs.cpu().numpy(), starts.cpu().numpy(), axis=1))
