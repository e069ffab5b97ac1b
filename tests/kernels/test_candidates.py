"""Every score is compared with the plain way: head, text and one candidate in one row, without cache, tree or mask."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from pipelines.kernels.candidates import plant_tree, read_head, score_candidates, to_probabilities  # noqa: E402  # after importorskip

HEAD = [3, 4, 5, 6, 7]
TEXT = [10, 11, 12]
CANDIDATES = [[20, 21, 1], [20, 22, 1], [23, 1], [20, 21, 24, 1], [1]]


def tiny_llama() -> object:
    # Wide initial weights: with narrow ones all tokens look alike, and a wrong mask would hardly show.
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.4, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def tiny_gpt2() -> object:
    config = transformers.GPT2Config(
        vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.4,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture(params=[tiny_llama, tiny_gpt2])
def model(request: pytest.FixtureRequest) -> object:
    torch.manual_seed(0)
    return request.param()


def full_prompt(model: object, text: list[int], candidate: list[int]) -> float:
    with torch.inference_mode():
        logs = model(torch.tensor([HEAD + text + candidate])).logits[0].double().log_softmax(-1)  # type: ignore[operator]
    start = len(HEAD + text) - 1
    return sum(logs[start + place, token].item() for place, token in enumerate(candidate))


def test_scores_equal_those_of_the_full_prompt(model: object) -> None:
    scores = score_candidates(model, read_head(model, HEAD), TEXT, CANDIDATES)
    expected = [full_prompt(model, TEXT, candidate) for candidate in CANDIDATES]
    assert np.ptp(expected) > 1
    assert scores == pytest.approx(expected, abs=1e-4)


def test_a_score_does_not_depend_on_what_was_scored_before_or_beside_it(model: object) -> None:
    head = read_head(model, HEAD)
    alone = score_candidates(model, head, TEXT, [CANDIDATES[1]])
    score_candidates(model, head, [30, 31], CANDIDATES[:2])
    assert score_candidates(model, head, TEXT, CANDIDATES)[1] == pytest.approx(alone[0], abs=1e-4)


def test_nothing_to_score_is_refused(model: object) -> None:
    head = read_head(model, HEAD)
    with pytest.raises(ValueError, match="at least one token"):
        score_candidates(model, head, [], CANDIDATES)
    with pytest.raises(ValueError, match="at least one token"):
        score_candidates(model, head, TEXT, [[20], []])


def test_shared_beginnings_are_read_once() -> None:
    assert plant_tree(CANDIDATES).nodes == ((20,), (23,), (20, 21), (20, 22), (20, 21, 24))


def test_a_higher_temperature_makes_the_answer_less_sure() -> None:
    assert to_probabilities(np.array([0.0, np.log(3.0)]), 1.0) == pytest.approx([0.25, 0.75])
    assert to_probabilities(np.array([0.0, np.log(9.0)]), 2.0) == pytest.approx([0.25, 0.75])
    assert to_probabilities(np.array([-2000.0, -1000.0]), 1.0) == pytest.approx([0.0, 1.0])
