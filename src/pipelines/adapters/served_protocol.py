"""What an OpenAI-compatible endpoint is asked, and how its answer is read: one token out of a closed set of codes.

A label outside the set cannot come out: only the probabilities of legal codes are read. Whether the server held its
model to the codes as asked does not matter for that (vLLM ignores fields that it does not know).
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pipelines.errors import SettingsError
from pipelines.labelling_settings import EndpointSettings

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

CONTROL = re.compile(r"<(?=[|\uff5c<]|/?[a-z0-9_]+>)|\[(?=/?[A-Za-z_]+\])")
"""Where a control token of some model may begin: <|im_end|>, </s>, <end_of_turn>, <<SYS>>, [/INST]; not <PERSON>."""
WORD_MARKS = " \t\r\n▁Ġ"
"""How tokenizers write the space before a word: " A", "▁A" and "ĠA" are all the code A."""
MOST_LOGPROB = 0.01
"""Rounding may lift a logarithm of a probability a little above 0, no further."""
FORCED = 100
"""The bias that leaves a model no other choice, by OpenAI's scale."""


class Failure(StrEnum):
    """Why a text got no answer."""

    AWAY = "endpoint_away"
    TIMEOUT = "endpoint_timeout"
    BROKEN = "connection_broken"
    BUSY = "endpoint_busy"
    SERVER_ERROR = "endpoint_error"
    REJECTED = "request_rejected"
    CLOSED = "endpoint_closed"
    UNREADABLE = "answer_unreadable"
    OUTSIDE_SET = "label_outside_set"


