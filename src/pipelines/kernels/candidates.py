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

from pipelines.kernels.label_trees import Floats, Tokens, Tree, plant_tree


@dataclass(frozen=True)
class Head:
    """The constant head of a prompt, already read by the model: its key/value cache and its length in tokens."""

    keys_and_values: object
    length: int


@torch.inference_mode()
def read_head(model: torch.nn.Module, tokens: Tokens) -> Head:
    """Compute the key/value cache of the constant head (at least one token); reuse it for every text.

    Args:
        model: any Hugging Face causal language model with attention, in eval mode.
        tokens: the head's token ids.
    """
    device = next(model.parameters()).device
    output = model(input_ids=torch.tensor([list(tokens)], device=device), use_cache=True, logits_to_keep=1)
    return Head(output.past_key_values, len(tokens))


@torch.inference_mode()
def score_candidates(model: torch.nn.Module, head: Head, text: Tokens, candidates: Sequence[Tokens]) -> Floats:
    """Give the log-likelihood of each candidate after head and text, in nats, summed over the candidate's tokens.

    No candidate may be the beginning of another: end each with the same closing token.

    Returns:
        float64 array of shape (candidates,).

    Raises:
        ValueError: when the text or a candidate has no token.
    """
    if not text or not all(candidates):
        raise ValueError("score_candidates needs at least one token of text and one in every candidate.")
    tree, weight = plant_tree(candidates), next(model.parameters())
    depths = [len(text) - 1 + len(node) for node in tree.nodes]
    output = model(
        input_ids=torch.tensor([[*text, *(node[-1] for node in tree.nodes)]], device=weight.device),
        attention_mask=tree_mask(head.length, len(text), tree, weight.dtype).to(weight.device),
        position_ids=torch.tensor([[*range(len(text)), *depths]], device=weight.device) + head.length,
        # A copy: the model appends to the cache it is given.
        past_key_values=copy.deepcopy(head.keys_and_values),
        use_cache=True,
        logits_to_keep=len(tree.nodes) + 1,
    )
    logs = torch.log_softmax(output.logits[0].float(), dim=-1).double().cpu().numpy()
    return np.array([sum_tokens(logs, tree, tokens) for tokens in candidates])


def sum_tokens(logs: Floats, tree: Tree, tokens: Tokens) -> float:
    """Add up a candidate's tokens: each is predicted where the beginning before it ends.

    Args:
        logs: log-probabilities of shape (1 + nodes, vocabulary); row 0 belongs to the end of the text.
        tree: which row belongs to which beginning.
        tokens: the candidate.
    """
    return float(sum(logs[tree.places[tuple(tokens[:size])] + 1, token] for size, token in enumerate(tokens)))


def tree_mask(head_length: int, text_length: int, tree: Tree, dtype: torch.dtype) -> torch.Tensor:
    """Say who sees whom: an additive mask of shape (1, 1, packed, head + packed), 0 or the lowest number."""
    packed = text_length + len(tree.nodes)
    seen = torch.zeros(packed, packed, dtype=torch.bool)
    seen[:, :text_length] = torch.ones(packed, text_length, dtype=torch.bool).tril()
    seen[text_length:, text_length:] = torch.from_numpy(tree.ancestors)
    seen = torch.cat([torch.ones(packed, head_length, dtype=torch.bool), seen], dim=1)
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[None, None]


def to_probabilities(scores: Floats, temperature: float) -> Floats:
    """Softmax over the last axis, of log-likelihoods; a temperature above 1 makes a model that is too sure less so."""
    weights = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
