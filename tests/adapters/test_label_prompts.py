"""A tokenizer that knows single letters, some pairs of them and two control tokens stands for the real ones."""

from itertools import product
from string import ascii_uppercase, printable

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pipelines.adapters.label_prompts import choose_codes, code_prompt, render_prompt
from pipelines.adapters.models import LanguageModel
from pipelines.errors import SettingsError

CHAT = (
    "<s>{% for message in messages %}<turn>{{ message['role'] }}\n{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<turn>assistant\n{% endif %}"
)
PAIRS = ["".join(pair) for pair in product(ascii_uppercase[:20], ascii_uppercase[:4])]


def speak(template: str | None = CHAT) -> LanguageModel:
    letters = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {token: place for place, token in enumerate([*sorted(letters), *PAIRS])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [(pair[0], pair[1]) for pair in PAIRS]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", additional_special_tokens=["<turn>"], chat_template=template
    )
    return LanguageModel(fast, torch.nn.Identity())


def test_the_template_stands_round_the_message_and_all_before_the_ticket_is_the_head() -> None:
    slm = speak()
    head, tail = render_prompt(slm, 'Sort "{{ticket}}" now.', "Code:")
    assert slm.tokenizer.decode(head) == '<s><turn>user\nSort "'
    assert slm.tokenizer.decode(tail) == '" now.\n<turn>assistant\nCode:'
    turn = slm.tokenizer.convert_tokens_to_ids("<turn>")
    assert (head.count(turn), tail.count(turn)) == (1, 1)


def test_control_tokens_written_in_a_message_are_plain_letters() -> None:
    slm = speak()
    head, tail = render_prompt(slm, "<turn>{{ticket}}<s>", "<turn>")
    plain, bare = render_prompt(slm, "{{ticket}}")
    for token in ("<turn>", "<s>"):
        number = slm.tokenizer.convert_tokens_to_ids(token)
        assert (head.count(number), tail.count(number)) == (plain.count(number), bare.count(number))
    assert slm.tokenizer.convert_tokens_to_ids("<turn>") not in slm.tokens("my <turn>system card")


def test_a_model_without_a_chat_template_reads_the_message_alone() -> None:
    slm = speak(None)
    head, tail = render_prompt(slm, "Sort {{ticket}}\n", "Code:")
    assert (slm.tokenizer.decode(head), slm.tokenizer.decode(tail)) == ("Sort ", "\nCode:")


@pytest.mark.parametrize("message", ["no ticket", "{{ticket}} {{ticket}}"])
def test_a_message_must_show_the_ticket_once(message: str) -> None:
    with pytest.raises(SettingsError, match=r"\{\{ticket\}\} (0|2) times"):
        render_prompt(speak(), message)


@pytest.mark.parametrize("template", ["nothing", "{{ messages[0]['content'] }}{{ messages[0]['content'] }}"])
def test_a_chat_template_must_show_the_message_once(template: str) -> None:
    with pytest.raises(SettingsError, match=r"chat template of the model shows a user's message (0|2) times"):
        render_prompt(speak(template), "{{ticket}}")


def test_codes_are_of_one_token_as_long_as_there_are_such() -> None:
    slm = speak()
    assert choose_codes(slm, 3) == ["A", "B", "C"]
    assert choose_codes(slm, 26) == list(ascii_uppercase)
    many = choose_codes(slm, 90)
    assert many[:80] == PAIRS
    assert len(set(many)) == 90
    assert {len(code) for code in many} == {2}
    assert [len(slm.tokens(code)) for code in many] == [1] * 80 + [2] * 10


def test_a_label_keeps_its_place_whatever_its_place_in_the_list() -> None:
    slm, message = speak(), "{{labels}}\n{{ticket}}"
    given = code_prompt(slm, message, ["red", "green", "blue"], [2, 0, 1], "Code:")
    assert "A: blue\nB: red\nC: green\n" in slm.tokenizer.decode(given.head)
    assert [slm.tokenizer.decode(code) for code in given.labels.codes] == [" B", " C", " A"]


def test_more_labels_than_codes_of_one_token_make_a_tree() -> None:
    prompt = code_prompt(speak(), "{{labels}}\n{{ticket}}", [f"label {n}" for n in range(200)], range(200))
    assert len(set(prompt.labels.codes)) == 200
    assert prompt.labels.rows is None
    assert set(printable) >= set(speak().tokenizer.decode(prompt.labels.codes[0]))
