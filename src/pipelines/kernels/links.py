"""The stream's links: each text to the earliest one that resembles it, by what signatures estimate.

Unlike `kernels.clusters`, which sees all texts at once and compares them exactly, this needs nothing of a text but the
signature that its row keeps.
"""

import numpy as np

from pipelines.kernels.bands import Keys
from pipelines.kernels.minhash import Signatures, estimate_similarity
from pipelines.kernels.texts import Indices


def link_earliest(signatures: Signatures, keys: Keys, threshold: float) -> Indices:
    """Link each text to the earliest one before it that shares a band and is similar enough.

    Args:
        signatures: array [n, permutations], in the order of arrival.
        keys: band keys [n, bands] of the same texts.
        threshold: least estimated similarity of a link.

    Returns:
        Array [n]: index of the linked text, -1 where there is none.
    """
    links = np.full(len(signatures), -1, dtype=np.int64)
    seen: dict[bytes, int] = {}
    members: dict[int, list[int]] = {}
    for index, signature in enumerate(signatures):
        # An equal signature has the same candidates, and its first bearer is one of them: without this, n copies of
        # one text would cost n * n comparisons.
        twin = seen.setdefault(signature.tobytes(), index)
        if twin != index:
            links[index] = links[twin] if links[twin] >= 0 else twin
            continue
        buckets = [members.setdefault(int(key), []) for key in keys[index]]
        candidates = np.array(sorted(set().union(*buckets)), dtype=np.int64)
        near = candidates[estimate_similarity(signatures[candidates], signature) >= threshold]
        links[index] = near[0] if len(near) else -1
        for bucket in buckets:
            bucket.append(index)
    return links
