"""What lies between the products of a language model, each as one kernel of a GPU: numbers come and go once.

Written in Triton, computed in fp32, stored in the type of what comes in. The plain forms, and what the arguments mean,
stand where they are used, under the same names: `fused_llama.normalise` and `rotate`, `products.open_gate`. Sizes that
belong to a model are constants of its kernels; the number of tokens is not.
"""

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

kernel: Callable[[Callable[..., None]], Any] = triton.jit

ROWS, COLUMNS = 4, 512
"""The part of its result that a program of `open_gate` writes."""
TOKENS = 32
"""Tokens of a program of `rotate`."""
NUMBERS = 4096
"""Numbers that a program of `normalise` holds, whole rows of them, one at least."""


def normalise(states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Divide each row by its root mean square."""
    out = torch.empty_like(states)
    rows, size = states.shape
    width = triton.next_power_of_2(size)
    height = max(1, NUMBERS // width)
    normalise_rows[(triton.cdiv(rows, height),)](states, weight, out, rows, epsilon, size, width, height)
    return out


def rotate(vectors: torch.Tensor, heads: int, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn the first heads of each token, in place."""
    tokens, stride, size = vectors.shape
    half = size // 2
    grid = (triton.cdiv(tokens, TOKENS), heads)
    rotate_heads[grid](vectors, cosines, sines, tokens, stride * size, half, triton.next_power_of_2(half), TOKENS)
    return vectors


def open_gate(made: torch.Tensor) -> torch.Tensor:
    """Let the first half of each row open the second like a gate."""
    half = made.shape[1] // 2
    out = made.new_empty(len(made), half)
    open_gates[(triton.cdiv(len(made), ROWS), triton.cdiv(half, COLUMNS))](made, out, len(made), half, ROWS, COLUMNS)
    return out


@kernel
def normalise_rows(
    states: tl.tensor,
    weight: tl.tensor,
    out: tl.tensor,
    rows: tl.tensor,
    epsilon: tl.tensor,
    size: tl.constexpr,
    width: tl.constexpr,
    height: tl.constexpr,
) -> None:
    """Divide each row by its root mean square; a program takes `height` rows."""
    row = tl.program_id(0) * height + tl.arange(0, height)[:, None]
    column = tl.arange(0, width)[None, :]
    places, there = row * size + column, (row < rows) & (column < size)
    numbers = tl.load(states + places, mask=there, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(numbers * numbers, axis=1) / size + epsilon)[:, None]
    factors = tl.load(weight + column, mask=column < size, other=0.0).to(tl.float32)
    tl.store(out + places, (numbers * scale * factors).to(out.dtype.element_ty), mask=there)


@kernel
def rotate_heads(
    vectors: tl.tensor,
    cosines: tl.tensor,
    sines: tl.tensor,
    tokens: tl.tensor,
    stride: tl.constexpr,
    half: tl.constexpr,
    width: tl.constexpr,
    count: tl.constexpr,
) -> None:
    """Turn a head of `count` tokens a program."""
    token = tl.program_id(0) * count + tl.arange(0, count)[:, None]
    column = tl.arange(0, width)[None, :]
    there = (token < tokens) & (column < half)
    low_places = token * stride + tl.program_id(1) * 2 * half + column
    angles = token * 2 * half + column
    low = tl.load(vectors + low_places, mask=there).to(tl.float32)
    high = tl.load(vectors + low_places + half, mask=there).to(tl.float32)
    low_turned = low * tl.load(cosines + angles, mask=there) - high * tl.load(sines + angles, mask=there)
    angles += half
    high_turned = high * tl.load(cosines + angles, mask=there) + low * tl.load(sines + angles, mask=there)
    tl.store(vectors + low_places, low_turned.to(vectors.dtype.element_ty), mask=there)
    tl.store(vectors + low_places + half, high_turned.to(vectors.dtype.element_ty), mask=there)


@kernel
def open_gates(
    made: tl.tensor, out: tl.tensor, rows: tl.tensor, half: tl.constexpr, height: tl.constexpr, width: tl.constexpr
) -> None:
    """Open a part of `height` rows a program."""
    row = tl.program_id(0).to(tl.int64) * height + tl.arange(0, height)[:, None]
    column = tl.program_id(1) * width + tl.arange(0, width)[None, :]
    there, gates = (row < rows) & (column < half), made + row * 2 * half + column
    gate, up = tl.load(gates, mask=there).to(tl.float32), tl.load(gates + half, mask=there).to(tl.float32)
    tl.store(out + row * half + column, (gate * tl.sigmoid(gate) * up).to(out.dtype.element_ty), mask=there)
