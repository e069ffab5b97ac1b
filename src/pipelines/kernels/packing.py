"""Texts laid end to end in one row: no padding is computed, and texts of like length share a pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import torch

from pipelines.kernels.label_trees import Flags, Integers, Tokens, Tree

Masks = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


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


@dataclass(frozen=True)
class Rows:
    """How the texts of a pass lie in its row; on the host, whatever reads them.

    Attributes:
        sizes: tokens of each text with its tree.
        ends: tokens of each text alone.
        trees: of each text the codes' beginnings, read behind it.
    """

    sizes: Integers
    ends: Integers
    trees: Sequence[Tree]

    @cached_property
    def firsts(self) -> Integers:
        """The place of each text's first token."""
        return np.asarray(np.cumsum(self.sizes) - self.sizes)

    @cached_property
    def branching(self) -> bool:
        """Whether any text has a tree behind it, so that not all that stands before a token is seen by it."""
        return any(tree.nodes for tree in self.trees)

    @cached_property
    def widest(self) -> int:
        """Tokens of the longest text."""
        return int(self.sizes.max())


@dataclass(frozen=True)
class Packed:
    """One pass of the model.

    Attributes:
        tokens: token ids, shape (packed,).
        positions: each token's place in its own prompt, the head's length included.
        read: the places of the readers, text by text, shape (texts + nodes of all texts,): the end of each prompt, then
            the nodes of its tree. Only their output is wanted.
        bounds: where each text begins, and the end of the last; int32, shape (texts + 1,).
        rows: how the texts lie.
        dtype: of the masks.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    read: torch.Tensor
    bounds: torch.Tensor
    rows: Rows
    dtype: torch.dtype = torch.float32

    def to(self, device: torch.device, dtype: torch.dtype) -> "Packed":
        """Bring it to a device, without waiting for what that is doing; masks will be in the model's type."""
        tokens, positions = carry(self.tokens, device), carry(self.positions, device)
        return Packed(tokens, positions, carry(self.read, device), carry(self.bounds, device), self.rows, dtype)

    @cached_property
    def everyone(self) -> Asked:
        """All tokens ask."""
        rows = self.rows
        grid, real = lay_out(rows.firsts, np.zeros_like(rows.sizes), rows.sizes)
        return self.ask(grid, real, self.masks)

    @cached_property
    def readers(self) -> Asked:
        """Only those ask whose output is read."""
        rows, masks = self.rows, self.masks
        grid, real = lay_out(rows.firsts, rows.ends - 1, rows.sizes - rows.ends + 1)
        text = np.arange(len(masks))[:, None] if len(masks) > 1 else np.zeros((1, 1), dtype=np.int64)
        return self.ask(grid, real, masks[text, grid - rows.firsts[:, None]])

    @cached_property
    def masks(self) -> Masks:
        """Who sees whom; see `see`."""
        return see(self.rows.ends, self.rows.widest, self.rows.trees)

    def ask(self, grid: Integers, real: Flags, bias: Masks) -> Asked:
        """Bring a grid to where the tokens are."""
        device, cells = self.tokens.device, torch.from_numpy(np.flatnonzero(real))
        masks = torch.from_numpy(bias).to(device, self.dtype)
        return Asked(torch.from_numpy(grid).to(device), cells.to(device), masks)


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
    parts = [(text, tuple(node[-1] for node in tree.nodes)) for text, tree in zip(texts, trees, strict=True)]
    ends, behind = (np.array([len(part[which]) for part in parts], dtype=np.int64) for which in (0, 1))
    rows = Rows(ends + behind, ends, trees)
    tokens = np.fromiter(chain.from_iterable(chain.from_iterable(parts)), dtype=np.int64, count=int(rows.sizes.sum()))
    places = np.arange(len(tokens)) - np.repeat(rows.firsts, rows.sizes) + start
    for text in np.flatnonzero(behind).tolist():
        first = rows.firsts[text] + ends[text]
        places[first : first + behind[text]] = [start + ends[text] - 1 + len(node) for node in trees[text].nodes]
    read = np.repeat(rows.firsts + ends - 1 - (np.cumsum(behind + 1) - behind - 1), behind + 1)
    bounds = np.append(rows.firsts, len(tokens)).astype(np.int32)
    return Packed(
        torch.from_numpy(tokens),
        torch.from_numpy(places),
        torch.from_numpy(read + np.arange(len(read))),
        torch.from_numpy(bounds),
        rows,
    )


def carry(part: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Bring a tensor to a device; to a GPU out of memory that it may read by itself, so that nobody waits."""
    return part.to(device) if device.type == "cpu" else part.pin_memory().to(device, non_blocking=True)


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


def see(ends: Integers, width: int, trees: Sequence[Tree]) -> Masks:
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
