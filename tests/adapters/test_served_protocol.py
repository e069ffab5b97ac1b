"""Whatever a server sends: a distribution over the legal codes, or a named reason."""

import json
import math
import random

import numpy as np
import pytest

from pipelines.adapters.served_protocol import Answer, Failure, read_answer

CODES = ("A", "B", "C")


def chat(likeliest: list[tuple[object, object]], chosen: tuple[object, object] = ("A", -0.1)) -> dict[str, object]:
    listed = [{"token": token, "logprob": logprob} for token, logprob in likeliest]
    first = {"token": chosen[0], "logprob": chosen[1], "top_logprobs": listed}
    return {"choices": [{"logprobs": {"content": [first]}}], "usage": {"prompt_tokens": 7, "completion_tokens": 1}}


def read(content: object) -> Answer:
    return read_answer(json.dumps(content).encode(), CODES)


def shares(answer: Answer) -> list[float]:
    assert answer.distribution is not None
    return [round(float(share), 6) for share in answer.distribution]


def test_what_is_no_code_is_dropped_and_the_rest_adds_up_again() -> None:
    answer = read(chat([("A", math.log(0.3)), ("The", math.log(0.4)), ("B", math.log(0.2)), ("C", math.log(0.1))]))
    assert shares(answer) == [0.5, 0.333333, 0.166667]
    assert answer.mass_lost == pytest.approx(0.4)
    assert answer.margin == pytest.approx(1 / 6)
    assert (answer.tokens_in, answer.tokens_out) == (7, 1)


def test_a_code_is_the_same_with_the_space_before_it() -> None:
    answer = read(chat([("A", math.log(0.2)), (" A", math.log(0.2)), ("\u0120A", math.log(0.2)), ("B", math.log(0.3)),
                        ("\u2581C", math.log(0.1))]))  # fmt: skip
    assert shares(answer) == [0.6, 0.3, 0.1]
    assert read(chat([("a", -0.1), ("AB", -3), ("", -4)], ("a", -0.1))).failure == Failure.OUTSIDE_SET


def test_the_chosen_token_counts_once() -> None:
    listed = [("A", math.log(0.5)), ("B", math.log(0.3)), ("C", math.log(0.2))]
    assert shares(read(chat(listed, ("A", math.log(0.5))))) == [0.5, 0.3, 0.2]
    apart = read(chat([("The", math.log(0.9)), ("A", math.log(0.02)), ("B", math.log(0.01))], ("C", math.log(0.01))))
    assert shares(apart) == [0.5, 0.25, 0.25]


def test_tokens_that_a_server_ruled_out_weigh_nothing() -> None:
    answer = read(chat([("A", math.log(0.9)), ("B", math.log(0.1)), ("C", -9999.0), ("The", -9999.0)]))
    assert shares(answer) == [0.9, 0.1, 0.0]
    assert answer.mass_lost == pytest.approx(0)


def test_an_untold_code_is_as_likely_as_the_least_likely_that_was_told() -> None:
    answer = read(chat([("The", math.log(0.7)), ("A", math.log(0.1)), ("I", math.log(0.05))]))
    assert shares(answer) == [0.5, 0.25, 0.25]
    # Never more than is left.
    full = read(chat([("A", math.log(0.6)), ("The", math.log(0.4))]))
    assert shares(full) == [1.0, 0.0, 0.0]


def test_a_completion_is_read_like_a_chat() -> None:
    table = {"A": math.log(0.5), "B": math.log(0.25), "The": math.log(0.2), "C": math.log(0.05)}
    logprobs = {"tokens": ["A"], "token_logprobs": [math.log(0.5)], "top_logprobs": [table]}
    answer = read({"choices": [{"text": "A", "logprobs": logprobs}]})
    assert shares(answer) == [0.625, 0.3125, 0.0625]
    assert (answer.tokens_in, answer.tokens_out) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"choices": []}', b'{"choices": [{"logprobs": null}]}',
        b"[" * 50_000, b'{"choices": ' + b"9" * 5_000 + b"}",
        json.dumps(chat([])).encode(),
        json.dumps(chat([("A", float("nan"))])).encode(),
        json.dumps(chat([("A", float("inf"))])).encode(),
        json.dumps(chat([("A", 3.0)])).encode(),
        json.dumps(chat([("A", "-0.1")])).encode(),
        json.dumps(chat([("A", True)])).encode(),
        json.dumps(chat([("A", None)])).encode(),
        json.dumps(chat([(5, -0.1)])).encode(),
        json.dumps(chat([(["A"], -0.1)])).encode(),
        json.dumps(chat([({"A": 1}, -0.1)], (["A"], -0.1))).encode(),
    ],
)  # fmt: skip
def test_what_tells_no_probabilities_is_unreadable(body: bytes) -> None:
    answer = read_answer(body, CODES)
    assert (answer.failure, answer.distribution) == (Failure.UNREADABLE, None)


def test_counts_that_are_none_are_not_taken() -> None:
    for usage in (
        None,
        [],
        {"prompt_tokens": -1},
        {"prompt_tokens": 1.5},
        {"prompt_tokens": True},
        {"prompt_tokens": "7"},
    ):
        answer = read({**chat([("A", -0.1)]), "usage": usage})
        assert (answer.failure, answer.tokens_in) == (None, None)


def test_no_answer_of_five_thousand_spoilt_ones_is_illegal() -> None:
    chance = random.Random(5)
    wholes = [
        json.dumps(chat(listed, ("The", -2.0))) for listed in ([("A", -1.0), ("B", -1.5), ("The", -2.0)], [("A", -0.1)])
    ]
    seen = set()
    for _ in range(5_000):
        answer = read_answer(spoil(chance.choice(wholes), chance), CODES)
        seen.add(answer.failure)
        assert (answer.distribution is None) == (answer.failure is not None)
        if answer.distribution is not None:
            assert answer.distribution.shape == (3,)
            assert np.all(answer.distribution >= 0)
            assert answer.distribution.sum() == pytest.approx(1)
            assert 0 <= answer.mass_lost <= 1
    assert seen == {None, Failure.UNREADABLE, Failure.OUTSIDE_SET}


def spoil(text: str, chance: random.Random) -> bytes:
    """Cut, double or replace a few pieces."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.randint(0, 12))
        put = chance.choice(
            ["", text[start:end] * 2, "9", '"', "null", "-", "Z", "]", "{}", "\u2028", "1e999", "\\ud800"]
        )
        text = (text[:start] + put + text[end:]) or "0"
    return text.encode("utf-8", "surrogatepass")
