"""The embedded registry: MLflow on a sqlite database of the workspace, with the models and the prompt that ship."""

import os
import shutil
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.adapters.embedded_models import Progress, cache_folder, fill_aside, prepare_encoder, prepare_slm
from pipelines.adapters.failures import explain_refusal
from pipelines.adapters.model_files import hash_files, hash_weights
from pipelines.adapters.registry import FILES_TAG, SQLITE, WEIGHTS_TAG, found, named_failures, open_client
from pipelines.configuration import conf_dir

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
SLM, ENCODER, PROMPT = "intent-slm", "ticket-encoder", "intent-prompt"
EXPERIMENT = "intent-lakehouse"


def prepare_registry(tracking_uri: str, progress: Progress, cache: Path | None = None) -> None:
    """Make an embedded registry ready: store, both models and the prompt, each with alias `champion`.

    A second call registers nothing: an alias somebody has moved stays where it is.

    Args:
        tracking_uri: `sqlite:///PATH`; the models' files go beside the database.
        progress: told what takes long.
        cache: where converted models are kept; None: the per-user cache.

    Raises:
        MissingDependencyError: when the packages that carry the models are not installed.
        StorageError: when the disk is full.
    """
    store = Path(tracking_uri.removeprefix(SQLITE))
    cache = cache or cache_folder()
    create_store(store, cache, progress)
    with named_failures():
        register_missing(open_client(tracking_uri), cache, store.parent / "artifacts", progress)


def register_missing(client: "MlflowClient", cache: Path, artifacts: Path, progress: Progress) -> None:
    """Register each model and the prompt that has no champion yet."""
    if champion_of(client, SLM) is None:
        register_model(client, SLM, prepare_slm(cache, progress), artifacts)
    if champion_of(client, ENCODER) is None:
        register_model(client, ENCODER, prepare_encoder(cache), artifacts)
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
    copy_or_remove(template / "mlflow.db", aside)
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
    target.mkdir(parents=True)
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        link_or_copy(file, target / file.name)
    if found(lambda: client.get_registered_model(name)) is None:
        client.create_registered_model(name)
    tags = {WEIGHTS_TAG: hash_weights(target), FILES_TAG: hash_files(target)}
    registered = client.create_model_version(name, str(target), run.info.run_id, tags=tags)
    client.set_terminated(run.info.run_id)
    client.set_registered_model_alias(name, CHAMPION, registered.version)
    return str(registered.version)


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


def champion_of(client: "MlflowClient", name: str) -> object | None:
    """The champion's version, or None."""
    return found(lambda: client.get_model_version_by_alias(name, CHAMPION))
