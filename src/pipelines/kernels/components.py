"""Connected components: what links hold together, directly or through others."""

import numpy as np

from pipelines.kernels.compiling import compiled
from pipelines.kernels.texts import Flags, Indices


def spanning_forest(nodes: int, left: Indices, right: Indices) -> tuple[Flags, Indices]:
    """Choose the edges that join what was apart (Kruskal, 1956: in the order of similarity, the most similar ones).

    Args:
        nodes: how many there are.
        left: one end of each edge, the strongest edge first.
        right: the other end.

    Returns:
        Which edges are kept, and the lowest node of each node's component.
    """
    kept = np.zeros(len(left), dtype=np.bool_)
    return kept, union_find(nodes, left, right, kept)


@compiled
def union_find(nodes: int, left: Indices, right: Indices, kept: Flags) -> Indices:
    """Join nodes edge by edge, halving paths on the way to a root; the lower root wins."""
    parent = np.arange(nodes)
    for edge in range(len(left)):
        one, other = left[edge], right[edge]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        kept[edge] = one != other
        parent[max(one, other)] = min(one, other)
    # A parent is never higher than its child, so its own root is known already.
    for node in range(nodes):
        parent[node] = parent[parent[node]]
    return parent
