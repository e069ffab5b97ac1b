"""Encoders laid out like BERT: many texts in one row, each vector to the last bit as if its text were read alone.

Products are taken over blocks of a fixed number of tokens, the last one filled up: whatever stands beside a text, the
same shape is computed, and so each sum is taken in the same order. Attention and mean are taken text by text. Whatever
the weights' type, all but the products is computed in fp32.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

Parameters = dict[str, torch.nn.Parameter]
Weights = tuple[torch.Tensor, torch.Tensor]
"""Weight and bias."""

BLOCK = 128
"""Tokens of one product: with fewer of them the weights are fetched more often than they are used."""
AROUND = ("embeddings.word_embeddings", "embeddings.position_embeddings", "embeddings.token_type_embeddings")
QKV = ("attention.self.query", "attention.self.key", "attention.self.value")
OTHERS = (
    "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm",
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """Weights and biases of one layer, the products' as (outputs, inputs)."""

    qkv: Weights
    out: Weights
    first_norm: Weights
    up: Weights
    down: Weights
    second_norm: Weights


@dataclass(frozen=True)
class FusedBert:
    """A network of layers like BERT's.

    Attributes:
        words: vectors of the tokens.
        places: vectors of their places in a text.
        kind: vector of all tokens of a first sentence.
        norm: of the sum of these.
        heads: of each layer.
        epsilon: of the norms.
    """

    words: torch.Tensor
    places: torch.Tensor
    kind: torch.Tensor
    norm: Weights
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float

    def read(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Give the unit vectors of texts, shape (texts, dimensions): the mean over their tokens.

        Args:
            texts: token ids, at least one each.
        """
        sizes = [len(text) for text in texts]
        filling = [0] * (-sum(sizes) % BLOCK)
        tokens = torch.tensor([token for text in texts for token in text] + filling)
        places = torch.tensor([place for size in sizes for place in range(size)] + filling)
        states = functional.embedding(tokens, self.words) + self.kind + functional.embedding(places, self.places)
        states = self.normalise(states, self.norm)
        for layer in self.layers:
            states = self.go_on(layer, states, sizes)
        means = [part.mean(dim=0) for part in torch.split(states[: sum(sizes)], sizes)]
        return functional.normalize(torch.stack(means), dim=1)

    def go_on(self, layer: Layer, states: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """Let one layer read all tokens."""
        seen = self.attend(product(states, layer.qkv), sizes)
        states = self.normalise(product(seen, layer.out) + states, layer.first_norm)
        made = product(functional.gelu(product(states, layer.up)), layer.down)
        return self.normalise(made + states, layer.second_norm)

    def attend(self, vectors: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """Let each token look around in its own text."""
        seen = vectors.new_zeros(len(vectors), vectors.shape[1] // 3)
        start = 0
        for size in sizes:
            asked = vectors[start : start + size].view(size, 3, self.heads, -1).permute(1, 2, 0, 3).unsqueeze(1)
            found = functional.scaled_dot_product_attention(asked[0], asked[1], asked[2])
            seen[start : start + size] = found[0].transpose(0, 1).reshape(size, -1)
            start += size
        return seen

    def normalise(self, states: torch.Tensor, norm: Weights) -> torch.Tensor:
        """Give each token's numbers mean and variance (Ba, Kiros, Hinton, 2016)."""
        return functional.layer_norm(states, states.shape[-1:], *norm, self.epsilon)


def product(states: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Multiply block by block, in the weight's type."""
    weight, bias = weights
    factors = states.to(weight.dtype)
    made = factors.new_empty(len(states), len(weight))
    for start in range(0, len(states), BLOCK):
        torch.mm(factors[start : start + BLOCK], weight.t(), out=made[start : start + BLOCK])
    return made.to(states.dtype).add_(bias)


def fuse(network: torch.nn.Module, heads: int, epsilon: float, dtype: torch.dtype = torch.float32) -> FusedBert | None:
    """Join a network's weights; None when it has not exactly BERT's.

    The same names do not prove the same computation: whoever calls this compares an answer.

    Args:
        network: an encoder on the CPU, ready to run.
        heads: of a layer.
        epsilon: of its norms.
        dtype: in which the weights of products are kept.
    """
    parameters = {name: one for name, one in network.named_parameters() if not name.startswith("pooler.")}
    count = len({name.split(".")[2] for name in parameters if name.startswith("encoder.layer.")})
    parts = [f"encoder.layer.{number}.{part}" for number in range(count) for part in (*QKV, *OTHERS)]
    needed = {f"{part}.{kind}" for part in ("embeddings.LayerNorm", *parts) for kind in ("weight", "bias")}
    if set(parameters) != needed | {f"{part}.weight" for part in AROUND}:
        return None
    words, places, kinds = (parameters[f"{part}.weight"].data for part in AROUND)
    layers = tuple(join_layer(parameters, f"encoder.layer.{number}.", dtype) for number in range(count))
    return FusedBert(words, places, kinds[0], weights_of(parameters, "embeddings.LayerNorm"), layers, heads, epsilon)


def join_layer(parameters: Parameters, prefix: str, dtype: torch.dtype) -> Layer:
    """Join the weights of one layer."""
    queries = [weights_of(parameters, prefix + part) for part in QKV]
    joined = torch.cat([weight for weight, _ in queries]), torch.cat([bias for _, bias in queries])
    parts = [joined, *(weights_of(parameters, prefix + part) for part in OTHERS)]
    # Weights of a norm, which have one dimension, are no factors of a product.
    return Layer(*((weight.to(dtype) if weight.dim() > 1 else weight, bias) for weight, bias in parts))


def weights_of(parameters: Parameters, part: str) -> Weights:
    """Give a part's weight and bias."""
    return parameters[f"{part}.weight"].data, parameters[f"{part}.bias"].data
