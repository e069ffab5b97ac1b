"""How a model is read is chosen by what it answers, and reading leaves it as it was."""

import copy
import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM, PreTrainedModel

from pipelines import kernels
from pipelines.adapters import reader_choice
from pipelines.adapters.hardware import Place
from pipelines.adapters.models import load_slm
from pipelines.adapters.packed_models import FusedReader, PaddedReader, SharedHeadReader
from pipelines.adapters.reader_choice import open_reader
from pipelines.adapters.registry import pin_versions
from pipelines.errors import UnsupportedModelError
from pipelines.kernels import gpu
from pipelines.kernels.fused_llama import normalise, rotate
from pipelines.kernels.label_trees import ClosedSet
from pipelines.kernels.products import open_gate
from pipelines.kernels.scoring import Prompt, Reader, read_prompt, score_texts
from pipelines.labelling_settings import ModelSettings
from tests.kernels.networks import grown, tiny_gpt2, tiny_gptj, tiny_granite, tiny_llama, tiny_qwen
from tests.kernels.test_scoring import random_texts, whole_prompts

PROMPT = Prompt((3, 4, 5, 6), (11, 12), ClosedSet(((20,), (40,), (21,))))
TEXTS = ((5, 6, 7), (), (9,) * 20)


@pytest.mark.parametrize(
    ("build", "way"),
    [
        (tiny_llama, FusedReader),
        (tiny_qwen, FusedReader),
        (tiny_gpt2, SharedHeadReader),
        # Its parameters are named as Llama's are; only its answer tells that it computes otherwise.
        (tiny_granite, SharedHeadReader),
        (tiny_gptj, PaddedReader),
    ],
)
def test_the_fastest_way_that_answers_rightly_is_taken(build: Callable[[], PreTrainedModel], way: type) -> None:
    assert type(open_reader(grown(build))) is way


@pytest.mark.parametrize("build", [tiny_llama, tiny_gpt2, tiny_gptj])
def test_reading_leaves_the_model_as_it_was(build: Callable[[], PreTrainedModel]) -> None:
    network, ids = grown(build), torch.tensor([[3, 9, 4, 8]])
    with torch.inference_mode():
        before = network(ids).logits
        reader = open_reader(network)
        score_texts(reader, read_prompt(reader, PROMPT), TEXTS)
        torch.testing.assert_close(network(ids).logits, before)
    assert network.get_output_embeddings().weight.shape[0] == 64


def test_joined_weights_are_the_networks_own() -> None:
    reader = open_reader(grown(tiny_llama))
    assert isinstance(reader, FusedReader)
    query = reader.network.get_parameter("model.layers.0.self_attn.q_proj.weight")
    assert reader.fused.layers[0].qkv.data_ptr() == query.data_ptr()


def test_a_window_of_attention_ends_what_is_read() -> None:
    network = grown(tiny_llama)
    network.config.sliding_window = 40
    assert open_reader(network).longest == 40


def test_a_model_whose_answers_need_more_than_keys_is_refused() -> None:
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, initializer_range=0.4)
    with pytest.raises(UnsupportedModelError, match="MambaForCausalLM answers differently"):
        open_reader(MambaForCausalLM(config).eval())


def test_the_embedded_model_answers_as_to_whole_prompts(model_registry: str) -> None:
    pinned = pin_versions(model_registry, ModelSettings(), slm_needed=True)
    assert pinned.slm is not None
    # A copy: another test may have brought the model to its place.
    network = copy.deepcopy(load_slm(pinned.slm, model_registry).network).float()
    assert isinstance(network, PreTrainedModel)
    prompt = Prompt(tuple(range(1000, 1040)), (198, 520), ClosedSet(((50,), (51,), (52,), (53, 7))))
    texts = random_texts(8, 30, 1, vocabulary=49_000)
    reader = open_reader(network)
    assert isinstance(reader, FusedReader)
    given, expected = score_texts(reader, read_prompt(reader, prompt), texts), whole_prompts(network, prompt, texts)
    assert abs(given - expected).max() < 1e-3
    assert (given.argmax(axis=1) == expected.argmax(axis=1)).all()


def moved_at(place: Place, registry: str) -> tuple[Reader, np.ndarray]:
    """Read random texts with the embedded model at a place: the reader, and how far each probability is from fp32's."""
    pinned = pin_versions(registry, ModelSettings(), slm_needed=True)
    assert pinned.slm is not None
    network = copy.deepcopy(load_slm(pinned.slm, registry).network).float()
    prompt = Prompt(tuple(range(1000, 1040)), (198, 520), ClosedSet(((50,), (51,), (52,), (53, 7))))
    texts = random_texts(40, 30, 1, vocabulary=49_000)
    exact = open_reader(network)
    expected = score_texts(exact, read_prompt(exact, prompt), texts)
    reader = open_reader(network, place)
    assert isinstance(reader, FusedReader)
    return reader, abs(np.exp(score_texts(reader, read_prompt(reader, prompt), texts)) - np.exp(expected))


