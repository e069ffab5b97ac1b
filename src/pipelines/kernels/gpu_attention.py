"""Attention of packed texts to a head they share, as one kernel of a GPU, written in Triton.

A program takes one head of a block of tokens as they lie in the row: first it goes through the keys of the prompt's
head, then through those of the texts that the block touches, and never writes scores down (Dao, "FlashAttention-2",
2023). No text is padded, and a text's tree of codes is seen as it branches.
"""

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

kernel: Callable[[Callable[..., Any]], Any] = triton.jit

ASKING, SEEN = 64, 32
"""Tokens of a program, and keys that it looks at together: the fastest of nine pairs on an H200."""
WARPS, STAGES = 4, 3
LOG2_E = 1.4426950408889634


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    head: tuple[torch.Tensor, torch.Tensor],
    places: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    scale: float,
) -> torch.Tensor:
    """Let tokens look at the head and at their own texts.

    Args:
        queries: shape (tokens, heads, dimensions); the tokens' stride may be larger than all heads together.
        keys: likewise, with fewer heads where queries are grouped.
        values: likewise, of the keys' shape.
        head: keys and values of the head, each of shape (key heads, head tokens, dimensions), one token at least.
        places: those of the tokens that ask; of each token its text's first; of each token the last that sees it.
        scale: what the products of queries and keys are multiplied with.

    Returns:
        shape (asking tokens, heads, dimensions).
    """
    asking, firsts, lasts = places
    heads, size = queries.shape[1:]
    out = queries.new_empty(len(asking), heads, size)
    attend_blocks[(triton.cdiv(len(asking), ASKING), heads)](
        queries, keys, values, *(part.contiguous() for part in head), asking, firsts, lasts, out,
        len(asking), head[0].shape[1], scale * LOG2_E, queries.stride(0), keys.stride(0), values.stride(0),
        heads // keys.shape[1], heads, size, max(16, triton.next_power_of_2(size)), ASKING, SEEN,
        num_warps=WARPS, num_stages=STAGES,
    )  # fmt: skip
    return out


@kernel
def attend_blocks(
    queries: tl.tensor, keys: tl.tensor, values: tl.tensor, kept_keys: tl.tensor, kept_values: tl.tensor,
    asking: tl.tensor, firsts: tl.tensor, lasts: tl.tensor, out: tl.tensor,
    asked: tl.tensor, kept: tl.tensor, scale: tl.tensor,
    stride: tl.constexpr, key_stride: tl.constexpr, value_stride: tl.constexpr,
    group: tl.constexpr, heads: tl.constexpr, size: tl.constexpr,
    width: tl.constexpr, count: tl.constexpr, step: tl.constexpr,
) -> None:  # fmt: skip
    """Answer `count` tokens, going through `step` keys at a time; `width` is `size`, filled up."""
    row, head = tl.program_id(0) * count + tl.arange(0, count), tl.program_id(1)
    there, column, other = row < asked, tl.arange(0, width), tl.arange(0, step)
    real = (column < size)[None, :]
    place = tl.load(asking + row, mask=there, other=0)
    first = tl.load(firsts + place, mask=there, other=2147483647)
    query = tl.load(
        queries + place[:, None] * stride + head * size + column[None, :], mask=there[:, None] & real, other=0.0
    )
    greatest, total = tl.full([count], float("-inf"), tl.float32), tl.zeros([count], tl.float32)
    found = tl.zeros([count, width], tl.float32)
    for start in range(0, kept, step):
        known = (start + other < kept)[:, None]
        far = (head // group * kept + start + other)[:, None] * size + column[None, :]
        key = tl.load(kept_keys + far, mask=known & real, other=0.0)
        value = tl.load(kept_values + far, mask=known & real, other=0.0)
        greatest, total, found = look(query, key, value, known.T, scale, greatest, total, found)
    end = tl.max(tl.where(there, place, 0)) + 1
    for start in range(tl.min(first), end, step):
        token = start + other
        known = (token < end)[:, None]
        near = head // group * size + column[None, :]
        key = tl.load(keys + token[:, None] * key_stride + near, mask=known & real, other=0.0)
        value = tl.load(values + token[:, None] * value_stride + near, mask=known & real, other=0.0)
        last = tl.load(lasts + token, mask=token < end, other=-1)
        seen = (token[None, :] <= place[:, None]) & (place[:, None] <= last[None, :])
        greatest, total, found = look(query, key, value, seen, scale, greatest, total, found)
    answer = (found / total[:, None]).to(out.dtype.element_ty)
    tl.store(out + (row[:, None] * heads + head) * size + column[None, :], answer, mask=there[:, None] & real)


@kernel
def look(
    query: tl.tensor, key: tl.tensor, value: tl.tensor, seen: tl.tensor, scale: tl.tensor,
    greatest: tl.tensor, total: tl.tensor, found: tl.tensor,
) -> Any:  # fmt: skip
    """Add some keys to a softmax under way: its greatest score, its normaliser and the sum of its values."""
    scores = tl.where(seen, tl.dot(query, key.T) * scale, float("-inf"))
    now = tl.maximum(greatest, tl.max(scores, 1))
    shares, fade = tl.exp2(scores - now[:, None]), tl.exp2(greatest - now)
    found = tl.dot(shares.to(value.dtype), value, found * fade[:, None])
    return now, total * fade + tl.sum(shares, 1), found
