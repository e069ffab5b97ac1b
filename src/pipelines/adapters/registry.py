"""The registry: which version of each model and prompt votes. MLflow over a database, never over its file store.

Aliases move, versions do not: a micro-batch resolves `champion` once and works with what it got.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipelines.adapters.failures import DISK_FULL
from pipelines.adapters.model_files import PinnedModel, PinnedPrompt, PinnedVersions, hash_text
from pipelines.errors import ModelNotFoundError, ServiceUnavailableError, StorageError
from pipelines.labelling_settings import CpuPrecision, EndpointSettings, ModelSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

T = TypeVar("T")

EXAMPLES, LABELS, TICKET = "{{examples}}", "{{labels}}", "{{ticket}}"
NEAR, CHOICE = (EXAMPLES, TICKET), (LABELS, TICKET)
"""What a prompt holds that shows the nearest examples, and one that lists all labels."""
SERVED_VERSION = "served"
CHAMPION = "champion"
"""The alias of the version that votes."""
WEIGHTS_TAG, FILES_TAG = "weights_sha256", "files_sha256"
ENCODER_TAG = "encoder_sha256"
"""On a student: the weights of the encoder whose vectors it was fitted on."""
HELD_OUT_TAG = "held_out_audit_share"
"""On a student or a calibration: `gate.audit_share` of its day. It may have learnt from records beyond it."""
SQLITE = "sqlite:///"
NOT_FOUND = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
REFERENCE = re.compile(r"^(?:models|prompts):/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>[0-9]+))$")


@lru_cache(maxsize=8)
def open_client(tracking_uri: str) -> "MlflowClient":
    """Open the registry, quietly; beside the tracking URI `databricks` MLflow looks in Unity Catalog for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    quieten_mlflow()
    from mlflow import MlflowClient

    quieten_mlflow()  # the import sets its own levels
    return MlflowClient(tracking_uri)


def quieten_mlflow() -> None:
    """Keep MLflow's traces off the screen: what it raises becomes a named error (`named_failures`)."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def registry_is_missing(tracking_uri: str) -> bool:
    """Say whether a workspace's own registry was never made."""
    return tracking_uri.startswith(SQLITE) and not Path(tracking_uri.removeprefix(SQLITE)).is_file()


def pin_versions(
    tracking_uri: str, settings: ModelSettings, slm_needed: bool, endpoint: EndpointSettings | None = None
) -> PinnedVersions:
    """Resolve every alias to an immutable version; call it once a micro-batch.

    Args:
        tracking_uri: of the registry.
        settings: which versions vote.
        slm_needed: whether a language model votes.
        endpoint: where it is served; then its name stands for its version.

    Raises:
        ModelNotFoundError: when a model, prompt, version or alias is missing, with what to type.
        ServiceUnavailableError: when the registry does not answer.
    """
    if registry_is_missing(tracking_uri):
        raise ModelNotFoundError("This workspace has no model registry yet. Type: lakehouse setup")
    client = open_client(tracking_uri)
    encoder = pin_model(client, settings.encoder_uri, settings.cpu_precision)
    student = pin_student(client, settings.student_uri, encoder)
    if endpoint and endpoint.url:
        prompt = pin_prompt(client, endpoint.prompt_uri, CHOICE)
        return PinnedVersions(encoder, name_served(endpoint) if slm_needed else None, prompt, student)
    slm = pin_model(client, settings.slm_uri, settings.cpu_precision) if slm_needed else None
    return PinnedVersions(encoder, slm, pin_prompt(client, settings.prompt_uri, NEAR, CHOICE), student)


def pin_student(client: "MlflowClient", uri: str, encoder: PinnedModel) -> PinnedModel | None:
    """Resolve the student's URI; None while there is no student, or only one of another encoder's vectors."""
    model = find_model(client, uri)
    if model is None or model.tags.get(ENCODER_TAG) != encoder.weights_hash:
        return None
    return pin_found(client, uri, model)


def held_out_share(tracking_uri: str, *uris: str) -> float:
    """Say up to which share of the audit's lots no version that these URIs lead to has learnt from a record.

    Returns:
        The least share that they were made with, 0 where one does not tell; 1 where there is no version.
    """
    if registry_is_missing(tracking_uri):
        return 1.0
    client = open_client(tracking_uri)
    models = [model for uri in uris if (model := find_model(client, uri))]
    return min((float(model.tags.get(HELD_OUT_TAG, 0.0)) for model in models), default=1.0)