@dataclass(frozen=True)
class Question:
    """One text with what stands before and behind it in the prompt.

    Attributes:
        codes: what may be answered, each one token of the model: "A", "B" ...
    """

    head: str
    text: str
    tail: str
    codes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of one text: a distribution, or the reason why there is none.

    Attributes:
        distribution: probabilities in the order of the codes, adding up to 1.
        mass_lost: share of the model's probability that fell on no legal code, or was not told.
        tokens_in, tokens_out: as billed, over all tries; None when the endpoint did not say.
        latency_ms: time in requests, over all tries, without the pauses between them.
        tries: requests sent.
    """

    distribution: Floats | None = None
    failure: Failure | None = None
    mass_lost: float = 0.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float = 0.0
    tries: int = 1

    @property
    def margin(self) -> float | None:
        """Probability of the best code minus that of the second; None without a distribution."""
        if self.distribution is None:
            return None
        best = np.sort(np.append(self.distribution, 0.0))
        return float(best[-1] - best[-2])


def write_request(question: Question, endpoint: EndpointSettings, token_ids: Mapping[str, int]) -> bytes:
    """Write a request's body; the text is part of the prompt and of nothing else.

    Escaped to ASCII: half of a surrogate pair in a text must not make the whole request unwritable.
    """
    prompt = question.head + defuse(question.text) + question.tail
    body: dict[str, object] = {"model": endpoint.model, "n": 1, "max_tokens": 1, "temperature": 0, "stream": False}
    if endpoint.mode == "chat":
        messages = [{"role": "user", "content": prompt}]
        body |= {"messages": messages, "logprobs": True, "top_logprobs": endpoint.top_logprobs}
    else:
        body |= {"prompt": prompt, "logprobs": endpoint.top_logprobs}
    return json.dumps(body | constraint(question.codes, endpoint, token_ids)).encode("ascii")


def constraint(codes: tuple[str, ...], endpoint: EndpointSettings, token_ids: Mapping[str, int]) -> dict[str, object]:
    """Say in the server's words that one of the codes must come.

    Raises:
        SettingsError: when token ids are needed and one is not known.
    """
    if endpoint.constraint == "structured_outputs":
        return {"structured_outputs": {"choice": list(codes)}}
    if endpoint.constraint == "guided_choice":
        return {"guided_choice": list(codes)}
    if endpoint.constraint == "none":
        return {}
    if missing := [code for code in codes if code not in token_ids]:
        raise SettingsError(
            f"Setting endpoint.constraint: logit_bias needs the served model's token id of each label code, and "
            f"{len(missing)} of {len(codes)} are not known. Set it to structured_outputs, or to none."
        )
    return {"logit_bias": {str(token_ids[code]): FORCED for code in codes}}


def defuse(text: str) -> str:
    """Put a space into what a server's tokenizer could take for a control token: chats are joined by such tokens.

    Unlike a model of our own, a server cannot be told to read them as plain letters.
    """
    return CONTROL.sub(r"\g<0> ", text)


def read_answer(body: bytes, codes: tuple[str, ...]) -> Answer:
    """Read a response; its probabilities are kept for legal codes only and made to add up to 1 again."""
    try:
        content: object = json.loads(body)
        told = told_probabilities(dig(content, "choices", 0, "logprobs"))
    except (ValueError, RecursionError):
        return Answer(failure=Failure.UNREADABLE)
    weights, mass = weigh_codes(told, codes)
    return Answer(
        distribution=weights / weights.sum() if mass else None,
        failure=None if mass else Failure.OUTSIDE_SET,
        mass_lost=max(0.0, 1.0 - mass),
        tokens_in=count(dig(content, "usage", "prompt_tokens")),
        tokens_out=count(dig(content, "usage", "completion_tokens")),
    )


def weigh_codes(told: list[tuple[str, float]], codes: tuple[str, ...]) -> tuple[Floats, float]:
    """Give each code its weight, and the probability that was told for all codes together.

    A code that was not told is as likely as the least likely token that was, at most, and is taken as that: a single
    code among the likeliest tokens would otherwise be certain.
    """
    places = {code: place for place, code in enumerate(codes)}
    weights, untold = np.zeros(len(codes)), np.ones(len(codes), dtype=np.bool_)
    for token, probability in told:
        place = places.get(token.strip(WORD_MARKS))
        if place is not None:
            weights[place] += probability
            untold[place] = False
    mass, left = float(weights.sum()), max(0.0, 1.0 - sum(probability for _, probability in told))
    weights[untold] = min(min(probability for _, probability in told), left / max(1, int(untold.sum())))
    return weights, mass


def told_probabilities(logprobs: object) -> list[tuple[str, float]]:
    """List tokens with their probabilities at the first place of the answer, from either form of it.

    The token that was chosen is told apart: held to the codes, a model may choose one that is not among its likeliest.

    Raises:
        ValueError: when they are not told, or are none.
    """
    if (first := dig(logprobs, "content", 0)) is not None:
        chosen = (dig(first, "token"), dig(first, "logprob"))
        listed = dig(first, "top_logprobs")
        likeliest = [(dig(one, "token"), dig(one, "logprob")) for one in (listed if isinstance(listed, list) else [])]
    else:
        chosen = (dig(logprobs, "tokens", 0), dig(logprobs, "token_logprobs", 0))
        table = dig(logprobs, "top_logprobs", 0)
        likeliest = list(table.items()) if isinstance(table, dict) else []
    if not likeliest:
        raise ValueError("The endpoint tells no probabilities.")
    apart = [] if chosen[0] is None or chosen[0] in [token for token, _ in likeliest] else [chosen]
    return [to_probability(token, logprob) for token, logprob in [*likeliest, *apart]]


def to_probability(token: object, logprob: object) -> tuple[str, float]:
    """Check one token's logarithm of a probability, and take it out of the logarithm.

    Raises:
        ValueError: when it is no such thing.
    """
    if not isinstance(token, str) or not isinstance(logprob, int | float) or not logprob <= MOST_LOGPROB:
        raise ValueError("The endpoint tells no probabilities.")
    return token, math.exp(min(logprob, 0.0))


def dig(value: object, *path: str | int) -> object:
    """Follow keys and places into a JSON value; None where it ends."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def count(value: object) -> int | None:
    """Take a number of tokens, if it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
