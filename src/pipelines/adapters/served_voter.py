"""The language model behind an endpoint: asked for the letter of one label of the memory's shortlist."""

from collections.abc import Sequence
from string import ascii_uppercase

from pipelines.adapters.model_files import quotable
from pipelines.adapters.registry import LABELS, TICKET
from pipelines.adapters.served_model import ServedModel
from pipelines.adapters.served_protocol import Answer, Question
from pipelines.adapters.vote_rows import Cost, Distribution, Row, Task, by_probability, vote_row
from pipelines.intents import name_text
from pipelines.vocabulary import Voter

TOKEN_CHARS = 4
"""A token of English has about so many characters: the server's tokenizer is not at hand to cut a long text by."""


def ask_served(model: ServedModel, texts: Sequence[str], shortlists: Sequence[Sequence[int]], task: Task) -> list[Row]:
    """Vote on texts, each among the labels of its shortlist; one that gets no answer costs only itself.

    Raises:
        ModelUnavailableError: when the endpoint is away; nothing was stored, so the next run asks again.
    """
    questions = [write_question(text, chosen, task) for text, chosen in zip(texts, shortlists, strict=True)]
    answers = zip(shortlists, model.ask(questions), strict=True)
    return [
        vote_row(Voter.SLM, read_shares(chosen, answer, task), cost_of(answer), task, str(answer.failure))
        for chosen, answer in answers
    ]


def write_question(text: str, chosen: Sequence[int], task: Task) -> Question:
    """Put a text and the labels that may be answered into the prompt, each label under a letter."""
    codes = tuple(ascii_uppercase[: len(chosen)])
    listed = "\n".join(f"{code}: {name_text(task.intents[label])}" for code, label in zip(codes, chosen, strict=True))
    # Cut first: a description may hold anything.
    head, tail = (part.replace(LABELS, listed) for part in task.pinned.prompt.template.split(TICKET))
    cut = text[: task.settings.slm_max_text_tokens * TOKEN_CHARS]
    return Question(head, quotable(cut), tail, codes)


def cost_of(answer: Answer) -> Cost:
    """What an answer took, over all tries."""
    return Cost(answer.latency_ms, answer.tokens_in, answer.tokens_out)


def read_shares(chosen: Sequence[int], answer: Answer, task: Task) -> Distribution:
    """Give the labels their probabilities; nothing where there is no answer."""
    if answer.distribution is None:
        return []
    shares = answer.distribution.tolist()
    return by_probability([(task.intents[label].name, share) for label, share in zip(chosen, shares, strict=True)])
