"""How likely a causal language model finds each label of a closed set, for many texts at once; nothing is generated.

A prompt's constant head (instruction and list of labels) is read once and kept as keys and values. Texts then go
through the model packed end to end, each with the prompt's short tail behind it, in ONE forward pass a batch; only the
end of each prompt, and the labels' rows of the output layer, are computed to the end. An illegal label cannot come out.

The same labels in another order are another prompt: asking several and averaging removes what a label owes to its
place in the list. What the prompt says without any ticket is a prior of the model that has nothing to do with the
ticket, and is taken off (Zhao et al., "Calibrate before use", ICML 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from pipelines.errors import TextTooLongError
from pipelines.kernels.label_trees import ClosedSet, Floats, Integers, Tokens
from pipelines.kernels.packing import Packed, pack, take_batch

CPU_BUDGET, GPU_BUDGET = 768, 16_384
"""Tokens of a pass. On a CPU more of them fall out of its caches, fewer waste its matrix product."""


@dataclass(frozen=True)
class Prompt:
    """What stands around every text, in token ids, and the labels that may follow.

    Attributes:
        head: everything before the text; at least one token.
        tail: everything behind it, the cue of the answer at its end; at least one token, the fewer the faster.
        labels: the legal answers; their order is that of the labels, whatever their order in the head.
    """

    head: tuple[int, ...]
    tail: tuple[int, ...]
    labels: ClosedSet

    def __post_init__(self) -> None:
        if not self.head or not self.tail:
            raise ValueError(
                f"A prompt has {len(self.head)} tokens before the text and {len(self.tail)} behind it; "
                "it needs one of each at least."
            )


@dataclass(frozen=True)
class Head:
    """The head of a prompt, already read: keys and values of each layer, shape (key heads, tokens, dimensions)."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    length: int


class Reader(Protocol):
    """A causal language model that reads packed texts."""

    @property
    def weight(self) -> torch.Tensor:
        """Any weight of it: says device and type."""
        ...

    @property
    def longest(self) -> int:
        """The most tokens of a whole prompt."""
        ...

    def read_head(self, tokens: Tokens) -> Head:
        """Compute the keys and values of a head."""
        ...

    def read(self, head: Head, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
        """Give the logits of shape (packed.read, rows) that follow the head and the packed texts."""
        ...


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt whose head the model has read, ready for texts; and its prior over the labels, in nats."""

    prompt: Prompt
    head: Head
    prior: Floats


@torch.inference_mode()
def read_prompt(reader: Reader, prompt: Prompt) -> ReadPrompt:
    """Read the head of a prompt, and ask the prompt without a ticket."""
    head = reader.read_head(prompt.head)
    blank = ReadPrompt(prompt, head, np.zeros(len(prompt.labels.codes)))
    return ReadPrompt(prompt, head, score_texts(reader, blank, [()])[0])


@torch.inference_mode()
def score_texts(reader: Reader, asked: ReadPrompt, texts: Sequence[Tokens], budget: int | None = None) -> Floats:
    """Give each text's log-probabilities of the labels as the model says them, the prior not taken off.

    When memory runs out, the rest goes on in batches of half the size, down to one text.

    Args:
        reader: the model.
        asked: the prompt, of `read_prompt`.
        texts: token ids; a text may be empty.
        budget: tokens of a pass; the default suits the device.

    Returns:
        float64 array of shape (texts, labels), in nats.

    Raises:
        TextTooLongError: when a prompt would have more tokens than the model reads.
        torch.OutOfMemoryError: when a single text is too much.
    """
    budget = budget or (CPU_BUDGET if reader.weight.device.type == "cpu" else GPU_BUDGET)
    lengths = measure(reader, asked.head, asked.prompt.tail, asked.prompt.labels, texts)
    # Longest first: what memory cannot hold shows at once.
    left = np.argsort(-lengths, kind="stable")
    logs = np.empty((len(texts), len(asked.prompt.labels.codes)))
    while len(left):
        count = take_batch(lengths[left], budget)
        try:
            logs[left[:count]] = score_batch(reader, asked, [texts[place] for place in left[:count]])
        except torch.OutOfMemoryError:
            if count == 1:
                raise
            budget = count // 2 * int(lengths[left[0]])
        else:
            left = left[count:]
    return logs


@torch.inference_mode()
def score_answers(reader: Reader, head: Head, text: Tokens, answers: ClosedSet) -> Floats:
    """Give the log-likelihood of each answer behind a head and one text, which is read alone: in nats, summed.

    For prompts that say something else to each text: then only the answers' beginnings are shared, as a tree in one
    row, in which each token sees the head, the text and its own ancestors (Miao et al., "SpecInfer", ASPLOS 2024).

    Args:
        reader: the model.
        head: what it has read.
        text: token ids of all that follows the head, at least one.
        answers: what may follow; their order is that of the result, of shape (answers,).

    Raises:
        ValueError: when the text has no token.
        TextTooLongError: when the prompt would have more tokens than the model reads.
    """
    if not text:
        raise ValueError("A text without a token came; one at least must stand between the head and the answers.")
    before, last = text[:-1], text[-1:]
    measure(reader, head, last, answers, [before])
    packed = pack([before], last, answers.tree, head.length).to(reader.weight.device, reader.weight.dtype)
    return np.asarray(answers.log_likelihoods(reader.read(head, packed, None))[0])


def measure(reader: Reader, head: Head, tail: Tokens, labels: ClosedSet, texts: Sequence[Tokens]) -> Integers:
    """Count the tokens that each text brings into a pass.

    Raises:
        TextTooLongError: when a prompt would have more tokens than the model reads.
    """
    nodes = labels.tree.nodes
    lengths = np.array([len(text) for text in texts], dtype=np.int64) + len(tail) + len(nodes)
    depth = max((len(node) for node in nodes), default=0)
    most = reader.longest - head.length - len(tail) - depth
    longest = max((len(text) for text in texts), default=0)
    if longest > most:
        raise TextTooLongError(
            f"A text of {longest} tokens came; behind a head of {head.length} this model reads {max(most, 0)} at "
            "most. Cut texts first (labelling.slm_max_text_tokens)."
        )
    return lengths


def score_batch(reader: Reader, asked: ReadPrompt, texts: Sequence[Tokens]) -> Floats:
    """Score texts in one pass."""
    labels, weight = asked.prompt.labels, reader.weight
    packed = pack(texts, asked.prompt.tail, labels.tree, asked.head.length).to(weight.device, weight.dtype)
    rows = None if labels.rows is None else torch.from_numpy(labels.rows).to(weight.device)
    return labels.log_probabilities(reader.read(asked.head, packed, rows))
