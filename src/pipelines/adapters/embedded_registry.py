"""The embedded registry: MLflow on a sqlite database of the workspace, with the models and the prompt that ship."""

import os
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.adapters.embedded_models import Progress, cache_folder, fill_aside, prepare_encoder, prepare_slm
from pipelines.adapters.registration import copy_or_remove, register_model, register_prompt
from pipelines.adapters.registry import SQLITE, named_failures, open_client
from pipelines.adapters.versions import champion_of, promote
from pipelines.configuration import conf_dir

if TYPE_CHECKING:
    from mlflow import MlflowClient

SLM, ENCODER = "intent-slm", "ticket-encoder"
PROMPTS = {"intent-prompt": "intent.v1.txt", "choice-prompt": "choice.v1.txt"}
"""For the model of the registry, and for a served one."""


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
    if champion_of(client, "model", SLM) is None:
        introduce(client, SLM, prepare_slm(cache, progress), artifacts)
    if champion_of(client, "model", ENCODER) is None:
        introduce(client, ENCODER, prepare_encoder(cache), artifacts)
    for name, file in PROMPTS.items():
        if champion_of(client, "prompt", name) is None:
            template = (conf_dir() / "prompts" / file).read_text(encoding="utf-8")
            version = register_prompt(client, name, template, f"conf/prompts/{file}")
            promote(client, "prompt", name, version)


def introduce(client: "MlflowClient", name: str, folder: Path, artifacts: Path) -> None:
    """Register the first version of a model and let it vote."""
    promote(client, "model", name, register_model(client, name, folder, artifacts))


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
