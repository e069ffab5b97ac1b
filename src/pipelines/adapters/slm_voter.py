"""The language model of the registry: how likely it finds each label of the memory's shortlist, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.adapters.memory_voter import Examples
from pipelines.adapters.models import load_head, load_reader, load_slm
from pipelines.adapters.vote_rows import Task, Told, by_probability, needed
from pipelines.intents import plain


@lru_cache(maxsize=2)
def wordings(task: Task) -> tuple[str, ...]:
    """What the language model calls each label: in plain words, unless two labels would be called the same."""
    words = [plain(intent.name) for intent in task.intents]
    return tuple(
        word if words.count(word) == 1 else intent.name for word, intent in zip(words, task.intents, strict=True)
    )


@dataclass(frozen=True)
class Asked:
    """A redacted text, the places of the labels that may be answered, and of the examples to show, nearest first."""

    text: str
    chosen: Sequence[int]
    near: Sequence[int]


def score(asked: Sequence[Asked], examples: Examples, task: Task) -> list[Told]:
    """Let the language model share texts out, each among a few labels, by the likelihood it gives each label's words.

    Args:
        asked: what is asked; several in one pass of the model take less time than one after the other.
        examples: all verified examples.
        task: model, prompt and settings.
    """
    from pipelines.kernels.label_distributions import to_probabilities
    from pipelines.kernels.label_trees import ClosedSet
    from pipelines.kernels.scoring import score_answers

    model, uri, words = needed(task.pinned), task.tracking_uri, wordings(task)
    slm, head = load_slm(model, uri), load_head(model, task.pinned.prompt, uri)
    prompts = [compose(one.text, one.near, examples, task) for one in asked]
    # All end alike, or "transfer" would be likelier than "transfer fee" for being its beginning.
    answers = [ClosedSet(tuple(slm.tokens(f" {words[label]}\n") for label in one.chosen)) for one in asked]
    told: list[Told] = []
    scores = score_answers(load_reader(model, uri), head, prompts, answers)
    for one, prompt, own, summed in zip(asked, prompts, answers, scores, strict=True):
        # Per token: summed, a label would be the less likely the longer its name is.
        mean = summed / np.array([len(code) for code in own.codes])
        likely = to_probabilities(mean, task.settings.slm_temperature).tolist()
        shares = by_probability([(task.intents[label].name, p) for label, p in zip(one.chosen, likely, strict=True)])
        told.append(Told(shares, head.length + len(prompt) + sum(len(code) - 1 for code in own.codes)))
    return told


def render(text: str, near: Sequence[int], examples: Examples, task: Task) -> str:
    """Write the whole prompt that a text is asked with, as a person reads it."""
    slm = load_slm(needed(task.pinned), task.tracking_uri)
    opening = task.pinned.prompt.template.partition("{{examples}}")[0]
    return opening + str(slm.tokenizer.decode(compose(text, near, examples, task)))


def compose(text: str, near: Sequence[int], examples: Examples, task: Task) -> list[int]:
    """Write what follows the constant head of the prompt, in tokens: the nearest examples, then the text."""
    settings, words = task.settings, wordings(task)
    slm = load_slm(needed(task.pinned), task.tracking_uri)
    before, after = task.pinned.prompt.template.partition("{{examples}}")[2].split("{{ticket}}")

    def asked(ticket: str, most: int) -> tuple[int, ...]:
        return (*slm.tokens(before), *slm.quoted(ticket, most), *slm.tokens(after))

    prompt: list[int] = []
    # The nearest example stands last, next to the text it resembles.
    for place in reversed(near):
        most = settings.slm_max_text_tokens // max(len(near), 1)
        label = words[int(examples.memory.owners[place])]
        prompt += [*asked(examples.texts[place], most), *slm.tokens(f" {label}\n\n")]
    return [*prompt, *asked(text, settings.slm_max_text_tokens)]
