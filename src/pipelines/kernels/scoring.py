"""How likely a causal language model finds each of a few given continuations; nothing is ever generated.

The constant head of the prompt is computed once and kept as key/value cache. Each text then costs ONE forward pass:
its own tokens and the candidates' tokens stand in one row, the candidates as a tree (shared beginnings once), and a
mask lets every token see the head, the text and its own ancestors only. Tree attention: Miao et al., "SpecInfer",
ASPLOS 2024. An answer outside the candidates cannot come out.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel

Tokens = Sequence[int]
Node = tuple[int, ...]


@dataclass(frozen=True)
class Head:
    """The constant head of a prompt, already read by the model."""

    cache: DynamicCache
    length: int


@dataclass(frozen=True)
class Tree:
    """Candidates merged by their beginnings: `nodes[i]` is the beginning that ends in packed token i."""

    nodes: tuple[Node, ...]

    @property
    def places(self) -> dict[Node, int]:
        """Where each beginning stands; the empty one (the end of the text) is -1."""
        return {(): -1, **{node: place for place, node in enumerate(self.nodes)}}


def plant_tree(candidates: Sequence[Tokens]) -> Tree:
    """Merge candidates; a candidate's last token is only predicted, never read, so it is no node."""
    beginnings = {tuple(tokens[:size]) for tokens in candidates for size in range(1, len(tokens))}
    return Tree(tuple(sorted(beginnings, key=lambda node: (len(node), node))))


@torch.inference_mode()
def read_head(model: PreTrainedModel, tokens: Tokens) -> Head:
    """Compute the key/value cache of the constant head; do it once and reuse it for every text."""
    given = torch.tensor([list(tokens)], device=model.device)
    return Head(model(input_ids=given, use_cache=True, logits_to_keep=1).past_key_values, len(tokens))


@torch.inference_mode()
def score_candidates(
    model: PreTrainedModel, head: Head, text: Tokens, candidates: Sequence[Tokens]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Give the log-likelihood of each candidate after head and text, in nats, summed over the candidate's tokens.

    Candidates must not be beginnings of one another: end each with the same closing token.

    Returns:
        float64 array of shape (candidates,).

    Raises:
        ValueError: when the text or a candidate has no token.
    """
    if not text or not all(candidates):
        raise ValueError("score_candidates needs at least one token of text and one in every candidate.")
    tree = plant_tree(candidates)
    row = [*text, *(node[-1] for node in tree.nodes)]
    depths = [len(text) - 1 + len(node) for node in tree.nodes]
    positions = torch.tensor([[*range(len(text)), *depths]], device=model.device) + head.length
    output = model(
        input_ids=torch.tensor([row], device=model.device),
        attention_mask=tree_mask(head.length, len(text), tree, model.dtype).to(model.device),
        position_ids=positions,
        past_key_values=copy.deepcopy(head.cache),
        use_cache=True,
        logits_to_keep=len(tree.nodes) + 1,
    )
    logs = torch.log_softmax(output.logits[0].float(), dim=-1).double().cpu().numpy()
    places = tree.places
    return np.array(
        [
            sum(logs[places[tuple(tokens[:size])] + 1, token] for size, token in enumerate(tokens))
            for tokens in candidates
        ]
    )


def tree_mask(head_length: int, text_length: int, tree: Tree, dtype: torch.dtype) -> torch.Tensor:
    """Say who sees whom: an additive attention mask of shape (1, 1, packed, head + packed), 0 or the lowest number."""
    packed = text_length + len(tree.nodes)
    seen = torch.zeros(packed, packed, dtype=torch.bool)
    seen[:, :text_length] = torch.ones(packed, text_length, dtype=torch.bool).tril()
    places = tree.places
    for node, place in list(places.items())[1:]:
        ancestors = [text_length + places[node[:size]] for size in range(1, len(node) + 1)]
        seen[text_length + place, ancestors] = True
    seen = torch.cat([torch.ones(packed, head_length, dtype=torch.bool), seen], dim=1)
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[None, None]


def to_probabilities(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]], temperature: float = 1.0
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Softmax over the candidates' log-likelihoods, softened by `temperature` (> 1: less sure)."""
    weights = np.exp((scores - scores.max()) / temperature)
    return np.asarray(weights / weights.sum())
