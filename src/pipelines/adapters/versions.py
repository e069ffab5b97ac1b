"""The versions of models and prompts: which there are, which one votes, and how that changes. Versions never change.

The alias `champion` says which version votes; every micro-batch looks it up once, so a promotion counts from the next
one on. What was champion before stands in a tag, for the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from pipelines.adapters.model_files import hash_text
from pipelines.adapters.registry import CHAMPION, WEIGHTS_TAG, found, named_failures
from pipelines.errors import ModelNotFoundError

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Registry: TypeAlias = MlflowClient

Kind = Literal["model", "prompt"]
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


def read_template(client: "MlflowClient", name: str, version: str | None) -> str:
    """Give the template of a version of a prompt; of the one that votes when none is named.

    Raises:
        ModelNotFoundError: when there is no such version.
    """
    chosen = version or champion_of(client, "prompt", name)
    shown = found(lambda: client.get_prompt_version(name, chosen)) if chosen else None
    if shown is None:
        raise ModelNotFoundError(f"There is no such version of the prompt {name}. Type: lakehouse prompt list")
    return str(shown.template)


def promote(client: "MlflowClient", kind: Kind, name: str, version: str) -> str | None:
    """Let a version vote from the next micro-batch on; gives the one that voted before.

    Raises:
        ModelNotFoundError: when there is no such version.
    """
    require_version(client, kind, name, version)
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


def require_version(client: "MlflowClient", kind: Kind, name: str, version: str) -> None:
    """Refuse a version that is not there.

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
