"""Tiny causal language models with seeded random weights, one of each kind that is read in a way of its own."""

import torch
import transformers
from transformers import PreTrainedModel

# Wide initial weights: with narrow ones all tokens look alike, and a wrong mask would hardly show.
WIDE = 0.4


def tiny_llama() -> PreTrainedModel:
    """Grouped queries, the layout that runs fused."""
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=WIDE, max_position_embeddings=128, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def tiny_qwen() -> PreTrainedModel:
    """Llama's layout with biases, and an output layer of its own."""
    config = transformers.Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=1, initializer_range=WIDE, max_position_embeddings=128, tie_word_embeddings=False,
    )  # fmt: skip
    network = transformers.Qwen2ForCausalLM(config)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=WIDE)
    return network


def tiny_gpt2() -> PreTrainedModel:
    """Learned positions, one joined product, no rotation."""
    config = transformers.GPT2Config(
        vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=128, initializer_range=WIDE,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def tiny_granite() -> PreTrainedModel:
    """Llama's parameters by name, but other factors in the computation: must not run fused."""
    config = transformers.GraniteConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=WIDE, max_position_embeddings=128,
        residual_multiplier=0.6, logits_scaling=1.7, embedding_multiplier=1.4, attention_multiplier=0.2,
    )  # fmt: skip
    return transformers.GraniteForCausalLM(config)


def tiny_gptj() -> PreTrainedModel:
    """An attention of its own, out of transformers' registry's reach; a bias in the output layer."""
    config = transformers.GPTJConfig(
        vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=128, rotary_dim=4, initializer_range=WIDE,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    network = transformers.GPTJForCausalLM(config)
    torch.nn.init.normal_(network.lm_head.bias)
    return network


def grown(build: object) -> PreTrainedModel:
    """Build a network with the same weights each time, ready to answer."""
    torch.manual_seed(0)
    return build().eval()  # type: ignore[operator]
