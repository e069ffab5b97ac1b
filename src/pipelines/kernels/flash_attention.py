"""Attention of packed texts to a head they share, on GPUs: two calls of flash attention, mixed by one kernel.

Flash attention is told where each text begins and ends in the row (Dao, "FlashAttention-2", 2023), so nothing is laid
out in a grid, and no scores are written down. The head's keys stand once: all tokens look at them as one sequence. As
in `prefix_attention`, the two softmaxes are put together by their normalisers.
"""

from dataclasses import dataclass

import torch

from pipelines.kernels.gpu_fusion import fused_on_gpu
from pipelines.kernels.packing import Packed
from pipelines.kernels.prefix_attention import Cached, Places, Table, find_places

AMPERE = (8, 0)
"""The first GPUs that torch's flash attention runs on."""
WIDEST_HEAD, HEAD_STEP = 256, 8
"""Dimensions of a head that it takes: so many at most, in such steps."""


@dataclass(frozen=True)
class Spans:
    """Which tokens of a pass ask, and what each text looks at; the same for all layers.

    Attributes:
        asking: the places of the tokens that ask, or None for all.
        bounds: where each text's asking tokens begin, and the end of the last; int32.
        most: the most of one text.
        seen_bounds: the same of the tokens that are looked at, which are all.
        most_seen: likewise.
        causal: whether each token sees only what stands before it in its text.
    """

    asking: torch.Tensor | None
    bounds: torch.Tensor
    most: int
    seen_bounds: torch.Tensor
    most_seen: int
    causal: bool

    def attend(self, queries: Table, keys: Table, values: Table, head: Cached, scale: float) -> torch.Tensor:
        """Let every asking token look at the head and at its own text; see `Places.attend`."""
        asked = queries.by_token()
        if self.asking is not None:
            asked = asked.index_select(0, self.asking)
        near, near_sum = flash(
            asked, keys.by_token(), values.by_token(), scale, (self.bounds, self.seen_bounds),
            (self.most, self.most_seen), self.causal,
        )  # fmt: skip
        kept_keys, kept_values = (part.transpose(0, 1)[None] for part in head)
        sizes = len(asked), kept_keys.shape[1]
        far, far_sum = flash(asked[None], kept_keys, kept_values, scale, (None, None), sizes, False)
        return mix(near, far[0], near_sum, far_sum[0]).flatten(1)


def flash(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    scale: float,
    bounds: tuple[torch.Tensor | None, torch.Tensor | None],
    most: tuple[int, int],
    causal: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Call torch's flash attention.

    Args:
        queries: shape (tokens, heads, dimensions), or (1, tokens, heads, dimensions) without bounds.
        keys: likewise, with fewer heads where queries are grouped.
        values: likewise.
        scale: what the products of queries and keys are multiplied with.
        bounds: where the texts begin, of queries and of keys.
        most: the most tokens of a text, of queries and of keys.
        causal: whether a token sees only what stands before it in its text.

    Returns:
        Answers of the queries' shape, and the logarithms of the normalisers: fp32, shape (heads, tokens), behind a 1
        where there are no bounds.
    """
    answers, total, *_ = torch.ops.aten._flash_attention_forward(
        queries, keys, values, *bounds, *most, 0.0, causal, False, scale=scale
    )
    return answers, total


@fused_on_gpu
def mix(near: torch.Tensor, far: torch.Tensor, near_sum: torch.Tensor, far_sum: torch.Tensor) -> torch.Tensor:
    """Put two answers together by the logarithms of their normalisers.

    Args:
        near: shape (tokens, heads, dimensions).
        far: likewise.
        near_sum: shape (heads, tokens).
        far_sum: likewise.
    """
    share = torch.sigmoid(far_sum - near_sum).t().unsqueeze(-1)
    return torch.lerp(near.float(), far.float(), share).to(near.dtype)


def flashes(queries: Table, values: Table, packed: Packed) -> bool:
    """Say whether flash attention can be had for a pass: on newer GPUs, in half precision, without trees."""
    vectors, size = queries.vectors, queries.vectors.shape[-1]
    return (
        vectors.device.type == "cuda"
        and vectors.dtype in (torch.bfloat16, torch.float16)
        and size == values.vectors.shape[-1] <= WIDEST_HEAD
        and size % HEAD_STEP == 0
        and not packed.rows.branching
        and torch.cuda.get_device_capability(vectors.device) >= AMPERE
    )


def find_way(queries: Table, keys: Table, values: Table, packed: Packed, last: bool) -> Spans | Places:
    """Work out how the tokens of a pass look around, for all its layers.

    Args:
        queries: vectors of the first layer that is to do so.
        keys: likewise.
        values: likewise.
        packed: the pass.
        last: whether only those tokens ask whose output is read.
    """
    if not flashes(queries, values, packed):
        return find_places(queries, keys, values, packed.readers if last else packed.everyone, packed.everyone.grid)
    bounds, widest = packed.bounds, packed.rows.widest
    if not last:
        return Spans(None, bounds, widest, bounds, widest, causal=True)
    # One token a text, its last, which sees all the others.
    singly = torch.arange(len(bounds), dtype=torch.int32, device=bounds.device)
    return Spans(packed.read, singly, 1, bounds, widest, causal=False)
