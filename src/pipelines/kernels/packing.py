"""Texts laid end to end in one row: no padding is computed, and texts of like length share a pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import torch

from pipelines.kernels.gpu import carry
from pipelines.kernels.label_trees import Integers, Tokens, Tree

Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
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
        begins: the place of each text's first token.
        lasts: of each token the place of the last one that sees it: a text is seen to the end of its tree, a node of
            the tree by what begins with it; shape (packed,).
    """

    sizes: Integers
    ends: Integers
    begins: Integers
    lasts: Integers

    @property
    def firsts(self) -> Integers:
        """Of each token the place of its text's first one, shape (packed,)."""
        return np.repeat(self.begins, self.sizes)

    @cached_property
    def grid(self) -> tuple[Integers, Flags]:
        """The places of all tokens with one row a text, and which cells are no padding; see `lay_out`."""
        return lay_out(self.begins, np.zeros_like(self.sizes), self.sizes)


@dataclass(frozen=True)
class Packed:
    """One pass of the model.

    Attributes:
        tokens: token ids, shape (packed,).
        positions: each token's place in its own prompt, the head's length included.
        read: the places of the readers, text by text, shape (texts + nodes of all texts,): the end of each prompt, then
            the nodes of its tree. Only their output is wanted.
        rows: how the texts lie.
        dtype: of the masks.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    read: torch.Tensor
    rows: Rows
    dtype: torch.dtype = torch.float32

    def to(self, device: torch.device, dtype: torch.dtype) -> "Packed":
        """Bring it to a device, without waiting for what that is doing; masks will be in the model's type."""
        tokens, positions, read = (carry(part, device) for part in (self.tokens, self.positions, self.read))
        return Packed(tokens, positions, read, self.rows, dtype)

    @cached_property
    def everyone(self) -> Asked:
        """All tokens ask."""
        return self.ask(*self.rows.grid, self.masks)

    @cached_property
    def readers(self) -> Asked:
        """Only those ask whose output is read."""
        rows, masks = self.rows, self.masks
        grid, real = lay_out(rows.begins, rows.ends - 1, rows.sizes - rows.ends + 1)
        text = np.arange(len(masks))[:, None] if len(masks) > 1 else np.zeros((1, 1), dtype=np.int64)
        return self.ask(grid, real, masks[text, grid - rows.begins[:, None]])

    @cached_property
    def masks(self) -> Masks:
        """Who sees whom; see `see`."""
        return see(self.rows)

    @cached_property
    def spans(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows' `firsts` and `lasts`, where the tokens are; int32."""
        first, last = (
            carry(torch.from_numpy(part.astype(np.int32)), self.tokens.device)
            for part in (self.rows.firsts, self.rows.lasts)
        )
        return first, last

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
    sizes = ends + behind
    begins = np.cumsum(sizes) - sizes
    firsts, lasts = np.repeat(begins, sizes), np.repeat(begins + sizes - 1, sizes)
    tokens = np.fromiter(chain.from_iterable(chain.from_iterable(parts)), dtype=np.int64, count=len(firsts))
    positions = np.arange(len(tokens)) - firsts + start
    for text in np.flatnonzero(behind).tolist():
        first, tree = begins[text] + ends[text], trees[text]
        positions[first : first + behind[text]] = start + ends[text] - 1 + tree.depths
        lasts[first : first + behind[text]] = first + tree.lasts
    # What is read of a text are its last places: the text's own last, then the tree's.
    read = np.flatnonzero(np.arange(len(tokens)) >= np.repeat(begins + ends - 1, sizes))
    return Packed(
        torch.from_numpy(tokens),
        torch.from_numpy(positions),
        torch.from_numpy(read),
        Rows(sizes, ends, begins, lasts),
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


def see(rows: Rows) -> Masks:
    """Say who sees whom within a text: everything before it, but of the tree what it begins with only.

    Padding stands behind a text, so it is seen by nobody that counts, and may see nobody; without trees one mask serves
    all texts.
    """
    column = np.arange(rows.sizes.max())
    seen = (column[:, None] >= column)[None]
    if (rows.sizes > rows.ends).any():
        grid, real = rows.grid
        lasts = np.where(real, rows.lasts[grid], -1) - rows.begins[:, None]
        seen = seen & (column[:, None] <= lasts[:, None, :])
    return np.where(seen, np.float32(0), np.float32(-np.inf))
