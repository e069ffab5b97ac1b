"""Attention of packed texts to a head they share: the head's keys stand once, whatever the number of texts.

Two parts, each a softmax of its own, are put together by their normalisers, as flash attention does with its blocks
(Dao et al., 2022); "Hydragen" (Juravsky et al., 2024) and "cascade inference" do the same in decoding. To the head
all texts' queries go as one matrix; within a text they stand in a grid, one row a text. On a GPU one kernel does it all
where the texts lie (`gpu_attention`).
"""

from dataclasses import dataclass

import torch

from pipelines.kernels.gpu import ours_run_on
from pipelines.kernels.packing import Asked, Packed

Cached = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of a head in one layer, each of shape (key heads, head tokens, dimensions)."""


@dataclass(frozen=True)
class Table:
    """Vectors of tokens by heads: row `token * stride + first + head` of a matrix with one row a vector.

    So queries, keys and values may stand beside each other in what one product gave, and none is copied out first.
    """

    vectors: torch.Tensor
    stride: int
    first: int
    heads: int

    def rows(self, grid: torch.Tensor, shared: int) -> torch.Tensor:
        """Where the vectors of a grid stand, ordered by key head, text, query head of that key head, column."""
        heads = torch.arange(self.heads, device=grid.device).view(shared, 1, -1, 1)
        return (grid[None, :, None] * self.stride + self.first + heads).flatten()

    def by_token(self) -> torch.Tensor:
        """The vectors as they lie, shape (tokens, heads, dimensions)."""
        return self.vectors.view(-1, self.stride, self.vectors.shape[-1])[:, self.first : self.first + self.heads]


def table(vectors: torch.Tensor, first: int = 0, heads: int | None = None) -> Table:
    """Lay out vectors of shape (tokens, heads, dimensions), or some of the heads."""
    _, stride, size = vectors.shape
    return Table(vectors.reshape(-1, size), stride, first, stride if heads is None else heads)


@dataclass(frozen=True)
class Places:
    """Where attention finds its vectors and puts its answers; the same for all layers of a pass."""

    queries: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    answers: torch.Tensor
    bias: torch.Tensor

    def attend(self, queries: Table, keys: Table, values: Table, head: Cached, scale: float) -> torch.Tensor:
        """Let every asking token look at the head and at its own text.

        Args:
            queries: the packed tokens' queries.
            keys: their keys; each key head serves several query heads (grouped queries).
            values: their values.
            head: keys and values of the head.
            scale: what the products of queries and keys are multiplied with.

        Returns:
            shape (asking tokens, query heads * dimensions).
        """
        shared, size = keys.heads, queries.vectors.shape[-1]
        asking = queries.vectors.index_select(0, self.queries)
        rows, width = self.bias.shape[-2:]
        inner = asking.view(-1, rows, size)
        mine = keys.vectors.index_select(0, self.keys).view(-1, width, size)
        theirs = values.vectors.index_select(0, self.values).view(-1, width, values.vectors.shape[-1])
        near, near_sum = look(inner, mine, theirs, scale, self.bias)
        far, far_sum = look_at_head(asking.view(shared, -1, size), *head, scale)
        near = near.view(far.shape)
        share = torch.sigmoid(far_sum - near_sum.view(far_sum.shape)).to(near.dtype)
        mixed = torch.lerp(near, far, share).view(-1, far.shape[-1])
        return mixed.index_select(0, self.answers).view(-1, queries.heads * far.shape[-1])


@dataclass(frozen=True)
class Spans:
    """On a GPU with our own kernel: which tokens ask, and which part of the row each of them sees.

    Attributes:
        asking: the places of the tokens that ask; int32.
        firsts: of each token of the row the place of its text's first one; int32.
        lasts: of each the place of the last one that sees it; int32.
    """

    asking: torch.Tensor
    firsts: torch.Tensor
    lasts: torch.Tensor

    def attend(self, queries: Table, keys: Table, values: Table, head: Cached, scale: float) -> torch.Tensor:
        """Let every asking token look at the head and at its own text; see `Places.attend`."""
        # Only now: Triton is not installed everywhere.
        from pipelines.kernels import gpu_attention

        asking, seen, told = (part.by_token() for part in (queries, keys, values))
        return gpu_attention.attend(asking, seen, told, head, (self.asking, self.firsts, self.lasts), scale).flatten(1)


def find_way(queries: Table, keys: Table, values: Table, packed: Packed, last: bool) -> Spans | Places:
    """Work out how the tokens of a pass look around, for all its layers.

    Args:
        queries: vectors of the first layer that is to do so.
        keys: likewise.
        values: likewise.
        packed: the pass.
        last: whether only those tokens ask whose output is read.
    """
    vectors, kinds = queries.vectors, {part.vectors.dtype for part in (queries, keys, values)}
    alike = vectors.shape[-1] == values.vectors.shape[-1] and kinds in ({torch.bfloat16}, {torch.float16})
    if ours_run_on(vectors) and alike:
        everyone = torch.arange(len(packed.tokens), device=vectors.device)
        return Spans((packed.read if last else everyone).int(), *packed.spans)
    return find_places(queries, keys, values, packed.readers if last else packed.everyone, packed.everyone.grid)


def find_places(queries: Table, keys: Table, values: Table, asked: Asked, grid: torch.Tensor) -> Places:
    """Work the places out for the tokens that ask and the grid of all tokens."""
    shared, group = keys.heads, queries.heads // keys.heads
    texts, width = asked.grid.shape
    text, column = asked.cells // width, asked.cells % width
    head = torch.arange(queries.heads, device=grid.device)
    answers = ((head // group * texts + text[:, None]) * group + head % group) * width + column[:, None]
    return Places(
        queries.rows(asked.grid, shared),
        keys.rows(grid, shared),
        values.rows(grid, shared),
        answers.flatten(),
        asked.bias.repeat(1, group, 1).repeat(shared if len(asked.bias) > 1 else 1, 1, 1),
    )


def look(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float, bias: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain attention, with the logarithm of each row's normaliser: shapes (batch, rows, size) and (batch, rows, 1)."""
    scores = torch.bmm(queries, keys.transpose(1, 2)).mul_(scale)
    if bias is not None:
        scores.add_(bias)
    shares = torch.softmax(scores, dim=-1, dtype=torch.float32)
    # The greatest share tells the normaliser; to sum exponentials again would cost as much as the rest together.
    total = scores.amax(dim=-1, keepdim=True).float() - shares.amax(dim=-1, keepdim=True).log()
    return torch.bmm(shares.to(values.dtype), values), total


def look_at_head(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `look`, to the head; on a CPU without ever writing the scores down."""
    if queries.device.type == "cpu" and keys.shape[-1] == values.shape[-1]:
        flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        answers, total = flash(queries[None], keys[None], values[None], scale=scale)
        return answers[0], total[0].unsqueeze(-1)
    return look(queries, keys, values, scale)
