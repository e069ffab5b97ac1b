"""Texts laid end to end in one row: no padding is computed, and texts of like length share a pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipelines.kernels.label_trees import Integers, Tokens, Tree


@dataclass(frozen=True)
class Asked:
    """Which tokens look around, in a grid with one row a text.

    Attributes:
        grid: shape (texts, width): the place of each token that asks; short rows are filled with the text's first.
        cells: where in the flattened grid the answer of each asking token stands, in the order they are wanted.
        bias: shape (1 or texts, width, longest): 0 where a token sees another of its text, else minus infinity.
    """

    grid: torch.Tensor
    cells: torch.Tensor
    bias: torch.Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Asked":
        """Bring it to a device; the mask in the model's type."""
        return Asked(self.grid.to(device), self.cells.to(device), self.bias.to(device, dtype))


@dataclass(frozen=True)
class Packed:
    """One pass of the model.

    Attributes:
        tokens: token ids, shape (packed,).
        positions: each token's place in its own prompt, the head's length included.
        everyone: all tokens ask.
        readers: only those ask whose output is read: the end of each prompt, then the nodes of its tree.
        read: the places of the readers, shape (texts * (1 + nodes),).
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    everyone: Asked
    readers: Asked
    read: torch.Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Packed":
        """Bring it to a device."""
        return Packed(
            self.tokens.to(device),
            self.positions.to(device),
            self.everyone.to(device, dtype),
            self.readers.to(device, dtype),
            self.read.to(device),
        )


def take_batch(lengths: Integers, budget: int) -> int:
    """Say how many of the texts fit into one pass, at least one.

    Args:
        lengths: tokens of each text, longest first.
        budget: the most tokens of a pass, counted as if all were as long as the longest.
    """
    return max(1, min(len(lengths), budget // int(lengths[0])))


def pack(texts: Sequence[Tokens], tail: Tokens, tree: Tree, start: int) -> Packed:
    """Lay texts, each with its tail and the tree's nodes behind it, into one row.

    Args:
        texts: token ids; a text may be empty.
        tail: what follows each text, at least one token.
        tree: the codes' beginnings, read behind every prompt.
        start: the length of the head.
    """
    nodes = [node[-1] for node in tree.nodes]
    rows = [[*text, *tail, *nodes] for text in texts]
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    ends = sizes - len(nodes)
    firsts = np.cumsum(sizes) - sizes
    columns = np.arange(sizes.max())
    real = columns < sizes[:, None]
    grid = firsts[:, None] + np.where(real, columns, 0)
    depth = np.broadcast_to(columns, grid.shape).copy()
    behind = np.arange(len(nodes) + 1)
    for row, end in enumerate(ends):
        depth[row, end : end + len(nodes)] = [end - 1 + len(node) for node in tree.nodes]
    bias = see(ends, len(columns), tree)
    asking = (ends - 1)[:, None] + behind
    rows_of = np.arange(len(bias))[:, None] if len(bias) > 1 else np.zeros((1, 1), dtype=np.int64)
    read = (firsts[:, None] + asking).ravel()
    return Packed(
        torch.tensor([token for row in rows for token in row]),
        torch.from_numpy(depth[real] + start),
        Asked(torch.from_numpy(grid), torch.from_numpy(np.flatnonzero(real)), torch.from_numpy(bias)),
        Asked(
            torch.from_numpy(read.reshape(asking.shape)),
            torch.arange(read.size),
            torch.from_numpy(bias[rows_of, asking]),
        ),
        torch.from_numpy(read),
    )


def see(ends: Integers, width: int, tree: Tree) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Say who sees whom within a text: everything before it, but of the tree its own ancestors only.

    Padding stands behind a text, so it is seen by nobody that counts; without a tree one mask serves all texts.

    Args:
        ends: where each prompt ends and its tree begins.
        width: tokens of the longest row.
        tree: the codes' beginnings.
    """
    causal = np.tril(np.ones((1, width, width), dtype=bool))
    if tree.nodes:
        causal = np.repeat(causal, len(ends), axis=0)
        for row, end in enumerate(ends):
            causal[row, end : end + len(tree.nodes), end : end + len(tree.nodes)] = tree.ancestors
    return np.where(causal, np.float32(0), np.float32(-np.inf))
