"""Prompts of a closed set of labels, in the words and control tokens of the model that reads them."""

from collections.abc import Sequence
from itertools import islice, product
from string import ascii_uppercase

from pipelines.adapters.models import LanguageModel
from pipelines.adapters.registry import LABELS, TICKET
from pipelines.errors import SettingsError
from pipelines.kernels.label_trees import ClosedSet
from pipelines.kernels.scoring import Prompt

SENTINEL = "\ue000ticket\ue000"
"""Stands for the message while the chat template is rendered: private letters that no template holds."""
Ids = tuple[int, ...]


def chat_frame(slm: LanguageModel) -> tuple[Ids, Ids]:
    """Give what the model wants before and behind a user's message, up to where its answer begins.

    A model without a chat template gets the token that opens a sequence, where it has one.

    Raises:
        SettingsError: when the template does not show a user's message once.
    """
    tokenizer = slm.tokenizer
    if not tokenizer.chat_template:
        return slm.opening("")[:1] if slm.opening("")[:1] == (tokenizer.bos_token_id,) else (), ()
    message = [{"role": "user", "content": SENTINEL}]
    rendered = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    parts = str(rendered).split(SENTINEL)
    if len(parts) != 2:
        raise SettingsError(
            f"The chat template of the model shows a user's message {len(parts) - 1} times, expected once. "
            "Register the model with another template."
        )
    before, after = (tuple(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in parts)
    return before, after


def render_prompt(slm: LanguageModel, message: str, cue: str = "") -> tuple[Ids, Ids]:
    """Render the constant parts of a prompt: all tokens before the ticket, and those behind it.

    Only the template's own control tokens are control tokens: one that is written in the message is plain letters.

    Args:
        slm: the model with its tokenizer.
        message: what a user would write, with {{ticket}} where the ticket goes; what stands behind is read anew for
            each ticket, so instructions belong before.
        cue: how the model's answer begins, before the label.

    Raises:
        SettingsError: when the message does not show the ticket once, or the chat template not the message.
    """
    parts = message.split(TICKET)
    if len(parts) != 2:
        raise SettingsError(f"The prompt shows {TICKET} {len(parts) - 1} times, expected once. Correct its template.")
    before, after = chat_frame(slm)
    return (*before, *slm.tokens(parts[0])), (*slm.tokens(parts[1]), *after, *slm.tokens(cue))


def choose_codes(slm: LanguageModel, count: int, before: str = "") -> list[str]:
    """Give labels short codes of capital letters, all of one length: of one token each, as long as there are such.

    Args:
        slm: the model with its tokenizer.
        count: how many labels there are.
        before: what stands before a code in the answer, " " behind a cue.
    """
    size = next(size for size in range(1, 5) if len(ascii_uppercase) ** size >= count)
    codes = ["".join(letters) for letters in product(ascii_uppercase, repeat=size)]
    alone = (code for code in codes if len(slm.tokens(before + code)) == 1)
    chosen = list(islice(alone, count))
    others = (code for code in codes if code not in set(chosen))
    return [*chosen, *islice(others, count - len(chosen))]


def code_prompt(slm: LanguageModel, message: str, lines: Sequence[str], order: Sequence[int], cue: str = "") -> Prompt:
    """Build the prompt that lists labels in an order, each under a code, and asks for a code.

    Args:
        slm: the model with its tokenizer.
        message: what a user would write, with {{labels}} and behind it {{ticket}}.
        lines: what is said of each label, its name and description.
        order: which label stands in which place of the list; see `label_distributions.label_orders`.
        cue: how the model's answer begins, before the code.
    """
    gap = " " if cue and not cue[-1].isspace() else ""
    codes = choose_codes(slm, len(lines), gap)
    listed = "\n".join(f"{code}: {lines[label]}" for code, label in zip(codes, order, strict=True))
    head, tail = render_prompt(slm, message.replace(LABELS, listed), cue)
    owners = {label: slm.tokens(gap + code) for code, label in zip(codes, order, strict=True)}
    return Prompt(head, tail, ClosedSet(tuple(owners[label] for label in range(len(lines)))))
