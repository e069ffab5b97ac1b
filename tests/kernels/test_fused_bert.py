"""Our way of reading with an encoder, against the network itself."""

import pytest
import torch
import transformers
from transformers import PreTrainedModel

from pipelines.adapters.encoder import build_encoder, read_padded
from pipelines.adapters.hardware import Place
from pipelines.kernels.fused_bert import BLOCK, FusedBert, fuse

WIDE = 0.4
EPSILON = 1e-12
FP32, BF16 = (Place("cpu", dtype, "cpu") for dtype in (torch.float32, torch.bfloat16))


def tiny_bert(**changes: object) -> PreTrainedModel:
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        initializer_range=WIDE, max_position_embeddings=300, **changes,
    )  # fmt: skip
    network = transformers.BertModel(config)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=WIDE)
    return network.eval()


def make_texts(count: int, longest: int = 40) -> list[list[int]]:
    generator = torch.Generator().manual_seed(count)
    sizes = torch.randint(1, longest, (count,), generator=generator)
    return [torch.randint(3, 64, (int(size),), generator=generator).tolist() for size in sizes]


@pytest.fixture(scope="module")
def network() -> PreTrainedModel:
    return tiny_bert()


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16])
def fused(request: pytest.FixtureRequest, network: PreTrainedModel) -> FusedBert:
    found = fuse(network, 4, EPSILON, request.param)
    assert found is not None
    return found


@torch.inference_mode()
def test_vectors_are_those_of_the_network(network: PreTrainedModel, fused: FusedBert) -> None:
    texts = [*make_texts(30), [5], [9] * (2 * BLOCK + 3)]
    expected = torch.cat([read_padded(network, [text]) for text in texts])
    exact = fused.layers[0].qkv[0].dtype == torch.float32
    torch.testing.assert_close(fused.read(texts), expected, atol=2e-6 if exact else 0.03, rtol=0)


@torch.inference_mode()
def test_a_vector_is_to_the_last_bit_the_same_in_any_company(fused: FusedBert) -> None:
    texts = make_texts(60)
    alone = torch.cat([fused.read([text]) for text in texts])
    for seed in range(5):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))[: 10 + 10 * seed].tolist()
        assert torch.equal(fused.read([texts[place] for place in order]), alone[order])


def test_another_layout_is_read_by_the_network_itself() -> None:
    config = transformers.DistilBertConfig(vocab_size=64, dim=32, hidden_dim=48, n_layers=2, n_heads=4)
    assert fuse(transformers.DistilBertModel(config), 4, EPSILON) is None


def test_the_same_names_do_not_prove_the_same_computation() -> None:
    tokenizer = transformers.PreTrainedTokenizerFast.__new__(transformers.PreTrainedTokenizerFast)
    assert build_encoder(tokenizer, tiny_bert(), FP32).fused is not None
    assert build_encoder(tokenizer, tiny_bert(hidden_act="relu"), FP32).fused is None
    assert build_encoder(tokenizer, tiny_bert(layer_norm_eps=0.5), FP32).fused is not None
    decoder = tiny_bert(is_decoder=True)
    assert build_encoder(tokenizer, decoder, FP32).fused is None, "each token sees only what stands before it"


def test_our_way_takes_the_precision_of_its_place_and_leaves_the_network_alone() -> None:
    tokenizer = transformers.PreTrainedTokenizerFast.__new__(transformers.PreTrainedTokenizerFast)
    found = build_encoder(tokenizer, tiny_bert(), BF16)
    assert found.fused is not None
    assert {found.fused.layers[0].qkv[0].dtype, found.fused.words.dtype} == {torch.bfloat16, torch.float32}
    assert build_encoder(tokenizer, tiny_bert(hidden_act="relu"), BF16).network.dtype == torch.float32
