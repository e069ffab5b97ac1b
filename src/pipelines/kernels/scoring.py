"""How likely a causal language model finds each label of a closed set, for many texts at once; nothing is generated.

A prompt's constant head (instruction and list of labels) is read once and kept as keys and values. Texts then go
through the model packed end to end, each with the prompt's short tail behind it, in ONE forward pass a batch; only the
end of each prompt, and the labels' rows of the output layer, are computed to the end. An illegal label cannot come out.

The same labels in another order are another prompt: asking several and averaging removes what a label owes to its
place in the list. What the prompt says without any ticket is a prior of the model that has nothing to do with the
ticket, and is taken off (Zhao et al., "Calibrate before use", ICML 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from pipelines.errors import TextTooLongError
from pipelines.kernels.label_trees import ClosedSet, Floats, Integers, Tokens, Tree, pick_tokens, to_log_probabilities
from pipelines.kernels.packing import Packed, pack, take_batch

CPU_BUDGET, GPU_BUDGET = 768, 32_768
"""Tokens of a pass. On a CPU more of them fall out of its caches, fewer waste its matrix product; with 135M parameters
an H200 labels 27 % fewer tickets a second in passes of half the size, and no more in passes of twice the size."""


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
    def int8(self) -> bool:
        """Whether its layers multiply in int8."""
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
    labels, tail = asked.prompt.labels, tuple(asked.prompt.tail)
    whole = [(*text, *tail) for text in texts]
    measure(reader, asked.head, [(len(text), labels.tree) for text in whole], len(tail))
    rows = None if labels.rows is None else torch.from_numpy(labels.rows).to(reader.weight.device)
    told: list[tuple[Integers, torch.Tensor]] = []

    def score(places: Integers) -> None:
        packed = pack([whole[place] for place in places], [labels.tree] * len(places), asked.head.length)
        logits = read(reader, asked.head, packed, rows)
        told.append((places, logits.double() if rows is not None else pick_tokens(logits, [labels] * len(places))))

    take_batches(reader, [len(text) + len(labels.tree.nodes) for text in whole], score, budget)
    # Only now: who asks a GPU for an answer waits for it, and lays out no further pass meanwhile.
    logs = np.empty((len(texts), len(labels.codes)))
    for places, picked in told:
        answers = picked.cpu().numpy().reshape(len(places), -1)
        logs[places] = to_log_probabilities(answers if rows is not None else labels.log_likelihoods(answers))
    return logs


@torch.inference_mode()
def score_answers(
    reader: Reader, head: Head, texts: Sequence[Tokens], answers: Sequence[ClosedSet], budget: int | None = None
) -> list[Floats]:
    """Give the log-likelihood of each answer of each text's own set behind a head and that text: in nats, summed.

    For prompts that say something else to each text: then only the answers' beginnings are shared, as a tree in one
    row, in which each token sees the head, the text and its own ancestors (Miao et al., "SpecInfer", ASPLOS 2024).

    Args:
        reader: the model.
        head: what it has read.
        texts: token ids of all that follows the head, at least one each.
        answers: what may follow each; their order is that of the result, an array of shape (answers,) a text.
        budget: tokens of a pass; the default suits the device.

    Raises:
        ValueError: when a text has no token.
        TextTooLongError: when a prompt would have more tokens than the model reads.
        torch.OutOfMemoryError: when a single text is too much.
    """
    if not all(texts):
        raise ValueError("A text without a token came; one at least must stand between the head and the answers.")
    measure(reader, head, [(len(text), own.tree) for text, own in zip(texts, answers, strict=True)], 0)
    told: list[tuple[Integers, torch.Tensor]] = []

    def score(places: Integers) -> None:
        sets = [answers[place] for place in places]
        packed = pack([texts[place] for place in places], [own.tree for own in sets], head.length)
        told.append((places, pick_tokens(read(reader, head, packed, None), sets)))

    lengths = [len(text) + len(own.tree.nodes) for text, own in zip(texts, answers, strict=True)]
    take_batches(reader, lengths, score, budget)
    likelihoods: dict[int, Floats] = {}
    for places, picked in told:
        sizes = [len(answers[place].steps[1]) for place in places]
        parts = np.split(picked.cpu().numpy(), np.cumsum(sizes)[:-1])
        for place, part in zip(places.tolist(), parts, strict=True):
            likelihoods[place] = answers[place].log_likelihoods(part[None])[0]
    return [likelihoods[place] for place in range(len(texts))]


def take_batches(reader: Reader, lengths: Sequence[int], score: Callable[[Integers], None], budget: int | None) -> None:
    """Score texts in passes; when memory runs out, the rest goes on in passes of half the size, down to one text.

    Args:
        reader: the model.
        lengths: tokens that each text brings into a pass.
        score: scores the texts of some places.
        budget: tokens of a pass; the default suits the device.
    """
    counts = np.array(lengths, dtype=np.int64)
    budget = budget or (CPU_BUDGET if reader.weight.device.type == "cpu" else GPU_BUDGET)
    # Longest first: what memory cannot hold shows at once.
    left = np.argsort(-counts, kind="stable")
    while len(left):
        count = take_batch(counts[left], budget)
        try:
            score(left[:count])
        except torch.OutOfMemoryError:
            if count == 1:
                raise
            budget = count // 2 * int(counts[left[0]])
        else:
            left = left[count:]


def measure(reader: Reader, head: Head, texts: Sequence[tuple[int, Tree]], constant: int) -> None:
    """See whether the model reads so much.

    Args:
        reader: the model.
        head: what it has read.
        texts: tokens of each text, and its tree.
        constant: how many of these tokens are no text of the caller's.

    Raises:
        TextTooLongError: when a prompt would have more tokens than the model reads.
    """
    for tokens, tree in texts:
        most = reader.longest - head.length - tree.depth
        if tokens > most:
            raise TextTooLongError(
                f"A text of {tokens - constant} tokens came; behind a head of {head.length} this model reads "
                f"{max(most - constant, 0)} at most. Cut texts first (labelling.slm_max_text_tokens)."
            )


def read(reader: Reader, head: Head, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
    """Let the model read one pass where it is."""
    return reader.read(head, packed.to(reader.weight.device, reader.weight.dtype), rows)
