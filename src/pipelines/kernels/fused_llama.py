"""Models laid out like Llama (Llama, Mistral, Qwen2, SmolLM, ...) without what costs time between the products.

Queries, keys and values come of one product, gate and up projection of another; residuals are added by the product
itself; norms and rotations touch each number as seldom as they can; in the last layer only those tokens go on whose
output is read. The weights are the network's own: its layers become views of the joined ones. On a CPU all but the
products is computed in fp32, whatever the weights' type.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from pipelines.kernels.gpu import fused_on_gpu
from pipelines.kernels.packing import Packed
from pipelines.kernels.prefix_attention import Cached, Places, Spans, Table, find_way, table
from pipelines.kernels.products import Weight, add_linear, gated_linear, linear, quantize

Parameters = dict[str, torch.nn.Parameter]
Rotary = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
Cache = tuple[Cached, ...]

NORMS = ("input_layernorm.weight", "post_attention_layernorm.weight")
QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
GATE_UP, OUT, DOWN = ("mlp.gate_proj", "mlp.up_proj"), "self_attn.o_proj", "mlp.down_proj"
AROUND = ("model.embed_tokens.weight", "model.norm.weight")


@dataclass(frozen=True)
class Layer:
    """Weights of one layer, the products' as (outputs, inputs)."""

    first_norm: torch.Tensor
    qkv: Weight
    qkv_bias: torch.Tensor | None
    out: Weight
    second_norm: torch.Tensor
    gate_up: Weight
    down: Weight


