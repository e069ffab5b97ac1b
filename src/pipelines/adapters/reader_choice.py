"""How a causal language model reads packed texts: the first way that answers a small prompt as the plain model does."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import PreTrainedModel

from pipelines.adapters.hardware import Place
from pipelines.adapters.packed_models import FusedReader, PaddedReader, SharedHeadReader
from pipelines.errors import UnsupportedModelError
from pipelines.kernels.fused_llama import fuse
from pipelines.kernels.gpu import give_up
from pipelines.kernels.label_trees import ClosedSet, Floats
from pipelines.kernels.scoring import Prompt, Reader, read_prompt, score_texts

PROBE = Prompt((5, 3, 7, 4, 6, 2), (6, 5), ClosedSet(((3,), (4, 5), (4, 6, 3))))
PROBE_TEXTS = ((8, 3, 5, 9, 4), (), (7, 7))
APART = 1e-3
"""How far two ways of computing in fp32 may lie apart, in nats."""
ROUNDED_APART = 0.1
"""How far a probability may move where factors are rounded to 16 or 8 bits."""


def open_reader(network: PreTrainedModel, place: Place | None = None) -> Reader:
    """Choose how a model reads packed texts: the fastest way that answers as the model itself does.

    The ways are compared on the CPU in fp32, before the model goes to its place: in bf16 two right ones lie nats apart
    where answers are unlikely. On a GPU our own kernels come in only then; where they break (no Triton, no C compiler,
    a GPU they do not fit) or move a probability far, the process goes on without them.

    Args:
        network: a causal language model in eval mode; it becomes fp32 on the CPU, then what its place wants.
        place: where it goes, as the module that it is; None: it stays on the CPU.

    Raises:
        UnsupportedModelError: when no way does (a model without attention, say).
    """
    # It may have been at its place already, for a reader that was forgotten since.
    expected = answer_plainly(network.cpu().float())
    for build in (build_fused, SharedHeadReader, PaddedReader):
        if agrees(build, network, expected):
            reader = build(place.take(network) if place else network)
            if place and place.on_gpu and not answers_nearly(reader, expected):
                give_up()
            return rounded(reader, expected) if place and place.int8 else reader
    raise UnsupportedModelError(
        f"Model {type(network).__name__} answers differently when the head of a prompt is kept; choose a causal "
        "language model with plain attention in every layer."
    )


def rounded(reader: Reader, expected: Floats) -> Reader:
    """Let a fused reader multiply in whole numbers where its answers stay what they are; others stay as they are.

    In some models a few numbers are so large beside the others that nothing is left of these.
    """
    if not isinstance(reader, FusedReader):
        return reader
    in_int8 = FusedReader(reader.network, reader.fused, int8=True)
    return in_int8 if answers_nearly(in_int8, expected) else reader


def answers_nearly(reader: Reader, expected: Floats) -> bool:
    """Say whether a way of reading moves no probability far; a way that breaks does."""
    try:
        given = score_texts(reader, read_prompt(reader, PROBE), PROBE_TEXTS)
    except Exception:  # Triton has errors of its own, and its driver asserts; whatever it is, this way is not to be had
        return False
    return bool(abs(np.exp(given) - np.exp(expected)).max() <= ROUNDED_APART)


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
