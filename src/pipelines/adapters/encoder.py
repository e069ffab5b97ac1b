"""The sentence encoder: texts into unit vectors, in the fastest way in which none depends on its company."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pipelines.adapters.hardware import Place
    from pipelines.kernels.fused_bert import FusedBert

Vectors = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Tokens = list[int]

MAX_TOKENS = 256
"""What the encoder was trained on; the rest of a longer text does not count in the memory vote."""
PASS_TOKENS = 1024
PROBE = ([5, 9, 7], [8, 3, 5, 9, 4, 6, 11], [6])
"""Texts by which two ways of reading are compared."""
APART = 1e-5
"""How far the numbers of two vectors may lie apart, both computed in fp32."""


@dataclass(frozen=True)
class Encoder:
    """A loaded sentence encoder.

    Attributes:
        fused: our own forward pass; None where the network is laid out otherwise, or not on a CPU.
    """

    tokenizer: "PreTrainedTokenizerBase"
    network: "torch.nn.Module"
    fused: "FusedBert | None" = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Give unit vectors of shape (texts, dimensions): the mean over the tokens.

        On a CPU each is to the last bit what it is when its text is read alone; on a GPU texts are read in padded
        batches, and the last digits depend on them.
        """
        import torch

        read = [[*ids] for ids in self.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]]
        vectors: dict[int, Vectors] = {}
        with torch.inference_mode():
            for places in passes([len(ids) for ids in read]):
                units = self.read([read[place] for place in places])
                vectors.update(zip(places, units.double().cpu().numpy(), strict=True))
        return np.stack([vectors[place] for place in range(len(texts))])

    def read(self, texts: Sequence[Tokens]) -> "torch.Tensor":
        """Give the unit vectors of the texts of one pass."""
        import torch

        if self.fused:
            return self.fused.read(texts)
        device = next(self.network.parameters()).device
        if device.type == "cpu":
            return torch.cat([read_padded(self.network, [text]) for text in texts])
        return read_padded(self.network, texts)


def build_encoder(tokenizer: "PreTrainedTokenizerBase", network: "PreTrainedModel", place: "Place") -> Encoder:
    """Choose how an encoder reads: our own way where it is to be had and answers as the network itself does.

    Args:
        tokenizer: the network's.
        network: in eval mode, in fp32 on the CPU.
        place: where it runs. On a CPU only our own way rounds anything to less than fp32.
    """
    from pipelines.kernels.fused_bert import fuse

    if place.device != "cpu":
        return Encoder(tokenizer, place.take(network))
    config = network.config
    if getattr(config, "hidden_act", None) == "gelu":
        heads, epsilon = config.num_attention_heads, config.layer_norm_eps
        fused = fuse(network, heads, epsilon)
        if fused and agrees(fused, network):
            return Encoder(tokenizer, network, fuse(network, heads, epsilon, place.dtype))
    return Encoder(tokenizer, network)


def agrees(fused: "FusedBert", network: "torch.nn.Module") -> bool:
    """Say whether our way answers as the network does, and a text in company as alone."""
    import torch

    with torch.inference_mode():
        together, alone = fused.read(PROBE), torch.cat([fused.read([text]) for text in PROBE])
        expected = torch.cat([read_padded(network, [text]) for text in PROBE])
    return bool(torch.equal(together, alone)) and bool((together - expected).abs().max() <= APART)


def read_padded(network: "torch.nn.Module", texts: Sequence[Tokens]) -> "torch.Tensor":
    """Let the network itself read texts, padded to the longest."""
    import torch

    device, longest = next(network.parameters()).device, max(map(len, texts))
    ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=device)
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts], device=device)
    states, shown = network(input_ids=ids, attention_mask=mask).last_hidden_state.float(), mask.unsqueeze(-1).float()
    return torch.nn.functional.normalize((states * shown).sum(dim=1) / shown.sum(dim=1), dim=1)


def passes(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Put texts into passes, shortest first, of `PASS_TOKENS` tokens or a single text."""
    chosen: list[int] = []
    tokens = 0
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if chosen and tokens + lengths[place] > PASS_TOKENS:
            yield chosen
            chosen, tokens = [], 0
        chosen, tokens = [*chosen, place], tokens + lengths[place]
    if chosen:
        yield chosen