@dataclass(frozen=True)
class FusedLlama:
    """A network of layers like Llama's.

    Attributes:
        rotary: the network's own rotary embedding: cosines and sines of positions.
        heads: query heads of each layer.
        epsilon: of the norms.
    """

    embedding: torch.Tensor
    layers: tuple[Layer, ...]
    norm: torch.Tensor
    output: torch.Tensor
    rotary: Rotary
    heads: int
    epsilon: float

    @property
    def kept(self) -> torch.dtype:
        """The type of all that is passed on from layer to layer, the head's keys and values too."""
        return torch.float32 if self.embedding.device.type == "cpu" else self.embedding.dtype

    def in_int8(self) -> "FusedLlama":
        """Round the weights of all layers' products; the output layer's stay, few of its rows are read."""
        return replace(self, layers=tuple(quantize_layer(layer) for layer in self.layers))

    def read(self, head: Cache, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
        """Give the logits at the read places; see `scoring.Reader`."""
        states = functional.embedding(packed.tokens, self.embedding).to(self.kept)
        cosines, sines = (part[0].unsqueeze(1) for part in self.rotary(states, packed.positions[None]))
        way: Spans | Places | None = None
        for number, (layer, cached) in enumerate(zip(self.layers, head, strict=True)):
            last = number == len(self.layers) - 1
            tables = self.look_up(layer, states, cosines, sines)
            if way is None or last:
                way = find_way(*tables, packed, last)
            if last:
                states = states.index_select(0, packed.read)
            seen = way.attend(*tables, cached, tables[0].vectors.shape[-1] ** -0.5)
            self.go_on(layer, states, seen)
        output = self.output if rows is None else self.output.index_select(0, rows)
        return linear(normalise(states, self.norm, self.epsilon), output)

    def look_up(
        self, layer: Layer, states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor
    ) -> tuple[Table, Table, Table]:
        """Compute queries, keys and values of all tokens."""
        size, heads = cosines.shape[-1], self.heads
        normed = normalise(states, layer.first_norm, self.epsilon)
        vectors = linear(normed, layer.qkv, layer.qkv_bias).view(len(states), -1, size)
        shared = (vectors.shape[1] - heads) // 2
        turned = rotate(vectors, heads + shared, cosines, sines)
        return table(turned, 0, heads), table(turned, heads, shared), table(vectors, heads + shared, shared)

    def go_on(self, layer: Layer, states: torch.Tensor, seen: torch.Tensor) -> None:
        """Add what was seen, and what the layer makes of it, to the states."""
        add_linear(states, seen, layer.out)
        opened = gated_linear(normalise(states, layer.second_norm, self.epsilon), layer.gate_up)
        add_linear(states, opened, layer.down)


@fused_on_gpu
def normalise(states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Divide each row by its root mean square (Zhang and Sennrich, 2019)."""
    if states.device.type != "cpu" or states.dtype != torch.float32:
        return functional.rms_norm(states, (states.shape[-1],), weight, epsilon)
    # The CPU has no kernel of its own for it and would go over the row six times.
    size = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
    scale = size.square_().div_(states.shape[-1]).add_(epsilon).rsqrt_()
    return torch.mul(states, scale).mul_(weight)


@fused_on_gpu
def rotate(vectors: torch.Tensor, heads: int, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn each pair (number of the first half, its fellow of the second) by its position's angle (Su et al., 2021).

    Args:
        vectors: shape (tokens, heads, dimensions); they may be used up.
        heads: how many of the heads are turned, the first ones.
        cosines: shape (tokens, 1, dimensions).
        sines: likewise.

    Returns:
        shape (tokens, at least so many heads, dimensions).
    """
    vectors = vectors[:, :heads]
    half = vectors.shape[-1] // 2
    turned = torch.mul(vectors, cosines)
    turned[..., :half].addcmul_(vectors[..., half:], sines[..., :half], value=-1)
    turned[..., half:].addcmul_(vectors[..., :half], sines[..., half:])
    return turned


def fuse(network: torch.nn.Module, heads: int, epsilon: float) -> FusedLlama | None:
    """Join a network's weights; None when it has not exactly Llama's.

    The same names do not prove the same computation: whoever calls this compares an answer.

    Args:
        network: a causal language model, ready to run.
        heads: query heads of a layer.
        epsilon: of its norms.
    """
    parameters = dict(network.named_parameters())
    count = len({name.split(".")[2] for name in parameters if name.startswith("model.layers.")})
    needed = [f"model.layers.{number}.{name}" for number in range(count) for name in layer_names()]
    biases = [f"model.layers.{number}.{name}.bias" for number in range(count) for name in QKV]
    given = set(parameters) - {"lm_head.weight"}
    if given not in ({*AROUND, *needed}, {*AROUND, *needed, *biases}):
        return None
    embedding, norm = (parameters[name].data for name in AROUND)
    return FusedLlama(
        embedding,
        tuple(join_layer(parameters, f"model.layers.{number}.") for number in range(count)),
        as_kept(norm),
        parameters["lm_head.weight"].data if "lm_head.weight" in parameters else embedding,
        network.get_submodule("model.rotary_emb"),
        heads,
        epsilon,
    )


def layer_names() -> list[str]:
    """What the parameters of a layer are called, biases left out."""
    return [*NORMS, *(f"{name}.weight" for name in (*QKV, *GATE_UP, OUT, DOWN))]


def join_layer(parameters: Parameters, prefix: str) -> Layer:
    """Join the weights of one layer."""
    first_norm, second_norm = (as_kept(parameters[prefix + name].data) for name in NORMS)
    biased = f"{prefix}{QKV[0]}.bias" in parameters
    return Layer(
        first_norm,
        join([parameters[f"{prefix}{name}.weight"] for name in QKV]),
        join([parameters[f"{prefix}{name}.bias"] for name in QKV]) if biased else None,
        parameters[f"{prefix}{OUT}.weight"].data,
        second_norm,
        join([parameters[f"{prefix}{name}.weight"] for name in GATE_UP]),
        parameters[f"{prefix}{DOWN}.weight"].data,
    )


def quantize_layer(layer: Layer) -> Layer:
    """Round the weights of a layer's products."""
    return replace(
        layer,
        qkv=quantize(layer.qkv),
        out=quantize(layer.out),
        gate_up=quantize(layer.gate_up),
        down=quantize(layer.down),
    )


def as_kept(norm: torch.Tensor) -> torch.Tensor:
    """Bring the weights of a norm into the type of what they are multiplied with."""
    return norm.float() if norm.device.type == "cpu" else norm


def join(parameters: Sequence[torch.nn.Parameter]) -> torch.Tensor:
    """Put parameters one under another, and make each a view of the whole: nothing is kept twice."""
    whole = torch.cat([parameter.data for parameter in parameters])
    start = 0
    for parameter in parameters:
        parameter.data = whole[start : start + len(parameter)]
        start += len(parameter)
    return whole
