"""Models on the workers: loaded once a process by immutable version, from checked files, with one thread each."""

import tempfile
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.adapters.embedded_models import torch_and_transformers
from pipelines.adapters.encoder import Encoder, build_encoder
from pipelines.adapters.hardware import choose_place
from pipelines.adapters.model_files import PinnedModel, PinnedPrompt, PinnedVersions, check_files, quotable
from pipelines.errors import ModelNotFoundError
from pipelines.intents import Intent
from pipelines.labelling_settings import LabellingSettings
from pipelines.transforms.labelling import Voters
from pipelines.vocabulary import Voter

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pipelines.adapters.served_model import ServedModel
    from pipelines.kernels.scoring import Head, Reader


@dataclass(frozen=True)
class LanguageModel:
    """A loaded causal language model; its weights are fp32 until a reader is opened."""

    tokenizer: "PreTrainedTokenizerBase"
    network: "PreTrainedModel"

    def tokens(self, text: str) -> tuple[int, ...]:
        """Token ids of a piece of a prompt; control tokens written in it are read as plain letters."""
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return tuple(encoded["input_ids"])

    def quoted(self, text: str, most: int) -> tuple[int, ...]:
        """Token ids of a ticket, at most so many, as a prompt may quote it."""
        return self.tokens(quotable(text))[:most]

    def opening(self, text: str) -> tuple[int, ...]:
        """Token ids of the beginning of a prompt, with the token that opens a sequence where the model has one."""
        return tuple(self.tokenizer(text, add_special_tokens=True)["input_ids"])


@lru_cache(maxsize=2)
def load_encoder(model: PinnedModel, tracking_uri: str) -> Encoder:
    """Load an encoder version.

    Raises:
        ModelNotFoundError: when its files are missing or not the registered ones.
        MissingDependencyError: when torch or transformers is not installed.
    """
    torch_and_transformers()
    from transformers import AutoModel, AutoTokenizer

    folder = check_files(fetch_files(model, tracking_uri), model)
    network = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return build_encoder(tokenizer, network.float().eval(), choose_place(model.precision))


@lru_cache(maxsize=2)
def load_slm(model: PinnedModel, tracking_uri: str) -> LanguageModel:
    """Load a causal language model version.

    Raises:
        ModelNotFoundError: when its files are missing or not the registered ones.
        MissingDependencyError: when torch or transformers is not installed.
    """
    torch_and_transformers()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = check_files(fetch_files(model, tracking_uri), model)
    network = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    return LanguageModel(AutoTokenizer.from_pretrained(folder, local_files_only=True), network.float().eval())


@lru_cache(maxsize=2)
def load_reader(model: PinnedModel, tracking_uri: str) -> "Reader":
    """Bring a language model to its place, and find the fastest way for it to read prompts, once a version.

    Raises:
        UnsupportedModelError: when it cannot keep what it has read.
    """
    from pipelines.adapters.reader_choice import open_reader

    return open_reader(load_slm(model, tracking_uri).network, choose_place(model.precision))


def place_of_slm(model: PinnedModel, tracking_uri: str) -> str:
    """Say where a language model runs and in which numbers, as its votes do."""
    name = choose_place(model.precision).name
    return f"{name}-int8" if load_reader(model, tracking_uri).int8 else name


@lru_cache(maxsize=2)
def load_head(model: PinnedModel, prompt: PinnedPrompt, tracking_uri: str) -> "Head":
    """Let the language model read the constant head of a prompt, once a version."""
    import torch

    slm = load_slm(model, tracking_uri)
    # Never empty: the cue of the answer would do as a head as well.
    opening, _, rest = prompt.template.partition("{{examples}}")
    with torch.inference_mode():
        return load_reader(model, tracking_uri).read_head(
            slm.opening(opening or rest.partition("{{ticket}}")[0] or "\n")
        )


def fetch_files(model: PinnedModel, tracking_uri: str) -> Path:
    """Find a version's folder: where the registry keeps it, else fetched through MLflow.

    Raises:
        ModelNotFoundError: when neither has it.
    """
    here = Path(model.location.removeprefix("file://"))
    if here.is_dir():
        return here
    if "://" not in model.location and tracking_uri.startswith("sqlite:"):
        raise ModelNotFoundError(
            f"The files of model {model.uri} are gone (expected in {here}). If the workspace was moved, remove its "
            "mlflow folder; then type: lakehouse setup"
        )
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    target = tempfile.mkdtemp(prefix="lakehouse-model-")
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=model.uri, dst_path=target))
    except (mlflow.MlflowException, OSError) as error:
        raise ModelNotFoundError(
            f"The files of model {model.uri} cannot be fetched from the registry ({type(error).__name__}). "
            "Check models.tracking_uri and its permissions: lakehouse doctor"
        ) from error


def build_voters(
    pinned: PinnedVersions,
    intents: list[Intent],
    settings: LabellingSettings,
    tracking_uri: str,
    served: "ServedModel | None" = None,
    gpus: int = 0,
) -> Voters:
    """Pin who votes in one micro-batch; models are loaded on the workers, once a process (`gpus`: see `Voters`)."""
    from pipelines.adapters.vote_rows import Task, versions
    from pipelines.adapters.voters import ask_frames, encode_frames, recall_frames, render_prompt

    task = Task(pinned, tuple(intents), settings, tracking_uri, served is not None)
    encoder, asked_by = pinned.encoder, versions(Voter.SLM, task) if pinned.slm else {}
    return Voters(
        encoder={"model_name": encoder.name, "model_version": encoder.version, "model_hash": encoder.weights_hash},
        encode=partial(encode_frames, task),
        recall=partial(recall_frames, task),
        ask=partial(ask_frames, task, served) if pinned.slm else None,
        render=partial(render_prompt, task) if pinned.slm else None,
        asked_by={name: value for name, value in asked_by.items() if value is not None},
        gpus=gpus,
    )
