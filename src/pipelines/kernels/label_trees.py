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
    def depth(self) -> int:
        """Tokens of the longest beginning."""
        return max(map(len, self.nodes), default=0)

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

    def pick(self, logits: torch.Tensor) -> torch.Tensor:
        """Keep of logits what tells the labels apart, where they are.

        Args:
            logits: shape (texts * (1 + nodes), rows): of a text first the end of its prompt, then the nodes.

        Returns:
            What `log_probabilities` takes: the rows as they are, or each token of each code against the whole
            vocabulary, in nats; shape (texts, rows or tokens of all codes), float64.
        """
        return logits.double() if self.rows is not None else self.pick_tokens(logits)

    def pick_tokens(self, logits: torch.Tensor) -> torch.Tensor:
        """Keep each token of each code against the whole vocabulary, whatever `rows` says; see `pick`."""
        logits = logits.view(-1, len(self.tree.nodes) + 1, logits.shape[-1])
        positions, tokens = (torch.from_numpy(part).to(logits.device) for part in self.steps[:2])
        whole = torch.logsumexp(logits.float(), dim=-1).double()
        return logits[:, positions, tokens].double() - whole[:, positions]

    def log_probabilities(self, picked: torch.Tensor) -> Floats:
        """Turn what was picked into the distribution over labels, in nats.

        Returns:
            float64 array of shape (texts, labels); each row's exponentials add up to 1.
        """
        if self.rows is not None:
            return np.asarray(torch.log_softmax(picked.cpu(), dim=-1).numpy())
        summed = self.log_likelihoods(picked)
        return np.asarray(summed - np.logaddexp.reduce(summed, axis=1, keepdims=True))

    def log_likelihoods(self, picked: torch.Tensor) -> Floats:
        """Sum up each code's tokens, of `pick_tokens`, in nats: float64 array of shape (texts, labels)."""
        return np.asarray(np.add.reduceat(picked.cpu().numpy(), self.steps[2], axis=1))