def find_model(client: "MlflowClient", uri: str) -> "ModelVersion | None":
    """Look a model's URI up."""
    name, alias, number = read_reference(uri)
    return found(
        lambda: client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, number)
    )


def name_served(endpoint: EndpointSettings) -> PinnedModel:
    """Name a served model as a version: what stands behind its name is the server's to say."""
    identity = hash_text(f"{endpoint.url}\n{endpoint.model}")
    return PinnedModel(endpoint.model, SERVED_VERSION, endpoint.url, endpoint.url, identity, "")


def pin_model(client: "MlflowClient", uri: str, precision: CpuPrecision) -> PinnedModel:
    """Resolve a model's URI; `precision` says how it will be run."""
    model = find_model(client, uri)
    if model is None:
        raise cannot_pin(uri, "is not in the registry")
    return replace(pin_found(client, uri, model), precision=precision)


def pin_found(client: "MlflowClient", uri: str, model: "ModelVersion") -> PinnedModel:
    """Pin the version that a URI led to; looked up once, or the alias might have moved in between."""
    name, tags = read_reference(uri)[0], model.tags
    if not {WEIGHTS_TAG, FILES_TAG} <= set(tags):
        raise cannot_pin(uri, "was registered without the hashes of its files")
    version_uri = f"models:/{name}/{model.version}"
    location = client.get_model_version_download_uri(name, model.version)
    return PinnedModel(name, str(model.version), version_uri, location, tags[WEIGHTS_TAG], tags[FILES_TAG])


def cannot_pin(uri: str, why: str) -> ModelNotFoundError:
    """Say what is wrong with a model's URI, and what to do."""
    return ModelNotFoundError(f"Model {uri} {why}. Type: lakehouse setup, or set models.*_uri to another.")


def pin_prompt(client: "MlflowClient", uri: str, *kinds: Sequence[str]) -> PinnedPrompt:
    """Resolve a prompt's URI, past MLflow's own cache of aliases, which is up to a minute behind.

    It must hold all placeholders of one kind.
    """
    name, alias, number = read_reference(uri)
    prompt = found(
        lambda: client.get_prompt_version_by_alias(name, alias) if alias else client.get_prompt_version(name, number)
    )
    template = prompt.template if prompt else None
    if prompt is None or not isinstance(template, str):
        what = "is not in the prompt registry" if prompt is None else "is a chat, expected one text"
        raise ModelNotFoundError(f"Prompt {uri} {what}. Type: lakehouse setup, or set models.prompt_uri to another.")
    if all(unfilled(template, kind) for kind in kinds):
        wanted = " or ".join(" and ".join(kind) for kind in kinds)
        raise ModelNotFoundError(f"Prompt {uri} must hold {wanted}, each once; register a version that does.")
    return PinnedPrompt(name, str(prompt.version), hash_text(template), template)


def unfilled(template: str, needs: Sequence[str] = (TICKET,)) -> list[str]:
    """Say which placeholders a prompt does not hold exactly once."""
    return [placeholder for placeholder in needs if template.count(placeholder) != 1]


def read_reference(uri: str) -> tuple[str, str, str]:
    """Split `models:/NAME@ALIAS` or `models:/NAME/VERSION` into name, alias and version (one of the two empty)."""
    match = REFERENCE.match(uri)
    if match is None:
        raise ModelNotFoundError(f"{uri} names no version: expected models:/NAME@ALIAS or models:/NAME/VERSION.")
    return match["name"], match["alias"] or "", match["version"] or ""


def found(look_up: Callable[[], T]) -> T | None:
    """Run a look-up; None when the registry says that there is no such thing.

    Raises:
        StorageError: when its disk is full.
        ServiceUnavailableError: when it says anything else.
    """
    from mlflow.exceptions import MlflowException

    with named_failures():
        try:
            return look_up()
        except MlflowException as error:
            if error.error_code in NOT_FOUND:
                return None
            raise


@contextmanager
def named_failures() -> Iterator[None]:
    """Turn what MLflow raises into named errors.

    Raises:
        StorageError: when the registry's disk is full.
        ServiceUnavailableError: when the registry says anything else.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if re.search(DISK_FULL, str(error)):
            raise StorageError("The disk of the model registry is full. Free some space, then run again.") from error
        raise ServiceUnavailableError(
            f"The model registry does not answer as expected ({error.error_code}). Check models.tracking_uri: "
            "lakehouse doctor"
        ) from error
