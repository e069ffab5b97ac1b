"""The language model of the registry: how likely it finds each label of the memory's shortlist, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.adapters.memory_voter import Examples
from pipelines.adapters.models import load_head, load_reader, load_slm
from pipelines.adapters.vote_rows import Distribution, Task, by_probability, needed
from pipelines.intents import plain


@lru_cache(maxsize=2)
def wordings(task: Task) -> tuple[str, ...]:
    """What the language model calls each label: in plain words, unless two labels would be called the same."""
    words = [plain(intent.name) for intent in task.intents]
    return tuple(
        word if words.count(word) == 1 else intent.name for word, intent in zip(words, task.intents, strict=True)
    )


@dataclass(frozen=True)
class Scored:
    """What the language model said of a text, and how many tokens it read for that (the constant head counts)."""

    shares: Distribution
    tokens: int


def score(text: str, chosen: Sequence[int], near: Sequence[int], examples: Examples, task: Task) -> Scored:
    """Let the language model share a text out among a few labels, by the likelihood it gives each label's words.

    Args:
        text: the redacted text.
        chosen: places of the labels that may be answered.
        near: places of the examples to show, nearest first.
        examples: all verified examples.
        task: model, prompt and settings.
    """
    from pipelines.kernels.label_distributions import to_probabilities
    from pipelines.kernels.label_trees import ClosedSet
    from pipelines.kernels.scoring import score_answers

    model, uri, words = needed(task.pinned), task.tracking_uri, wordings(task)
    slm, head = load_slm(model, uri), load_head(model, task.pinned.prompt, uri)
    prompt = compose(text, near, examples, task)
    # All end alike, or "transfer" would be likelier than "transfer fee" for being its beginning.
    answers = ClosedSet(tuple(slm.tokens(f" {words[label]}\n") for label in chosen))
    # Per token: summed, a label would be the less likely the longer its name is.
    scores = score_answers(load_reader(model, uri), head, prompt, answers) / np.array([len(a) for a in answers.codes])
    probabilities = to_probabilities(scores, task.settings.slm_temperature).tolist()
    shares = by_probability([(task.intents[label].name, p) for label, p in zip(chosen, probabilities, strict=True)])
    return Scored(shares, head.length + len(prompt) + sum(len(one) - 1 for one in answers.codes))


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
