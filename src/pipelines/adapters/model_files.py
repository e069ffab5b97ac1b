"""Registered versions as values, and the files behind them: safetensors and JSON, checked by hash before any load."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ModelNotFoundError
from pipelines.labelling_settings import CpuPrecision

WEIGHTS_SUFFIX = ".safetensors"
ALLOWED_SUFFIXES = {WEIGHTS_SUFFIX, ".json", ".txt", ".jinja", ".model"}
"""Weights, settings and vocabularies. Nothing that can hold code (pickle, .py) is loaded or registered."""
MLFLOW_FILE = "MLmodel"
"""MLflow's own description of a model: YAML that is read as data."""
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class PinnedModel:
    """One immutable version of a registered model.

    Attributes:
        uri: `models:/NAME/VERSION`.
        location: where the registry keeps the files: a folder, or a URI that only MLflow can read.
        weights_hash: SHA-256 (hex) of the weights.
        files_hash: SHA-256 (hex) over all other files; a changed tokenizer changes the answers too.
        precision: in which numbers it is multiplied on a CPU.
    """

    name: str
    version: str
    uri: str
    location: str
    weights_hash: str
    files_hash: str
    precision: CpuPrecision = "auto"


@dataclass(frozen=True)
class PinnedPrompt:
    """One immutable version of a registered prompt; `hash` is the SHA-256 (hex) of the template."""

    name: str
    version: str
    hash: str
    template: str


@dataclass(frozen=True)
class PinnedVersions:
    """What votes in one micro-batch; `slm` is None when the language model is off, `student` before there is one."""

    encoder: PinnedModel
    slm: PinnedModel | None
    prompt: PinnedPrompt
    student: PinnedModel | None = None


def quotable(text: str) -> str:
    """Write a text so that it cannot end the quotation in which a prompt shows it."""
    return text.replace('"""', "'''")


def hash_text(text: str) -> str:
    """SHA-256 (hex) of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_weights(folder: Path) -> str:
    """SHA-256 (hex) of the weights: of all safetensors files in order of name, one after another."""
    return hash_bytes(path for path in list_files(folder) if path.suffix == WEIGHTS_SUFFIX)


def hash_files(folder: Path) -> str:
    """SHA-256 (hex) over the names and hashes of all files of a model but its weights."""
    others = [path for path in list_files(folder) if path.suffix != WEIGHTS_SUFFIX]
    return hash_text("".join(f"{path.relative_to(folder)} {hash_bytes([path])}\n" for path in others))


def hash_bytes(paths: Iterable[Path]) -> str:
    """SHA-256 (hex) of the bytes of several files in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def list_files(folder: Path) -> list[Path]:
    """All files below a folder, in order of name."""
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def strange_kinds(folder: Path) -> list[str]:
    """Name the kinds of files that no model of ours has."""
    kinds = {path.suffix or path.name for path in list_files(folder)}
    return sorted(kinds - ALLOWED_SUFFIXES - {MLFLOW_FILE})


def check_files(folder: Path, model: PinnedModel) -> Path:
    """Let a model be loaded only when every byte is what was registered; gives the folder back.

    Raises:
        ModelNotFoundError: when a file is of a kind that may hold code, or differs from what was registered.
    """
    strange = strange_kinds(folder)
    if strange:
        raise ModelNotFoundError(
            f"Model {model.uri} holds files of kind {', '.join(strange)}, expected only safetensors, JSON and "
            "vocabularies; it is not loaded. Register the model again without them."
        )
    if hash_weights(folder) != model.weights_hash or hash_files(folder) != model.files_hash:
        raise ModelNotFoundError(
            f"The files of model {model.uri} are not the ones that were registered (SHA-256 differs); they are not "
            "loaded. Restore them, or register the model again: remove the workspace's mlflow folder and type: "
            "lakehouse setup"
        )
    return folder
