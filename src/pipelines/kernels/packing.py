"""Texts laid end to end in one row: no padding is computed, and texts of like length share a pass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipelines.kernels.label_trees import Flags, Integers, Tokens, Tree


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
        read: the places of the readers, text by text, shape (texts + nodes of all texts,).
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


def pack(texts: Sequence[Tokens], trees: Sequence[Tree], start: int) -> Packed:
    """Lay texts, each with the nodes of its tree behind it, into one row.

    Args:
        texts: token ids, at least one each.
        trees: of each text the codes' beginnings, read behind it.
        start: the length of the head.
    """
    rows = [[*text, *(node[-1] for node in tree.nodes)] for text, tree in zip(texts, trees, strict=True)]
    sizes, ends = np.array([len(row) for row in rows]), np.array([len(text) for text in texts])
    firsts = np.cumsum(sizes) - sizes
    grid, real = lay_out(firsts, np.zeros_like(sizes), sizes)
    depth = np.broadcast_to(np.arange(grid.shape[1]), grid.shape).copy()
    for row, (end, tree) in enumerate(zip(ends, trees, strict=True)):
        depth[row, end : end + len(tree.nodes)] = [end - 1 + len(node) for node in tree.nodes]
    bias = see(ends, grid.shape[1], trees)
    asking, read = lay_out(firsts, ends - 1, sizes - ends + 1)
    rows_of = np.arange(len(bias))[:, None] if len(bias) > 1 else np.zeros((1, 1), dtype=np.int64)
    return Packed(
        torch.tensor([token for row in rows for token in row]),
        torch.from_numpy(depth[real] + start),
        Asked(torch.from_numpy(grid), torch.from_numpy(np.flatnonzero(real)), torch.from_numpy(bias)),
        Asked(
            torch.from_numpy(asking),
            torch.from_numpy(np.flatnonzero(read)),
            torch.from_numpy(bias[rows_of, asking - firsts[:, None]]),
        ),
        torch.from_numpy(asking[read]),
    )


def lay_out(firsts: Integers, skipped: Integers, counts: Integers) -> tuple[Integers, Flags]:
    """Put places of tokens into a grid with one row a text.

    Args:
        firsts: the place of each text's first token.
        skipped: how many of its tokens are left out at the beginning.
        counts: how many follow that are wanted.

    Returns:
        The grid, short rows filled with the text's first token, and which of its cells are wanted ones.
    """
    columns = np.arange(counts.max())
    wanted = columns < counts[:, None]
    return firsts[:, None] + np.where(wanted, skipped[:, None] + columns, 0), wanted


def see(ends: Integers, width: int, trees: Sequence[Tree]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Say who sees whom within a text: everything before it, but of the tree its own ancestors only.

    Padding stands behind a text, so it is seen by nobody that counts; without trees one mask serves all texts.

    Args:
        ends: where each text ends and its tree begins.
        width: tokens of the longest row.
        trees: the codes' beginnings.
    """
    causal = np.tril(np.ones((1, width, width), dtype=bool))
    if any(tree.nodes for tree in trees):
        causal = np.repeat(causal, len(ends), axis=0)
        for row, (end, tree) in enumerate(zip(ends, trees, strict=True)):
            causal[row, end : end + len(tree.nodes), end : end + len(tree.nodes)] = tree.ancestors
    return np.where(causal, np.float32(0), np.float32(-np.inf))
