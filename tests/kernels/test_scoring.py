"""Scores are compared with the plain way: the whole prompt of one text and one code, without cache, packing or tree."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pipelines.adapters.reader_choice import open_reader
from pipelines.errors import TextTooLongError
from pipelines.kernels.label_distributions import calibrate
from pipelines.kernels.label_trees import ClosedSet, Floats, Tokens
from pipelines.kernels.packing import Packed
from pipelines.kernels.scoring import Head, Prompt, Reader, read_prompt, score_answers, score_texts
from tests.kernels.networks import grown, tiny_gpt2, tiny_gptj, tiny_granite, tiny_llama, tiny_qwen

HEAD, TAIL = (3, 4, 5, 6, 7, 8, 9), (11, 12)
LETTERS = ClosedSet(((20,), (40,), (21,), (63,)))
WORDS = ClosedSet(((20, 21, 1), (20, 22, 1), (23, 1), (20, 21, 24, 1), (1,)))
Build = Callable[[], PreTrainedModel]


def random_texts(count: int, longest: int, seed: int, vocabulary: int = 64) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, vocabulary, random.integers(0, longest + 1)).tolist() for _ in range(count)]


def whole_prompts(network: PreTrainedModel, prompt: Prompt, texts: Sequence[Tokens]) -> Floats:
    logs = likelihoods(network, prompt, texts)
    return np.asarray(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


@torch.inference_mode()
def likelihoods(network: PreTrainedModel, prompt: Prompt, texts: Sequence[Tokens]) -> Floats:
    rows = []
    for text in texts:
        before = [*prompt.head, *text, *prompt.tail]
        row = []
        for code in prompt.labels.codes:
            logs = network(torch.tensor([[*before, *code]])).logits[0].double().log_softmax(-1)
            row.append(sum(logs[len(before) - 1 + place, token].item() for place, token in enumerate(code)))
        rows.append(row)
    return np.array(rows)


@pytest.fixture(scope="module", params=[tiny_llama, tiny_qwen, tiny_gpt2, tiny_granite, tiny_gptj])
def network(request: pytest.FixtureRequest) -> PreTrainedModel:
    return grown(request.param)


@pytest.fixture(scope="module")
def reader(network: PreTrainedModel) -> Reader:
    return open_reader(network)


@pytest.mark.parametrize("labels", [LETTERS, WORDS], ids=["letters", "words"])
def test_scores_equal_those_of_whole_prompts(network: PreTrainedModel, reader: Reader, labels: ClosedSet) -> None:
    prompt, texts = Prompt(HEAD, TAIL, labels), random_texts(24, 40, 2)
    expected = whole_prompts(network, prompt, texts)
    given = score_texts(reader, read_prompt(reader, prompt), texts, budget=150)
    assert np.ptp(expected, axis=0).max() > 1
    assert abs(given - expected).max() < 1e-3
    assert (given.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("labels", [LETTERS, WORDS], ids=["letters", "words"])
def test_texts_with_sets_of_their_own_are_told_the_plain_likelihoods(
    network: PreTrainedModel, reader: Reader, labels: ClosedSet
) -> None:
    texts = random_texts(12, 40, 6)
    expected = likelihoods(network, Prompt(HEAD, TAIL, labels), texts)
    with torch.inference_mode():
        head = reader.read_head(HEAD)
    asked = [(*text, *TAIL) for text in texts]
    for budget in (1, 100, 10_000):
        given = score_answers(reader, head, asked, [labels] * len(asked), budget)
        assert abs(np.stack(given) - expected).max() < 1e-3
    with pytest.raises(ValueError, match="A text without a token came"):
        score_answers(reader, head, [asked[0], ()], [labels, labels])
    with pytest.raises(TextTooLongError, match="A text of 128 tokens came"):
        score_answers(reader, head, [asked[0], [5] * 128], [labels, labels])


def test_different_sets_in_one_pass_change_no_likelihood(network: PreTrainedModel, reader: Reader) -> None:
    with torch.inference_mode():
        head = reader.read_head(HEAD)
    asked = [(*text, *TAIL) for text in random_texts(9, 40, 8)]
    sets = [(LETTERS, WORDS, ClosedSet(((30, 31, 1), (1,))))[place % 3] for place in range(9)]
    given = score_answers(reader, head, asked, sets)
    for place, (text, own) in enumerate(zip(asked, sets, strict=True)):
        (expected,) = likelihoods(network, Prompt(HEAD, TAIL, own), [text[: -len(TAIL)]])
        assert abs(given[place] - expected).max() < 1e-3
    assert score_answers(reader, head, [], []) == []


@pytest.mark.parametrize("labels", [LETTERS, WORDS], ids=["letters", "words"])
def test_a_score_depends_neither_on_order_nor_batch_nor_company(reader: Reader, labels: ClosedSet) -> None:
    asked, texts = read_prompt(reader, Prompt(HEAD, TAIL, labels)), random_texts(40, 40, 3)
    expected = np.concatenate([score_texts(reader, asked, [text]) for text in texts])
    order = np.random.default_rng(4).permutation(len(texts))
    for budget in (1, 64, 10_000):
        given = score_texts(reader, asked, [texts[place] for place in order], budget)
        assert abs(given - expected[order]).max() < 1e-4


def test_an_empty_text_is_scored_and_gives_the_prior(reader: Reader) -> None:
    asked = read_prompt(reader, Prompt(HEAD, TAIL, LETTERS))
    alone = score_texts(reader, asked, [()])
    assert alone[0] == pytest.approx(asked.prior, abs=1e-6)
    assert np.ptp(asked.prior) > 0.1
    assert np.exp(calibrate(alone, asked.prior)) == pytest.approx(np.full((1, 4), 0.25))


def test_no_text_gives_no_row(reader: Reader) -> None:
    assert score_texts(reader, read_prompt(reader, Prompt(HEAD, TAIL, LETTERS)), []).shape == (0, 4)


def test_a_text_of_the_longest_length_is_read_and_one_token_more_is_refused(reader: Reader) -> None:
    asked = read_prompt(reader, Prompt(HEAD, TAIL, WORDS))
    most = 128 - len(HEAD) - len(TAIL) - 3
    assert np.isfinite(score_texts(reader, asked, [[5] * most])).all()
    with pytest.raises(TextTooLongError, match=rf"A text of {most + 1} tokens came; .* reads {most} at most"):
        score_texts(reader, asked, [[5], [5] * (most + 1)])


def test_a_prompt_without_beginning_or_end_is_refused() -> None:
    for head, tail in (((), TAIL), (HEAD, ())):
        with pytest.raises(ValueError, match="one of each at least"):
            Prompt(head, tail, LETTERS)


class SmallMemory:
    """A reader that runs out of memory above some tokens of a pass."""

    def __init__(self, reader: Reader, most: int) -> None:
        self.reader, self.most = reader, most
        self.passes: list[int] = []

    @property
    def weight(self) -> torch.Tensor:
        return self.reader.weight

    @property
    def longest(self) -> int:
        return self.reader.longest

    def read_head(self, tokens: Tokens) -> Head:
        return self.reader.read_head(tokens)

    def read(self, head: Head, packed: Packed, rows: torch.Tensor | None) -> torch.Tensor:
        self.passes.append(len(packed.tokens))
        if len(packed.tokens) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.reader.read(head, packed, rows)


def test_out_of_memory_halves_the_batch_and_changes_no_score() -> None:
    reader = open_reader(grown(tiny_llama))
    texts = [[5, place] for place in range(64)]
    expected = score_texts(reader, read_prompt(reader, Prompt(HEAD, TAIL, LETTERS)), texts)
    small = SmallMemory(reader, 40)
    given = score_texts(small, read_prompt(small, Prompt(HEAD, TAIL, LETTERS)), texts)
    assert small.passes == [2, 256, 128, 64, *[32] * 8]
    assert abs(given - expected).max() < 1e-4


def test_out_of_memory_with_a_single_text_is_told() -> None:
    small = SmallMemory(open_reader(grown(tiny_llama)), 3)
    asked = read_prompt(small, Prompt(HEAD, TAIL, LETTERS))
    with pytest.raises(torch.OutOfMemoryError):
        score_texts(small, asked, [[5, 6], [5]])
    assert small.passes == [2, 7, 4]


SHAPES = (
    [], HEAD, TAIL, [*TAIL, 20], [20], [40] * 24, [20, 40, 21, 63] * 6, [0] * 24, [63] * 24, [1, 2] * 12,
    list(range(24)),
)  # fmt: skip
"""The prompt's own parts, the codes themselves, control tokens, and one token over and over."""


def check_legal(build: Build, count: int) -> None:
    texts = [*map(list, SHAPES), *random_texts(count - len(SHAPES), 24, 5)]
    reader = open_reader(grown(build))
    for labels in (LETTERS, WORDS):
        logs = score_texts(reader, read_prompt(reader, Prompt(HEAD, TAIL, labels)), texts, 4096)
        assert logs.shape == (count, len(labels.codes))
        assert np.isfinite(logs).all()
        assert np.exp(logs).sum(axis=1) == pytest.approx(np.ones(count), abs=1e-9)


@pytest.mark.parametrize("build", [tiny_llama, tiny_gpt2])
def test_whatever_the_text_only_legal_labels_share_the_probability(build: Build) -> None:
    check_legal(build, 3_000)


@pytest.mark.slow
def test_100_000_random_texts_get_legal_labels_only() -> None:
    check_legal(tiny_llama, 100_000)
