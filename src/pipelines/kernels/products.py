"""Matrix products whose weights may be kept in fewer bits than what they are multiplied with.

A CPU with matrix units (Intel AMX) multiplies bf16 numbers several times as fast as fp32 ones and sums them in fp32;
one that adds up products of bytes (VNNI) does so with whole numbers of 8 bits. Only factors are rounded then; what is
added up from layer to layer, norms and attention stay in fp32. Whole numbers are cut out of each row by its own
greatest one (Dettmers et al., "LLM.int8()", 2022), so that a row's product does not depend on the rows beside it, and
they are summed exactly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from pipelines.kernels.compiling import compiled
from pipelines.kernels.gpu import fused_on_gpu

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int8]

MOST = np.float32(127)
"""The greatest whole number, by size, that a factor becomes."""
LEAST_BITS = np.float32(1e-30).view(np.int32)
"""A row's greatest number is taken as this at least: the row may be all zeros."""
WITHOUT_SIGN = np.int32(0x7FFFFFFF)
PUSH = np.float32(1.5 * 2**23)
"""Added to a number of less than 2^22, it leaves no place for a fraction: what is taken off again is whole."""

HALF = np.float32(0.5)
SATURATED = np.float32(7.905311)
"""Farther from zero the quotient would leave the hyperbolic tangent; here it has come to 1."""
A1, A3, A5, A7, A9, A11, A13 = (
    np.float32(factor)
    for factor in (4.8935246e-3, 6.3726193e-4, 1.4857224e-5, 5.122297e-8, -8.604672e-11, 2.000188e-13, -2.7607685e-16)
)
"""Odd powers above the line of the quotient that is the hyperbolic tangent (the minimax one of Eigen's `ptanh`)."""
B0, B2, B4, B6 = (np.float32(factor) for factor in (4.8935253e-3, 2.2684346e-3, 1.1853471e-4, 1.1982584e-6))
"""Even powers below it."""


@dataclass(frozen=True)
class Int8Weight:
    """A weight in whole numbers of 8 bits.

    Attributes:
        codes: shape (inputs, outputs), int8; laid out as (outputs, inputs).
        scales: what a code of each output is worth, shape (outputs,).
    """

    codes: torch.Tensor
    scales: Floats


Weight = torch.Tensor | Int8Weight


def quantize(weight: Weight) -> Int8Weight:
    """Round a weight of shape (outputs, inputs), each output by its own greatest number."""
    if isinstance(weight, Int8Weight):
        return weight
    codes, scales = quantize_rows(weight.float())
    return Int8Weight(codes.t(), scales)


