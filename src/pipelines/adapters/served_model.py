"""The language model voter against an OpenAI-compatible endpoint: texts in, an answer or a reason for each."""

import importlib.util
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.adapters.secrets import read_secret
from pipelines.adapters.served_batch import Batch, run_to_end
from pipelines.adapters.served_protocol import Answer, Question, write_request
from pipelines.errors import MissingDependencyError, SettingsError
from pipelines.labelling_settings import EndpointSettings

INSTALL = "pip install 'intent-lakehouse[served]'"


@dataclass(frozen=True)
class ServedModel:
    """A served model: where it stands and how it is spoken to. It may be sent to workers; its key is never shown.

    Attributes:
        token_ids: the model's token of each label code; needed for `constraint: logit_bias` only.
        seed: of the random pauses; None for any.
    """

    endpoint: EndpointSettings
    api_key: str = field(default="", repr=False)
    token_ids: Mapping[str, int] = field(default_factory=dict)
    seed: int | None = None

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer questions, in their order.

        Raises:
            ModelUnavailableError: when the endpoint is away, or fails on a harmless text as well.
            MissingDependencyError: when httpx is not installed.
            SettingsError: when token ids are needed and not known.
        """
        if not questions:
            return []
        need_httpx()
        # Written before anything is sent: a mistake in the settings must not look like a failure of a text.
        bodies = [write_request(question, self.endpoint, self.token_ids) for question in questions]
        return run_to_end(Batch(self, questions, bodies).run())


@dataclass(frozen=True)
class ServedVoter:
    """A served model with a prompt and a closed set of labels.

    Attributes:
        labels: what an answer's distribution is over, in this order.
        codes: what the model answers instead: one token each, one for each label.
        head, tail: the prompt before and behind a text.
    """

    model: ServedModel
    labels: tuple[str, ...]
    codes: tuple[str, ...]
    head: str
    tail: str

    def __post_init__(self) -> None:
        proper = len(set(self.codes)) == len(self.codes) == len(self.labels) > 0 and all(
            code.strip() == code != "" for code in self.codes
        )
        if not proper:
            raise ValueError("Each label needs a code of its own: short, without white space around it.")

    def score_texts(self, texts: Sequence[str]) -> list[Answer]:
        """Share each text out among the labels, or say why not; raises what `ServedModel.ask` raises."""
        return self.model.ask([Question(self.head, text, self.tail, self.codes) for text in texts])


def open_model(
    endpoint: EndpointSettings, base: Path, token_ids: Mapping[str, int] | None = None, seed: int | None = None
) -> ServedModel:
    """Make a served model of its settings; a key in a file is looked for relative to `base`.

    Raises:
        SettingsError: when no URL is set, or the key's reference leads to no usable key.
        MissingDependencyError: when httpx is not installed.
    """
    if not endpoint.url:
        raise SettingsError("Setting endpoint.url: is empty, so there is no served model; set it to the server's URL.")
    need_httpx()
    api_key = read_secret(endpoint.api_key_ref, base) if endpoint.api_key_ref else ""
    if endpoint.api_key_ref and not (api_key and api_key.isascii() and api_key.isprintable()):
        raise SettingsError(f"Secret reference {endpoint.api_key_ref}: is empty, or holds signs that no key has.")
    return ServedModel(endpoint, api_key, token_ids or {}, seed)


def need_httpx() -> None:
    """Look for httpx, and keep it from logging a line for each request.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    if importlib.util.find_spec("httpx") is None:
        raise MissingDependencyError(f"A served model needs httpx: {INSTALL}")
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
