"""Attention in two parts equals the plain one, over head and text at once."""

import pytest
import torch

from pipelines.kernels import prefix_attention
from pipelines.kernels.label_trees import Tree, plant_tree
from pipelines.kernels.packing import Asked, Packed, pack
from pipelines.kernels.prefix_attention import find_places, look, table

HEADS, SHARED, SIZE, START = 6, 2, 8, 7
TREE = plant_tree([[1, 2, 0], [3, 0]])


def plain(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, packed: Packed, head: int) -> torch.Tensor:
    """One softmax for each token over the whole head and all packed tokens, what it must not see left out."""
    count, first = len(queries), packed.everyone.grid[:, 0].tolist()
    seen = torch.zeros(count, head + count, dtype=torch.bool)
    seen[:, :head] = True
    for text, (start, end) in enumerate(zip(first, [*first[1:], count], strict=True)):
        bias = packed.everyone.bias[text if len(packed.everyone.bias) > 1 else 0]
        seen[start:end, head + start : head + end] = bias[: end - start, : end - start] == 0
    group = HEADS // SHARED
    scores = torch.einsum("qhd,khd->hqk", queries, keys.repeat_interleave(group, 1)) * 0.3
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
    return torch.einsum("hqk,khd->qhd", weights, values.repeat_interleave(group, 1)).flatten(1)


@pytest.mark.parametrize("tree", [Tree(()), TREE])
@pytest.mark.parametrize("way", ["flash", "plain"])
def test_attention_in_two_parts_equals_the_whole(tree: Tree, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "plain":
        monkeypatch.setattr(prefix_attention, "look_at_head", look)
    random = torch.Generator().manual_seed(1)
    packed = pack([[9] * 7, [4, 4], [9] * 13], [tree] * 3, START)
    count = len(packed.tokens)
    queries = torch.randn(count, HEADS, SIZE, generator=random)
    keys, values = (torch.randn(START + count, SHARED, SIZE, generator=random) * 2 for _ in range(2))
    head = (keys[:START].transpose(0, 1).contiguous(), values[:START].transpose(0, 1).contiguous())
    tables = table(queries), table(keys[START:]), table(values[START:])

    def ours(asked: Asked) -> torch.Tensor:
        return find_places(*tables, asked, packed.everyone.grid).attend(*tables, head, 0.3)

    expected = plain(queries, keys, values, packed, START)
    torch.testing.assert_close(ours(packed.everyone), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours(packed.readers), expected[packed.read], atol=1e-5, rtol=1e-5)