def test_in_bf16_the_embedded_model_answers_nearly_as_in_fp32(model_registry: str) -> None:
    """Its right ways lie nats apart in bf16 where an answer is unlikely, so they must have been compared in fp32."""
    reader, moved = moved_at(Place("cpu", torch.bfloat16, "cpu-bf16"), model_registry)
    assert reader.weight.dtype == torch.bfloat16
    assert moved.max() < 0.1
    assert moved.mean() < 0.01


def test_a_model_that_goes_to_bf16_is_read_there_the_same_way() -> None:
    for build, way in ((tiny_llama, FusedReader), (tiny_gpt2, SharedHeadReader), (tiny_gptj, PaddedReader)):
        reader = open_reader(grown(build), Place("cpu", torch.bfloat16, "cpu-bf16"))
        assert type(reader) is way
        logs = score_texts(reader, read_prompt(reader, PROMPT), TEXTS)
        plain = open_reader(grown(build))
        assert abs(np.exp(logs) - np.exp(score_texts(plain, read_prompt(plain, PROMPT), TEXTS))).max() < 0.15


def test_a_model_that_is_at_its_place_already_can_be_opened_again() -> None:
    network, place = grown(tiny_llama), Place("cpu", torch.bfloat16, "cpu-bf16")
    assert [type(open_reader(network, place)) for _ in range(2)] == [FusedReader, FusedReader]
    assert network.dtype == torch.bfloat16


BYTES = Place("cpu", torch.float32, "cpu", int8=True)


def test_in_int8_the_embedded_model_answers_nearly_as_in_fp32(model_registry: str) -> None:
    reader, moved = moved_at(BYTES, model_registry)
    assert reader.int8
    assert 0 < moved.max() < 0.2
    assert moved.mean() < 0.02


def test_a_model_whose_answers_int8_would_change_stays_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_reader(grown(tiny_llama), BYTES).int8
    monkeypatch.setattr(reader_choice, "ROUNDED_APART", 0.0)
    reader = open_reader(grown(tiny_llama), BYTES)
    assert not reader.int8
    logs, plain = score_texts(reader, read_prompt(reader, PROMPT), TEXTS), open_reader(grown(tiny_llama))
    assert np.array_equal(logs, score_texts(plain, read_prompt(plain, PROMPT), TEXTS))


def test_a_model_that_is_not_read_fused_stays_in_fp32() -> None:
    assert not open_reader(grown(tiny_gpt2), BYTES).int8


class AsIfGpu(Place):
    """A CPU that is taken for a GPU, on which our own kernels are to run."""

    @property
    def on_gpu(self) -> bool:
        return True


def broken(*args: object) -> torch.Tensor:
    raise AssertionError("no driver")


def wrong(made: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(made.chunk(2, dim=-1)[0])


# The plain steps, under the kernels' names.
PLAIN = {step.__name__: vars(step)["__wrapped__"] for step in (normalise, rotate, open_gate)}


@pytest.mark.parametrize(
    "steps",
    [None, SimpleNamespace(**PLAIN | {"open_gate": broken}), SimpleNamespace(**PLAIN | {"open_gate": wrong})],
    ids=["missing", "broken", "wrong"],
)
def test_kernels_that_are_missing_break_or_answer_wrongly_are_used_no_more(
    steps: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "given_up", False)
    monkeypatch.setattr(gpu, "ours_run_on", lambda tensor: tensor.dtype == torch.bfloat16 and not gpu.given_up)
    monkeypatch.setitem(sys.modules, "pipelines.kernels.gpu_steps", steps)
    monkeypatch.setattr(kernels, "gpu_steps", steps, raising=False)
    if steps is None:
        monkeypatch.delattr(kernels, "gpu_steps")
    expected = open_reader(grown(tiny_llama))
    logs = score_texts(expected, read_prompt(expected, PROMPT), TEXTS)
    reader = open_reader(grown(tiny_llama), AsIfGpu("cpu", torch.bfloat16, "cuda"))
    assert gpu.given_up
    assert isinstance(reader, FusedReader)
    assert abs(np.exp(score_texts(reader, read_prompt(reader, PROMPT), TEXTS)) - np.exp(logs)).max() < 0.15


def test_kernels_that_answer_rightly_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "given_up", False)
    monkeypatch.setattr(gpu, "ours_run_on", lambda tensor: tensor.dtype == torch.bfloat16 and not gpu.given_up)
    steps, used = SimpleNamespace(**PLAIN), []
    steps.open_gate = lambda made: used.append(len(made)) or PLAIN["open_gate"](made)
    monkeypatch.setitem(sys.modules, "pipelines.kernels.gpu_steps", steps)
    monkeypatch.setattr(kernels, "gpu_steps", steps, raising=False)
    reader = open_reader(grown(tiny_llama), AsIfGpu("cpu", torch.bfloat16, "cuda"))
    assert not gpu.given_up
    used.clear()
    score_texts(reader, read_prompt(reader, PROMPT), TEXTS)
    assert used
