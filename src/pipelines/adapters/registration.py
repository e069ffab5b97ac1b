"""Changing the registry: a version comes, a version is promoted, a promotion is taken back. Versions never change.

The alias `champion` says which version votes; every micro-batch looks it up once, so a promotion counts from the next
one on. What was champion before stands in a tag, for the way back.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from pipelines.adapters.failures import explain_refusal
from pipelines.adapters.model_files import (
    ALLOWED_SUFFIXES,
    WEIGHTS_SUFFIX,
    hash_files,
    hash_text,
    hash_weights,
    list_files,
)
from pipelines.adapters.registry import CHAMPION, FILES_TAG, WEIGHTS_TAG, check_template, found, named_failures
from pipelines.errors import InputDataError, ModelNotFoundError

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Registry: TypeAlias = MlflowClient

Kind = Literal["model", "prompt"]
EXPERIMENT = "intent-lakehouse"
PREVIOUS_TAG = "previous_champion"


@dataclass(frozen=True)
class Version:
    """One version of a model or prompt.

    Attributes:
        aliases: those that point to it, `champion` among them when it votes.
        hash: SHA-256 (hex) of the weights, or of the template.
    """

    name: str
    version: str
    aliases: tuple[str, ...]
    hash: str
    created_at: datetime
    comment: str


def list_models(client: "MlflowClient") -> list[Version]:
    """List every version of every registered model, newest first within a name."""
    versions = []
    with named_failures():
        for model in client.search_registered_models():
            for one in client.search_model_versions(f"name='{model.name}'"):
                pointing = aliases_of(model.aliases, one.version)
                weights = str(one.tags.get(WEIGHTS_TAG, ""))
                created = moment(one.creation_timestamp)
                versions.append(
                    Version(model.name, str(one.version), pointing, weights, created, one.description or "")
                )
    return newest_first(versions)


def list_prompts(client: "MlflowClient") -> list[Version]:
    """List every version of every registered prompt, newest first within a name."""
    versions = []
    with named_failures():
        for prompt in client.search_prompts():
            for one in client.search_prompt_versions(prompt.name):
                known = client.get_prompt_version(prompt.name, str(one.version))
                pointing = tuple(sorted(known.aliases)) if known else ()
                created, template = moment(one.creation_timestamp), str(one.template)
                versions.append(
                    Version(
                        prompt.name, str(one.version), pointing, hash_text(template), created, one.commit_message or ""
                    )
                )
    return newest_first(versions)


def newest_first(versions: list[Version]) -> list[Version]:
    """Sort by name, the newest version of each first."""
    return sorted(versions, key=lambda one: (one.name, -int(one.version)))


def aliases_of(aliases: Mapping[str, object], version: object) -> tuple[str, ...]:
    """Choose the aliases that point to a version."""
    return tuple(sorted(alias for alias, target in aliases.items() if str(target) == str(version)))


def moment(millis: int | None) -> datetime:
    """Read a time of MLflow."""
    return datetime.fromtimestamp((millis or 0) / 1000, UTC)


def register_prompt(client: "MlflowClient", name: str, template: str, comment: str) -> str:
    """Register a template as the next version of a prompt; it votes once it is promoted.

    Raises:
        ModelNotFoundError: when a placeholder is missing.
    """
    check_template(template, f"prompts:/{name}")
    with named_failures():
        return str(client.register_prompt(name, template, commit_message=comment).version)


def register_model(client: "MlflowClient", name: str, folder: Path, artifacts: Path | None, comment: str = "") -> str:
    """Register a folder of safetensors and JSON as the next version of a model; it votes once it is promoted.

    Args:
        client: the registry.
        name: of the registered model.
        folder: the files.
        artifacts: local folder for the files of an embedded registry; equal files of several workspaces are hard
            links, not copies. None: MLflow uploads them.
        comment: where they come from.

    Raises:
        InputDataError: when the folder is no such model.
    """
    check_folder(folder)
    with named_failures():
        experiment = client.get_experiment_by_name(EXPERIMENT)
        location = str(artifacts) if artifacts else None
        experiment_id = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, location)
        run = client.create_run(experiment_id, run_name=f"register {name}")
        if artifacts:
            copy_files(folder, Path(run.info.artifact_uri) / "model")
        else:
            client.log_artifacts(run.info.run_id, str(folder), "model")
        if found(lambda: client.get_registered_model(name)) is None:
            client.create_registered_model(name)
        tags = {WEIGHTS_TAG: hash_weights(folder), FILES_TAG: hash_files(folder)}
        source = f"{run.info.artifact_uri}/model"
        registered = client.create_model_version(name, source, run.info.run_id, tags=tags, description=comment)
        client.set_terminated(run.info.run_id)
    return str(registered.version)


def check_folder(folder: Path) -> None:
    """Refuse what is no model of Hugging Face's form in safetensors.

    Raises:
        InputDataError: saying what is missing, or too much.
    """
    files = list_files(folder) if folder.is_dir() else []
    strange = sorted({path.suffix or path.name for path in files} - ALLOWED_SUFFIXES)
    nested = [path for path in files if path.parent != folder]
    has_weights = any(path.suffix == WEIGHTS_SUFFIX for path in files)
    if strange or nested or not has_weights or not (folder / "config.json").is_file():
        has = f"files of kind {', '.join(strange)}" if strange else "folders in it" if nested else "no such files"
        raise InputDataError(
            f"{folder}: expected config.json, weights in safetensors and the tokenizer's JSON or vocabulary, side by "
            f"side and nothing else; it has {has}. Save a model so: model.save_pretrained(folder)."
        )


def promote(client: "MlflowClient", kind: Kind, name: str, version: str) -> str | None:
    """Let a version vote from the next micro-batch on; gives the one that voted before.

    Raises:
        ModelNotFoundError: when there is no such version.
    """
    known = found(
        lambda: client.get_model_version(name, version) if kind == "model" else client.get_prompt_version(name, version)
    )
    if known is None:
        raise ModelNotFoundError(
            f"There is no version {version} of the {kind} {name} in the registry. Type: lakehouse {kind} list"
        )
    before = champion_of(client, kind, name)
    with named_failures():
        # The way back first: cut off in between, it leads to what votes anyway.
        if before not in (None, version):
            set_tag(client, kind, name, str(before))
        if kind == "model":
            client.set_registered_model_alias(name, CHAMPION, version)
        else:
            client.set_prompt_alias(name, CHAMPION, int(version))
    return before


def roll_back(client: "MlflowClient", kind: Kind, name: str) -> tuple[str | None, str]:
    """Let the version vote again that voted before the last promotion; gives what voted, and what does now.

    Raises:
        ModelNotFoundError: when there was none.
    """
    thing = found(lambda: client.get_registered_model(name) if kind == "model" else client.get_prompt(name))
    previous = thing.tags.get(PREVIOUS_TAG) if thing else None
    if previous is None:
        raise ModelNotFoundError(
            f"The {kind} {name} was never promoted from one version to another, so there is none to go back to. "
            f"Type: lakehouse {kind} list"
        )
    return promote(client, kind, name, str(previous)), str(previous)


def set_tag(client: "MlflowClient", kind: Kind, name: str, version: str) -> None:
    """Note which version votes until now."""
    if kind == "model":
        client.set_registered_model_tag(name, PREVIOUS_TAG, version)
    else:
        client.set_prompt_tag(name, PREVIOUS_TAG, version)


def champion_of(client: "MlflowClient", kind: Kind, name: str) -> str | None:
    """Give the version that votes; None when none does."""
    look_up = client.get_model_version_by_alias if kind == "model" else client.get_prompt_version_by_alias
    version = found(lambda: look_up(name, CHAMPION))
    return str(version.version) if version else None


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
