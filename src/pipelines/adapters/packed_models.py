"""Hugging Face causal language models as readers of packed texts: three ways; `reader_choice` takes one.

Models laid out like Llama run fused. Others that ask transformers' registry for their attention get ours: texts stay
packed and share the head's keys. What is left gets padded batches and a copy of the head for each text.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from transformers import AttentionInterface, DynamicCache, PreTrainedModel

from pipelines.errors import UnsupportedModelError
from pipelines.kernels.fused_llama import FusedLlama
from pipelines.kernels.label_trees import Tokens
from pipelines.kernels.packing import Packed
from pipelines.kernels.prefix_attention import Places, Spans, find_way, table
from pipelines.kernels.scoring import Head

OURS = "lakehouse_shared_head"
UNLIMITED = 1_000_000
"""Tokens that a model reads which names no limit."""


@dataclass(frozen=True)
class Pass:
    """What the attention function needs to know of the pass under way."""

    head: Head
    packed: Packed
    ways: dict[tuple[int, int], Spans | Places] = field(default_factory=dict)


UNDER_WAY: ContextVar[Pass] = ContextVar("pass_under_way")


def shared_head_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **others: object,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' attention functions do: in packed texts behind the shared head of the pass under way.

    Raises:
        UnsupportedModelError: when the layer wants more than plain attention.
    """
    wanted = [name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None]
    if wanted:
        raise UnsupportedModelError(f"This model's attention takes {', '.join(wanted)}; only plain attention is known.")
    now = UNDER_WAY.get()
    queries, keys, values = (table(part[0].transpose(0, 1)) for part in (query, key, value))
    shape = (queries.heads, keys.heads)
    if shape not in now.ways:
        now.ways[shape] = find_way(queries, keys, values, now.packed, last=False)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    head = now.head.layers[vars(module)["layer_idx"]]
    answers = now.ways[shape].attend(queries, keys, values, head, scale)
    return answers.view(1, query.shape[2], queries.heads, -1), None


AttentionInterface.register(OURS, shared_head_attention)


class PaddedReader:
    """Reads with the model as it is: texts padded to the longest, each with a copy of the head before it."""

    int8 = False

    def __init__(self, network: PreTrainedModel) -> None:
        self.network = network

    @property
    def weight(self) -> torch.Tensor:
        """Any weight."""
        return next(self.network.parameters())

    @property
    def longest(self) -> int:
        """The most tokens of a prompt; a window of attention ends it too, so that it never matters."""
        config = self.network.config
        limits = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions", "sliding_window")]
        return min([limit for limit in limits if isinstance(limit, int)], default=UNLIMITED)

    def read_head(self, tokens: Tokens) -> Head:
        """Compute the keys and values of a head."""
        ids = torch.tensor([list(tokens)], device=self.weight.device)
        cache = self.network(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        layers = tuple((layer.keys[0].contiguous(), layer.values[0].contiguous()) for layer in cache.layers)
        return Head(layers, len(tokens))

    def read(self, head: Head, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
        """Give the logits at the read places; see `Reader`."""
        grid, cache, bias = packed.everyone.grid, DynamicCache(), packed.everyone.bias
        for number, (keys, values) in enumerate(head.layers):
            cache.update(keys.expand(len(grid), -1, -1, -1), values.expand(len(grid), -1, -1, -1), number)
        mask = torch.cat([bias.new_zeros(*bias.shape[:2], head.length), bias], dim=-1)
        mask = mask.clamp_min(torch.finfo(mask.dtype).min).expand(len(grid), -1, -1)
        columns, place = torch.unique(packed.readers.grid - grid[:, :1], return_inverse=True)
        with narrowed(self.network, rows):
            logits: torch.Tensor = self.network(
                input_ids=packed.tokens[grid],
                attention_mask=mask[:, None],
                position_ids=packed.positions[grid],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=columns,
            ).logits
        return logits[torch.arange(len(grid), device=grid.device)[:, None], place].flatten(0, 1)[packed.readers.cells]


class SharedHeadReader(PaddedReader):
    """Reads texts end to end in one row; the attention is ours, everything else the model's."""

    def read(self, head: Head, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
        """Give the logits at the read places; see `Reader`."""
        config = self.network.config
        usual, now = config._attn_implementation, UNDER_WAY.set(Pass(head, packed))
        try:
            # No mask is made for an attention that is not in transformers' registry of masks.
            config._attn_implementation = OURS
            with narrowed(self.network, rows):
                logits: torch.Tensor = self.network(
                    input_ids=packed.tokens[None],
                    position_ids=packed.positions[None],
                    use_cache=False,
                    logits_to_keep=packed.read,
                ).logits[0]
        finally:
            config._attn_implementation = usual
            UNDER_WAY.reset(now)
        return logits


class FusedReader(PaddedReader):
    """Reads with our own forward pass."""

    def __init__(self, network: PreTrainedModel, fused: FusedLlama, int8: bool = False) -> None:
        super().__init__(network)
        self.fused = fused.in_int8() if int8 else fused
        self.int8 = int8

    def read_head(self, tokens: Tokens) -> Head:
        """Compute the keys and values of a head, in the type of all others."""
        head = super().read_head(tokens)
        kept = self.fused.kept
        return Head(tuple((keys.to(kept), values.to(kept)) for keys, values in head.layers), head.length)

    def read(self, head: Head, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
        """Give the logits at the read places; see `Reader`."""
        return self.fused.read(head.layers, packed, rows)


@contextmanager
def narrowed(network: PreTrainedModel, rows: torch.Tensor | None) -> Iterator[None]:
    """Let the output layer compute some of its rows only."""
    whole = network.get_output_embeddings()
    if rows is None or not isinstance(whole, torch.nn.Linear):
        yield
        return
    narrow = torch.nn.Linear(whole.in_features, len(rows), bias=whole.bias is not None, device="meta")
    narrow.weight = torch.nn.Parameter(whole.weight[rows], requires_grad=False)
    if whole.bias is not None:
        narrow.bias = torch.nn.Parameter(whole.bias[rows], requires_grad=False)
    network.set_output_embeddings(narrow)
    try:
        yield
    finally:
        network.set_output_embeddings(whole)
