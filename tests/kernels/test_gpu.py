"""What only runs on a GPU, compared with the plain way on the same numbers. Skipped where there is none."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pipelines.adapters.hardware import Place
from pipelines.adapters.packed_models import FusedReader, SharedHeadReader
from pipelines.adapters.reader_choice import open_reader
from pipelines.kernels import gpu
from pipelines.kernels.fused_llama import normalise, rotate
from pipelines.kernels.label_trees import ClosedSet, Tree
from pipelines.kernels.packing import pack
from pipelines.kernels.prefix_attention import Spans, find_places, find_way, table
from pipelines.kernels.products import open_gate
from pipelines.kernels.scoring import Prompt, read_prompt, score_answers, score_texts
from tests.kernels.networks import grown, tiny_gpt2, tiny_gptj, tiny_llama, tiny_qwen
from tests.kernels.test_scoring import HEAD, LETTERS, TAIL, WORDS, likelihoods, random_texts, whole_prompts

gpu_attention = pytest.importorskip("pipelines.kernels.gpu_attention")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
GPU = Place("cuda", torch.bfloat16, "cuda")
Build = Callable[[], PreTrainedModel]


@pytest.mark.parametrize("tree", [Tree(()), WORDS.tree], ids=["plain", "tree"])
@pytest.mark.parametrize("size", [8, 64, 80, 128])
@pytest.mark.parametrize("last", [False, True])
def test_attention_of_one_kernel_equals_the_plain_one(size: int, last: bool, tree: Tree) -> None:
    random = torch.Generator("cuda").manual_seed(1)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, device="cuda", dtype=torch.bfloat16)

    packed = pack([[9] * count for count in (7, 1, 130, 64, 40)], [tree] * 5, 200)
    packed = packed.to(torch.device("cuda"), torch.bfloat16)
    beside = numbers(len(packed.tokens), 9 + 3 + 3, size)
    parts = beside[:, :9], beside[:, 9:12], beside[:, 12:]
    head = numbers(3, 200, size), numbers(3, 200, size)
    way = find_way(*map(table, parts), packed, last)
    assert isinstance(way, Spans)
    given = way.attend(*map(table, parts), head, size**-0.5)
    exact = [table(part.float()) for part in parts]
    places = find_places(*exact, packed.readers if last else packed.everyone, packed.everyone.grid)
    expected = places.attend(*exact, (head[0].float(), head[1].float()), size**-0.5)
    assert (given.float() - expected).norm() / expected.norm() < 1e-2


def test_steps_that_became_one_kernel_say_what_they_said() -> None:
    random = torch.Generator("cuda").manual_seed(2)
    for count in (1, 7, 1000):
        vectors = torch.randn(count, 12, 64, generator=random, device="cuda", dtype=torch.bfloat16)
        angles = torch.rand(count, 1, 32, generator=random, device="cuda").repeat(1, 1, 2)
        exact = rotate(vectors.cpu().float(), 9, angles.cpu().cos(), angles.cpu().sin())
        turned = rotate(vectors.clone(), 9, angles.cos().bfloat16(), angles.sin().bfloat16())
        assert (turned[:, :9].float().cpu() - exact).norm() / exact.norm() < 1e-2
        assert torch.equal(turned[:, 9:], vectors[:, 9:])
        made = vectors.flatten(1)
        gate, up = made.float().chunk(2, dim=-1)
        opened = torch.nn.functional.silu(gate) * up
        assert (open_gate(made).float() - opened).norm() / opened.norm() < 1e-2
        normed = normalise(made, made[0], 1e-5)
        exact = normalise(made.cpu().float(), made[0].cpu().float(), 1e-5)
        assert (normed.float().cpu() - exact).norm() / exact.norm() < 1e-2


@pytest.mark.parametrize("labels", [LETTERS, WORDS], ids=["letters", "words"])
@pytest.mark.parametrize(
    ("build", "way"), [(tiny_llama, FusedReader), (tiny_qwen, FusedReader), (tiny_gpt2, SharedHeadReader)]
)
def test_scores_are_nearly_those_of_whole_prompts_in_fp32(build: Build, way: type, labels: ClosedSet) -> None:
    network, prompt, texts = grown(build), Prompt(HEAD, TAIL, labels), random_texts(200, 40, 2)
    expected = whole_prompts(network, prompt, texts)
    reader = open_reader(network, GPU)
    assert type(reader) is way
    assert not gpu.given_up
    assert reader.weight.device.type == "cuda"
    for budget in (1, 300, 16_384):
        given = score_texts(reader, read_prompt(reader, prompt), texts, budget)
        moved = abs(np.exp(given) - np.exp(expected))
        assert moved.mean() < 0.02
        assert (given.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("build", [tiny_llama, tiny_gpt2, tiny_gptj])
def test_texts_with_sets_of_their_own_are_told_nearly_the_plain_likelihoods(build: Build) -> None:
    network, texts = grown(build), [(*text, *TAIL) for text in random_texts(24, 40, 8)]
    sets = [(LETTERS, WORDS)[place % 2] for place in range(24)]
    expected = [
        likelihoods(network, Prompt(HEAD, TAIL, own), [text[: -len(TAIL)]])[0]
        for text, own in zip(texts, sets, strict=True)
    ]
    reader = open_reader(network, GPU)
    with torch.inference_mode():
        head = reader.read_head(HEAD)
    given = score_answers(reader, head, texts, sets)
    moved = [float(abs(np.exp(one) - np.exp(other)).max()) for one, other in zip(given, expected, strict=True)]
    assert np.mean(moved) < 0.02


def test_a_pass_that_is_too_large_for_the_gpu_is_halved() -> None:
    reader, prompt = open_reader(grown(tiny_llama), GPU), Prompt(HEAD, TAIL, LETTERS)
    asked, texts = read_prompt(reader, prompt), random_texts(4000, 100, 5)
    expected = score_texts(reader, asked, texts, 4096)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 64 * 2**20) / total)
    try:
        given = score_texts(reader, asked, texts, 10**6)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert abs(np.exp(given) - np.exp(expected)).mean() < 0.01


def nothing(*args: object) -> torch.Tensor:
    raise AssertionError("no driver")


def zeros(queries: torch.Tensor, *others: object) -> torch.Tensor:
    return torch.zeros_like(queries)


@pytest.mark.parametrize("attend", [nothing, zeros])
def test_kernels_that_break_or_answer_wrongly_are_used_no_more(
    attend: Callable[..., torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "given_up", False)
    monkeypatch.setattr(gpu_attention, "attend", attend)
    network, prompt, texts = grown(tiny_llama), Prompt(HEAD, TAIL, WORDS), random_texts(50, 40, 2)
    expected = whole_prompts(network, prompt, texts)
    reader = open_reader(network, GPU)
    assert gpu.given_up
    given = score_texts(reader, read_prompt(reader, prompt), texts)
    assert abs(np.exp(given) - np.exp(expected)).mean() < 0.02
