"""Hugging Face causal language models as readers of packed texts.

Three ways, the first that fits is taken. Models laid out like Llama run fused. Others that ask transformers' registry
for their attention get ours: texts stay packed and share the head's keys. What is left gets padded batches and a copy
of the head for each text. A way is only taken when it answers a small prompt as the plain model does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from transformers import AttentionInterface, DynamicCache, PreTrainedModel

from pipelines.adapters.hardware import Place
from pipelines.errors import UnsupportedModelError
from pipelines.kernels.fused_llama import FusedLlama, fuse
from pipelines.kernels.label_trees import ClosedSet, Floats, Tokens
from pipelines.kernels.packing import Packed
from pipelines.kernels.prefix_attention import Places, attend, find_places, table
from pipelines.kernels.scoring import Head, Prompt, Reader, read_prompt, score_texts

OURS = "lakehouse_shared_head"
UNLIMITED = 1_000_000
"""Tokens that a model reads which names no limit."""
PROBE = Prompt((5, 3, 7, 4, 6, 2), (6, 5), ClosedSet(((3,), (4, 5), (4, 6, 3))))
PROBE_TEXTS = ((8, 3, 5, 9, 4), (), (7, 7))
APART = 1e-3
"""How far two ways of computing in fp32 may lie apart, in nats."""


@dataclass(frozen=True)
class Pass:
    """What the attention function needs to know of the pass under way."""

    head: Head
    packed: Packed
    places: dict[tuple[int, int], Places] = field(default_factory=dict)


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
    shape, asked = (queries.heads, keys.heads), now.packed.everyone
    if shape not in now.places:
        now.places[shape] = find_places(queries, keys, values, asked, asked.grid)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    head = now.head.layers[vars(module)["layer_idx"]]
    answers = attend(queries, keys, values, head, now.places[shape], scale)
    return answers.view(1, query.shape[2], queries.heads, -1), None


AttentionInterface.register(OURS, shared_head_attention)


class PaddedReader:
    """Reads with the model as it is: texts padded to the longest, each with a copy of the head before it."""

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

    def __init__(self, network: PreTrainedModel, fused: FusedLlama) -> None:
        super().__init__(network)
        self.fused = fused

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


def open_reader(network: PreTrainedModel, place: Place | None = None) -> Reader:
    """Choose how a model reads packed texts: the fastest way that answers as the model itself does.

    The ways are compared in fp32, before the model goes to its place: in bf16 two right ones lie nats apart where
    answers are unlikely.

    Args:
        network: a causal language model in eval mode; it becomes fp32, then what its place wants.
        place: where it goes, as the module that it is; None: it stays.

    Raises:
        UnsupportedModelError: when no way does (a model without attention, say).
    """
    # It may have been at its place already, for a reader that was forgotten since.
    expected = answer_plainly(network.float())
    for build in (build_fused, SharedHeadReader, PaddedReader):
        if agrees(build, network, expected):
            return build(place.take(network) if place else network)
    raise UnsupportedModelError(
        f"Model {type(network).__name__} answers differently when the head of a prompt is kept; choose a causal "
        "language model with plain attention in every layer."
    )


def build_fused(network: PreTrainedModel) -> FusedReader:
    """Join the weights of a model laid out like Llama.

    Raises:
        UnsupportedModelError: when it is laid out otherwise.
    """
    config = network.config
    known = (
        getattr(config, "hidden_act", None) in ("silu", "swish") and network.dtype == next(network.parameters()).dtype
    )
    fused = fuse(network, config.num_attention_heads, config.rms_norm_eps) if known else None
    if fused is None:
        raise UnsupportedModelError(f"Model {type(network).__name__} is not laid out like Llama.")
    return FusedReader(network, fused)


def agrees(build: Callable[[PreTrainedModel], Reader], network: PreTrainedModel, expected: Floats) -> bool:
    """Say whether a way of reading gives the expected answer; a way that breaks does not."""
    try:
        reader = build(network)
        given = score_texts(reader, read_prompt(reader, PROBE), PROBE_TEXTS)
    except (UnsupportedModelError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        return False
    return bool(abs(given - expected).max() <= APART)


@torch.inference_mode()
def answer_plainly(network: PreTrainedModel) -> Floats:
    """Answer the probe with one plain forward pass for each text and code."""
    device, labels = next(network.parameters()).device, PROBE.labels
    answers = []
    for text in PROBE_TEXTS:
        before = [*PROBE.head, *text, *PROBE.tail]
        logs = [
            network(torch.tensor([[*before, *code]], device=device)).logits[0].float().log_softmax(-1)
            for code in labels.codes
        ]
        answers.append(
            [
                sum(float(log[len(before) - 1 + place, token]) for place, token in enumerate(code))
                for log, code in zip(logs, labels.codes, strict=True)
            ]
        )
    summed = torch.tensor(answers, dtype=torch.float64)
    return summed.log_softmax(-1).numpy()
