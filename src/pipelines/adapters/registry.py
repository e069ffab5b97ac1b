"""The registry: which version of each model and prompt votes. MLflow over a database, never over its file store.

Aliases move, versions do not: a micro-batch resolves `champion` once and works with what it got.
"""

import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipelines.adapters.embedded_models import Progress, cache_folder, fill_aside, prepare_encoder, prepare_slm
from pipelines.adapters.model_files import (
    PinnedModel,
    PinnedPrompt,
    PinnedVersions,
    hash_files,
    hash_text,
    hash_weights,
)
from pipelines.configuration import conf_dir
from pipelines.errors import ModelNotFoundError, ServiceUnavailableError
from pipelines.settings import ModelSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

CHAMPION = "champion"
SLM, ENCODER, PROMPT = "intent-slm", "ticket-encoder", "intent-prompt"
WEIGHTS_TAG, FILES_TAG = "weights_sha256", "files_sha256"
EXPERIMENT = "intent-lakehouse"
SQLITE = "sqlite:///"
NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
REFERENCE = re.compile(r"^(?:models|prompts):/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>[0-9]+))$")


def prepare_registry(tracking_uri: str, progress: Progress, cache: Path | None = None) -> None:
    """Make an embedded registry ready: store, both models and the prompt, each with alias `champion`.

    A second call registers nothing: an alias somebody has moved stays where it is.

    Args:
        tracking_uri: `sqlite:///PATH`; the models' files go beside the database.
        progress: told what takes long.
        cache: where converted models are kept; None: the per-user cache.

    Raises:
        MissingDependencyError: when the packages that carry the models are not installed.
    """
    store = Path(tracking_uri.removeprefix(SQLITE))
    cache = cache or cache_folder()
    create_store(store, cache, progress)
    client = open_client(tracking_uri)
    if champion_of(client, SLM) is None:
        register_model(client, SLM, prepare_slm(cache, progress), store.parent / "artifacts")
    if champion_of(client, ENCODER) is None:
        register_model(client, ENCODER, prepare_encoder(cache), store.parent / "artifacts")
    if found(lambda: client.get_prompt_version_by_alias(PROMPT, CHAMPION)) is None:
        template = (conf_dir() / "prompts" / "intent.v1.txt").read_text(encoding="utf-8")
        prompt = client.register_prompt(PROMPT, template, commit_message="conf/prompts/intent.v1.txt")
        client.set_prompt_alias(PROMPT, CHAMPION, prompt.version)


def create_store(store: Path, cache: Path, progress: Progress) -> None:
    """Create MLflow's database as a copy of an empty one: making the first takes its 50 migrations some 10 seconds."""
    if store.is_file():
        return
    template = prepare_template(cache, progress)
    store.parent.mkdir(parents=True, exist_ok=True)
    aside = store.with_suffix(f".{os.getpid()}")
    shutil.copyfile(template / "mlflow.db", aside)
    with sqlite3.connect(aside) as connection:
        # The default experiment remembers the folder the template was made in.
        connection.execute("UPDATE experiments SET artifact_location = ?", (str(store.parent / "artifacts"),))
    connection.close()
    aside.rename(store)


def prepare_template(cache: Path, progress: Progress) -> Path:
    """Make the folder of an empty database, once per user and MLflow version."""
    template = cache / "mlflow" / version("mlflow")
    if not template.is_dir():
        progress("Creating the model registry's database (once, about 10 seconds)")
        fill_aside(template, lambda aside: migrate(aside / "mlflow.db"))
    return template


def prepare_caches(progress: Progress) -> None:
    """Do once per user what every new workspace would wait for: empty database and converted models."""
    cache = cache_folder()
    prepare_template(cache, progress)
    prepare_slm(cache, progress)
    prepare_encoder(cache)


def migrate(store: Path) -> None:
    """Let MLflow create its tables in a new database."""
    open_client(f"{SQLITE}{store}").search_experiments(max_results=1)


