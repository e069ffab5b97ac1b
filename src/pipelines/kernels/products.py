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
