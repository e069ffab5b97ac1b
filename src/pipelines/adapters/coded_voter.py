"""The language model of the registry, shown all labels under codes: many texts a pass, answered with a code each.

A prompt that holds {{labels}} is asked this way. Nothing in it depends on the text but the text, so its head is read
once; a label's place in the list, and what the model says without any text, are taken off its answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.adapters.label_prompts import code_prompt
from pipelines.adapters.models import LanguageModel, load_reader, load_slm
from pipelines.adapters.vote_rows import Task, Told, by_probability, needed
from pipelines.intents import name_text
from pipelines.kernels.label_distributions import average_orders, calibrate, label_orders, to_probabilities, top_labels
from pipelines.kernels.label_trees import Floats, Tokens
from pipelines.kernels.scoring import Reader, ReadPrompt, read_prompt, score_texts


@dataclass(frozen=True)
class Coded:
    """A model that has read a task's prompts, one for each order of the labels.

    Attributes:
        labels: the names, by their place in an answer.
    """

    slm: LanguageModel
    reader: Reader
    prompts: tuple[ReadPrompt, ...]
    labels: tuple[str, ...]


@lru_cache(maxsize=2)
def open_coded(task: Task) -> Coded:
    """Let the model read the prompts of a task, once a worker.

    Raises:
        TextTooLongError: when the list of labels leaves no room for a text.
        UnsupportedModelError: when the model cannot keep what it has read.
    """
    model, uri = needed(task.pinned), task.tracking_uri
    slm, reader = load_slm(model, uri), load_reader(model, uri)
    # By name: the same labels in another order of the file are the same question.
    intents = sorted(task.intents, key=lambda intent: intent.name)
    lines = [name_text(intent) for intent in intents]
    orders = label_orders(len(lines), min(task.settings.slm_orders, len(lines)))
    prompts = [code_prompt(slm, task.pinned.prompt.template, lines, [*map(int, order)]) for order in orders]
    read = tuple(read_prompt(reader, prompt) for prompt in prompts)
    return Coded(slm, reader, read, tuple(intent.name for intent in intents))


def score_coded(texts: Sequence[str], task: Task) -> list[Told]:
    """Share texts out among all labels; of each the most probable are told, the others have the rest.

    Args:
        texts: redacted.
        task: model, prompt and settings.
    """
    coded, settings = open_coded(task), task.settings
    tokens = [coded.slm.quoted(text, settings.slm_max_text_tokens) for text in texts]
    logs = average_orders(np.stack([ask_prompt(coded.reader, prompt, tokens) for prompt in coded.prompts]))
    probabilities = to_probabilities(logs, settings.slm_temperature)
    places, kept, _ = top_labels(probabilities, settings.slm_candidates)
    around = sum(prompt.head.length + len(prompt.prompt.tail) for prompt in coded.prompts)
    return [
        Told(
            by_probability([(coded.labels[label], float(share)) for label, share in zip(*told, strict=True)]),
            around + len(coded.prompts) * len(text),
        )
        for text, *told in zip(tokens, places, kept, strict=True)
    ]


def ask_prompt(reader: Reader, prompt: ReadPrompt, texts: Sequence[Tokens]) -> Floats:
    """Ask about texts with one order of the labels; log-probabilities of shape (texts, labels)."""
    return calibrate(score_texts(reader, prompt, texts), prompt.prior)


def render_coded(text: str, task: Task) -> str:
    """Write the whole prompt that a text is asked with, as a person reads it."""
    coded = open_coded(task)
    first = coded.prompts[0].prompt
    asked = [*first.head, *coded.slm.quoted(text, task.settings.slm_max_text_tokens), *first.tail]
    return str(coded.slm.tokenizer.decode(asked))