@lru_cache(maxsize=8)
def open_client(tracking_uri: str) -> "MlflowClient":
    """Open the registry, quietly; on Databricks that of Unity Catalog."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri, "databricks-uc" if tracking_uri == "databricks" else tracking_uri)


def register_model(client: "MlflowClient", name: str, folder: Path, artifacts: Path) -> str:
    """Register a folder of safetensors and JSON as the next version of a model and make it the champion.

    Args:
        client: the registry.
        name: of the registered model.
        folder: the files.
        artifacts: local folder for the files; equal files of several workspaces are hard links, not copies.

    Returns:
        The version.
    """
    experiment = client.get_experiment_by_name(EXPERIMENT)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, str(artifacts))
    run = client.create_run(experiment_id, run_name=f"register {name}")
    target = Path(run.info.artifact_uri) / "model"
    shutil.copytree(folder, target, copy_function=link_or_copy)
    if found(lambda: client.get_registered_model(name)) is None:
        client.create_registered_model(name)
    tags = {WEIGHTS_TAG: hash_weights(target), FILES_TAG: hash_files(target)}
    registered = client.create_model_version(name, str(target), run.info.run_id, tags=tags)
    client.set_terminated(run.info.run_id)
    client.set_registered_model_alias(name, CHAMPION, registered.version)
    return str(registered.version)


def link_or_copy(source: str, target: str) -> str:
    """Link a file, or copy it to another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target


def champion_of(client: "MlflowClient", name: str) -> object | None:
    """The champion's version, or None."""
    return found(lambda: client.get_model_version_by_alias(name, CHAMPION))


def pin_versions(tracking_uri: str, settings: ModelSettings, slm_needed: bool) -> PinnedVersions:
    """Resolve every alias to an immutable version; call it once a micro-batch.

    Raises:
        ModelNotFoundError: when a model, prompt, version or alias is missing, with what to type.
        ServiceUnavailableError: when the registry does not answer.
    """
    if tracking_uri.startswith(SQLITE) and not Path(tracking_uri.removeprefix(SQLITE)).is_file():
        raise ModelNotFoundError("This workspace has no model registry yet. Type: lakehouse setup")
    client = open_client(tracking_uri)
    return PinnedVersions(
        encoder=pin_model(client, settings.encoder_uri),
        slm=pin_model(client, settings.slm_uri) if slm_needed else None,
        prompt=pin_prompt(client, settings.prompt_uri),
    )


def pin_model(client: "MlflowClient", uri: str) -> PinnedModel:
    """Resolve a model's URI."""
    name, alias, number = read_reference(uri)
    model = found(
        lambda: client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
    )
    tags = model.tags if model else {}
    if model is None or not {WEIGHTS_TAG, FILES_TAG} <= set(tags):
        what = "is not in the registry" if model is None else "was registered without the hashes of its files"
        raise ModelNotFoundError(f"Model {uri} {what}. Type: lakehouse setup, or set models.*_uri to another.")
    version_uri = f"models:/{name}/{model.version}"
    location = client.get_model_version_download_uri(name, model.version)
    return PinnedModel(name, str(model.version), version_uri, location, tags[WEIGHTS_TAG], tags[FILES_TAG])


def pin_prompt(client: "MlflowClient", uri: str) -> PinnedPrompt:
    """Resolve a prompt's URI, past MLflow's own cache of aliases, which is up to a minute behind."""
    name, alias, number = read_reference(uri)
    prompt = found(
        lambda: client.get_prompt_version_by_alias(name, alias) if alias else client.get_prompt_version(name, number)
    )
    template = prompt.template if prompt else None
    if prompt is None or not isinstance(template, str):
        what = "is not in the prompt registry" if prompt is None else "is a chat, expected one text"
        raise ModelNotFoundError(f"Prompt {uri} {what}. Type: lakehouse setup, or set models.prompt_uri to another.")
    for placeholder in ("{{examples}}", "{{ticket}}"):
        if template.count(placeholder) != 1:
            raise ModelNotFoundError(f"Prompt {uri} must hold {placeholder} once; register a version that does.")
    return PinnedPrompt(name, str(prompt.version), hash_text(template), template)


def read_reference(uri: str) -> tuple[str, str, str]:
    """Split `models:/NAME@ALIAS` or `models:/NAME/VERSION` into name, alias and version (one of the two empty)."""
    match = REFERENCE.match(uri)
    if match is None:
        raise ModelNotFoundError(f"{uri} names no version: expected models:/NAME@ALIAS or models:/NAME/VERSION.")
    return match["name"], match["alias"] or "", match["version"] or ""


def found(look_up: Callable[[], T]) -> T | None:
    """Run a look-up; None when the registry says that there is no such thing.

    Raises:
        ServiceUnavailableError: when it says anything else.
    """
    from mlflow.exceptions import MlflowException

    try:
        return look_up()
    except MlflowException as error:
        if error.error_code in NOT_FOUND:
            return None
        raise ServiceUnavailableError(
            f"The model registry does not answer as expected ({error.error_code}). Check models.tracking_uri: "
            "lakehouse doctor"
        ) from error
