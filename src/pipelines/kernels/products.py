"""Matrix products whose weights may be kept in fewer bits than what they are multiplied with.

A CPU with matrix units (Intel AMX) multiplies bf16 numbers several times as fast as fp32 ones and sums them in fp32.
Only factors are rounded then, to 8 bits; what is added up from layer to layer, norms and attention stay in fp32.
"""

import torch
from torch.nn import functional


def linear(states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Multiply, in the weight's type; the result, of shape (rows, outputs), is of the states' type.

    Args:
        states: shape (rows, inputs).
        weight: shape (outputs, inputs).
        bias: of the outputs, in any type.
    """
    if weight.dtype == states.dtype:
        return functional.linear(states, weight, bias)
    made = rounded_linear(states, weight).to(states.dtype)
    return made if bias is None else made.add_(bias)


def rounded_linear(states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Multiply, and leave the result in the weight's type."""
    return functional.linear(states.to(weight.dtype), weight)


def add_linear(states: torch.Tensor, factors: torch.Tensor, weight: torch.Tensor) -> None:
    """Add a product to the states, in place."""
    if weight.dtype == states.dtype:
        states.addmm_(factors, weight.t())
    else:
        states.add_(rounded_linear(factors, weight))
