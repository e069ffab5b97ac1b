"""Products in whole numbers: near the exact ones, the same in any company, and exact where rounding loses nothing."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pipelines.kernels.products import (
    Int8Weight,
    add_linear,
    gated_linear,
    linear,
    quantize,
    quantize_rows,
    rounded_linear,
)


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def made_up(rows: int, inputs: int, outputs: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, inputs, generator=draw), torch.randn(outputs, inputs, generator=draw)


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 8, 3), (37, 577, 11), (768, 64, 96)])
def test_a_product_lies_within_what_rounding_can_move_it(rows: int, inputs: int, outputs: int) -> None:
    states, weight = made_up(rows, inputs, outputs)
    exact = states @ weight.t()
    given = linear(states, quantize(weight))
    steps = states.abs().amax(1, keepdim=True) / 127, weight.abs().amax(1)[None] / 127
    # Half a step of each factor, times the other factor, summed up; and half of both steps.
    most = (
        steps[0] / 2 * weight.abs().sum(1)[None]
        + steps[1] / 2 * states.abs().sum(1, keepdim=True)
        + steps[0] * steps[1] / 4 * inputs
    )
    assert ((given - exact).abs() <= most * 1.01).all()
    assert torch.nn.functional.cosine_similarity(given.flatten(), exact.flatten(), dim=0) > 0.999


def test_whole_numbers_are_multiplied_exactly() -> None:
    draw = np.random.default_rng(0)
    states, weight = (
        torch.tensor(draw.integers(-127, 128, shape), dtype=torch.float32) for shape in ((9, 50), (7, 50))
    )
    states[:, 0], weight[:, 0] = 127, -127
    assert torch.equal(linear(states, quantize(weight)), states @ weight.t())


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    states, weight = made_up(20, 96, 33)
    whole = quantize(weight)
    together = linear(states, whole)
    shouting = torch.cat([states[:5], states[5:] * 1e6])
    assert torch.equal(linear(states[3:4], whole), together[3:4])
    assert torch.equal(linear(shouting, whole)[:5], together[:5])


def test_rows_are_rounded_to_the_nearest_by_their_own_greatest_number() -> None:
    rows = torch.tensor([[1.27, -0.5, 0.014, -0.016], [0.0, 0.0, 0.0, 0.0], [-2e-20, 1e-20, 0.0, 0.0]])
    codes, scales = quantize_rows(rows)
    assert codes.tolist() == [[127, -50, 1, -2], [0, 0, 0, 0], [-127, 64, 0, 0]]
    assert scales[0] == pytest.approx(0.01)
    strided = torch.stack([rows, rows], dim=2)[..., 0]
    assert not strided.is_contiguous()
    assert torch.equal(quantize_rows(strided)[0], codes)


def test_biases_and_states_are_added_in_full() -> None:
    states, weight = made_up(6, 40, 5)
    whole, bias, before = quantize(weight), torch.arange(5.0), torch.full((6, 5), 3.0)
    product = rounded_linear(states, whole)
    assert torch.allclose(linear(states, whole, bias), product + bias)
    after = before.clone()
    add_linear(after, states, whole)
    assert torch.allclose(after, before + product)


def test_a_gate_opens_as_the_network_itself_would_open_it() -> None:
    states, weight = made_up(9, 40, 2 * 33)
    # Gates from shut to wide open, zero among them.
    states = states * torch.logspace(-3, 1.5, 9)[:, None]
    states[4] = 0
    whole = quantize(weight)
    gate, up = rounded_linear(states, whole).chunk(2, dim=-1)
    assert gate.min() < -100, "shut"
    assert gate.max() > 100, "wide open"
    given = gated_linear(states, whole)
    torch.testing.assert_close(given, torch.nn.functional.silu(gate) * up, rtol=1e-5, atol=1e-4)
    plain, sizes = gated_linear(states, weight), (9, 33)
    assert (plain.shape, given.shape) == (sizes, sizes)
    assert torch.nn.functional.cosine_similarity(plain.flatten(), given.flatten(), dim=0) > 0.999


def test_what_is_whole_already_stays_so() -> None:
    whole = quantize(made_up(1, 8, 3)[1])
    assert isinstance(whole, Int8Weight)
    assert quantize(whole) is whole
