"""New versions in the registry: a folder of weights, or a prompt's template. They vote once they are promoted."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.adapters.failures import explain_refusal
from pipelines.adapters.model_files import WEIGHTS_SUFFIX, hash_files, hash_weights, list_files, strange_kinds
from pipelines.adapters.registry import FILES_TAG, WEIGHTS_TAG, found, named_failures, unfilled
from pipelines.errors import InputDataError
from pipelines.labelling_settings import ModelSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained: what was chosen, how good it is, tags for its version, and where that is told."""

    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    experiment: str = ModelSettings.experiment


def register_prompt(client: "MlflowClient", name: str, template: str, comment: str) -> str:
    """Register a template as the next version of a prompt; it votes once it is promoted.

    Raises:
        InputDataError: when a placeholder is missing.
    """
    for placeholder in unfilled(template):
        raise InputDataError(f"A template for {name} holds {placeholder} once; this one does not.")
    with named_failures():
        return str(client.register_prompt(name, template, commit_message=comment).version)


def register_model(
    client: "MlflowClient",
    name: str,
    folder: Path,
    artifacts: Path | None,
    comment: str = "",
    record: TrainingRecord | None = None,
) -> str:
    """Register a folder of safetensors and JSON as the next version of a model; it votes once it is promoted.

    Args:
        client: the registry.
        name: of the registered model.
        folder: the files.
        artifacts: local folder for the files of an embedded registry; equal files of several workspaces are hard
            links, not copies. None: MLflow uploads them.
        comment: where they come from.
        record: of its training, if it was trained here.

    Raises:
        InputDataError: when the folder is no such model.
    """
    check_folder(folder)
    record = record or TrainingRecord()
    with named_failures():
        run = client.create_run(find_experiment(client, record.experiment, artifacts), run_name=f"register {name}")
        write_record(client, run.info.run_id, record)
        if artifacts:
            copy_files(folder, Path(run.info.artifact_uri) / "model")
        else:
            client.log_artifacts(run.info.run_id, str(folder), "model")
        if found(lambda: client.get_registered_model(name)) is None:
            client.create_registered_model(name)
        tags = {WEIGHTS_TAG: hash_weights(folder), FILES_TAG: hash_files(folder), **record.tags}
        source = f"{run.info.artifact_uri}/model"
        registered = client.create_model_version(name, source, run.info.run_id, tags=tags, description=comment)
        client.set_terminated(run.info.run_id)
    return str(registered.version)


def find_experiment(client: "MlflowClient", name: str, artifacts: Path | None) -> str:
    """Give the id of an experiment, which is made where there is none of that name."""
    experiment = client.get_experiment_by_name(name)
    if experiment:
        return str(experiment.experiment_id)
    return str(client.create_experiment(name, str(artifacts) if artifacts else None))


def write_record(client: "MlflowClient", run_id: str, record: TrainingRecord) -> None:
    """Log how a model was trained with the run that registers it."""
    for name, value in record.parameters.items():
        client.log_param(run_id, name, value)
    for name, number in record.metrics.items():
        client.log_metric(run_id, name, number)


def check_folder(folder: Path) -> None:
    """Refuse what is no model of Hugging Face's form in safetensors.

    Raises:
        InputDataError: saying what is missing, or too much.
    """
    files = list_files(folder) if folder.is_dir() else []
    strange = strange_kinds(folder) if folder.is_dir() else []
    nested = [path for path in files if path.parent != folder]
    has_weights = any(path.suffix == WEIGHTS_SUFFIX for path in files)
    if strange or nested or not has_weights or not (folder / "config.json").is_file():
        has = f"files of kind {', '.join(strange)}" if strange else "folders in it" if nested else "no such files"
        raise InputDataError(
            f"{folder}: expected config.json, weights in safetensors and the tokenizer's JSON or vocabulary, side by "
            f"side and nothing else; it has {has}. Save a model so: model.save_pretrained(folder)."
        )


def copy_files(folder: Path, target: Path) -> None:
    """Put a model's files into a folder of this machine."""
    target.mkdir(parents=True)
    for file in list_files(folder):
        link_or_copy(file, target / file.name)


def link_or_copy(source: Path, target: Path) -> None:
    """Link a file, or copy it to another disk."""
    try:
        os.link(source, target)
    except OSError:
        copy_or_remove(source, target)


def copy_or_remove(source: Path, target: Path) -> None:
    """Copy a file; half a copy, on a disk that is full now, would only keep it full.

    Raises:
        StorageError: when the target cannot be written.
    """
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise explain_refusal(error) from error