def linear(states: torch.Tensor, weight: Weight, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Multiply, in the weight's type; the result, of shape (rows, outputs), is of the states' type.

    Args:
        states: shape (rows, inputs).
        weight: shape (outputs, inputs).
        bias: of the outputs, in any type.
    """
    if isinstance(weight, torch.Tensor) and weight.dtype == states.dtype:
        return functional.linear(states, weight, bias)
    made = rounded_linear(states, weight).to(states.dtype)
    return made if bias is None else made.add_(bias)


def rounded_linear(states: torch.Tensor, weight: Weight) -> torch.Tensor:
    """Multiply, and leave the result in the weight's type, or in fp32 where that is int8."""
    if isinstance(weight, torch.Tensor):
        return functional.linear(states.to(weight.dtype), weight)
    made = states.new_empty(len(states), len(weight.scales))
    write_worth(*int8_product(states, weight), weight.scales, made.numpy())
    return made


def gated_linear(states: torch.Tensor, weight: Weight) -> torch.Tensor:
    """Multiply, and let the first half of the outputs open the second like a gate (SwiGLU; Shazeer, 2020).

    Only factors of the next product: what is rounded stays so.

    Args:
        states: shape (rows, inputs).
        weight: shape (2 * outputs, inputs), the gate's outputs first.

    Returns:
        shape (rows, outputs), of the weight's type; fp32 where that is int8.
    """
    if isinstance(weight, Int8Weight):
        made, scales = int8_product(states, weight)
        opened = states.new_empty(len(states), made.shape[1] // 2)
        write_gated(made, scales, weight.scales, opened.numpy())
        return opened
    return open_gate(rounded_linear(states, weight))


@fused_on_gpu
def open_gate(made: torch.Tensor) -> torch.Tensor:
    """Let the first half of each row open the second like a gate; the first is used up."""
    gate, up = made.chunk(2, dim=-1)
    return functional.silu(gate, inplace=True).mul_(up)


def add_linear(states: torch.Tensor, factors: torch.Tensor, weight: Weight) -> None:
    """Add a product to the states, in place."""
    if isinstance(weight, Int8Weight):
        add_worth(*int8_product(factors, weight), weight.scales, states.numpy())
    elif weight.dtype == states.dtype:
        states.addmm_(factors, weight.t())
    else:
        states.add_(rounded_linear(factors, weight))


def int8_product(states: torch.Tensor, weight: Int8Weight) -> tuple[Bits, Floats]:
    """Multiply whole numbers: the product's codes, of shape (rows, outputs), and what a code of each row is worth."""
    codes, scales = quantize_rows(states)
    return torch._int_mm(codes, weight.codes).numpy(), scales


def quantize_rows(rows: torch.Tensor) -> tuple[torch.Tensor, Floats]:
    """Round each row to whole numbers by its greatest one: codes, and what one of each row is worth.

    Args:
        rows: fp32, shape (rows, columns).
    """
    codes, scales = torch.empty(rows.shape, dtype=torch.int8), np.empty(len(rows), dtype=np.float32)
    numbers = rows.contiguous().numpy()
    write_codes(numbers, numbers.view(np.int32), codes.numpy(), scales, scales.view(np.int32))
    return codes, scales


@compiled
def write_codes(rows: Floats, bits: Bits, codes: Codes, scales: Floats, scale_bits: Bits) -> None:
    """Round rows. `bits` are the same numbers as they are stored: without their sign, they are ordered by size.

    Written so that a compiler makes vectors of it: it would not reorder a search for the greatest float, and rounds by
    adding what pushes the fraction out.
    """
    for row in range(rows.shape[0]):
        greatest = LEAST_BITS
        for column in range(rows.shape[1]):
            greatest = max(greatest, bits[row, column] & WITHOUT_SIGN)
        scale_bits[row] = greatest
        factor = MOST / scales[row]
        scales[row] /= MOST
        for column in range(rows.shape[1]):
            codes[row, column] = np.int32((rows[row, column] * factor + PUSH) - PUSH)


@compiled
def write_worth(made: Bits, rows: Floats, columns: Floats, out: Floats) -> None:
    """Write what a product's codes are worth."""
    for row in range(made.shape[0]):
        for column in range(made.shape[1]):
            out[row, column] = np.float32(made[row, column]) * rows[row] * columns[column]


@compiled
def add_worth(made: Bits, rows: Floats, columns: Floats, out: Floats) -> None:
    """Add what a product's codes are worth."""
    for row in range(made.shape[0]):
        for column in range(made.shape[1]):
            out[row, column] += np.float32(made[row, column]) * rows[row] * columns[column]


@compiled
def write_gated(made: Bits, rows: Floats, columns: Floats, out: Floats) -> None:
    """Write what a product's codes are worth, the second half times the first times its logistic function.

    The logistic function is had from the hyperbolic tangent, and that as a quotient of polynomials: a compiler makes
    vectors of these, not of exponentials; nor of a division that asks for zeros, as Python's own does.
    """
    half = out.shape[1]
    for row in range(made.shape[0]):
        worth = rows[row]
        for column in range(half):
            gate = np.float32(made[row, column]) * worth * columns[column]
            x = min(max(gate * HALF, -SATURATED), SATURATED)
            y = x * x
            above = ((((((A13 * y + A11) * y + A9) * y + A7) * y + A5) * y + A3) * y + A1) * x
            below = ((B6 * y + B4) * y + B2) * y + B0
            opened = gate * (HALF + HALF * np.divide(above, below))
            out[row, column] = opened * np.float32(made[row, half + column]) * worth * columns[half + column]
