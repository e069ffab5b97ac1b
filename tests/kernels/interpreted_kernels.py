"""Kernels of GPUs, run by Triton's interpreter on a CPU, compared with their plain forms; prints how far they differ.

Triton decides when it is first imported whether it compiles or interprets, so this is a program of its own:
TRITON_INTERPRET=1 python -m tests.kernels.interpreted_kernels
"""

import json

import torch

from pipelines.kernels import fused_llama, gpu_attention, gpu_steps, products
from pipelines.kernels.label_trees import Tree, plant_tree
from pipelines.kernels.packing import pack
from pipelines.kernels.prefix_attention import find_places, table

OTHER = plant_tree([[3, 5], [4, 5, 6]])
TREE = plant_tree([[20, 21, 1], [20, 22, 1], [23, 1], [20, 21, 24, 1], [1]])


def apart(given: torch.Tensor, expected: torch.Tensor) -> float:
    return float((given - expected).norm() / expected.norm())


def compare_steps(tokens: int, size: int) -> dict[str, float]:
    vectors = torch.randn(tokens, 12, size)
    angles = torch.rand(tokens, 1, size // 2).repeat(1, 1, 2)
    turned = gpu_steps.rotate(vectors.clone(), 9, angles.cos(), angles.sin())
    rows, weight = vectors.flatten(1), torch.randn(12 * size)
    expected = torch.cat([fused_llama.rotate(vectors.clone(), 9, angles.cos(), angles.sin()), vectors[:, 9:]], dim=1)
    return {
        "rotate": apart(turned, expected),
        "normalise": apart(gpu_steps.normalise(rows, weight, 1e-5), fused_llama.normalise(rows, weight, 1e-5)),
        "open_gate": apart(gpu_steps.open_gate(rows.clone()), products.open_gate(rows.clone())),
    }


def compare_attention(tree: Tree, size: int) -> dict[str, float]:
    packed = pack([[9] * count for count in (7, 1, 90, 64, 33)], [tree, tree, Tree(()), tree, OTHER], 50)
    vectors = torch.randn(len(packed.tokens), 6 + 2 + 2, size)
    # Values may lie otherwise than keys do.
    parts = vectors[:, :6], vectors[:, 6:8], vectors[:, 8:].contiguous()
    head = torch.randn(2, 50, size), torch.randn(2, 50, size)
    told = {}
    for name, asking, asked in (
        ("everyone", torch.arange(len(vectors)), packed.everyone),
        ("readers", packed.read, packed.readers),
    ):
        given = gpu_attention.attend(*parts, head, (asking.int(), *packed.spans), 0.3)
        tables = table(vectors, 0, 6), table(vectors, 6, 2), table(vectors, 8, 2)
        expected = find_places(*tables, asked, packed.everyone.grid).attend(*tables, head, 0.3)
        told[f"attend, {name}"] = apart(given.flatten(1), expected)
    return told


def main() -> None:
    torch.manual_seed(0)
    told = {
        f"{tokens} tokens of {size}: {name}": far
        for tokens, size in ((1, 8), (5, 80), (70, 64))
        for name, far in compare_steps(tokens, size).items()
    }
    for kind, tree in (("hardly a tree", Tree(())), ("trees", TREE)):
        for size in (8, 64, 80):
            told |= {f"{kind}, {size}: {name}": far for name, far in compare_attention(tree, size).items()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
