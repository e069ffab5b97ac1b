"""How a model is read is chosen by what it answers, and reading leaves it as it was."""

from collections.abc import Callable

import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM, PreTrainedModel

from pipelines.adapters.models import load_slm
from pipelines.adapters.packed_models import FusedReader, PaddedReader, SharedHeadReader, open_reader
from pipelines.adapters.registry import pin_versions
from pipelines.errors import UnsupportedModelError
from pipelines.kernels.label_trees import ClosedSet
from pipelines.kernels.scoring import Prompt, read_prompt, score_texts
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
    network = load_slm(pinned.slm, model_registry).network
    assert isinstance(network, PreTrainedModel)
    prompt = Prompt(tuple(range(1000, 1040)), (198, 520), ClosedSet(((50,), (51,), (52,), (53, 7))))
    texts = random_texts(8, 30, 1, vocabulary=49_000)
    reader = open_reader(network)
    assert isinstance(reader, FusedReader)
    given, expected = score_texts(reader, read_prompt(reader, prompt), texts), whole_prompts(network, prompt, texts)
    assert abs(given - expected).max() < 1e-3
    assert (given.argmax(axis=1) == expected.argmax(axis=1)).all()
