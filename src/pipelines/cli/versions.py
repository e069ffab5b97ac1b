"""`model` and `prompt`: which version votes, and changing it. What has voted stays as it was cast."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.adapters.registration import TrainingRecord, register_model, register_prompt
from pipelines.adapters.registry import SQLITE, open_client, read_reference
from pipelines.adapters.versions import Version, list_models, list_prompts, promote, read_template, roll_back
from pipelines.cli.opening import prepare_models
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import out, show_json, show_table
from pipelines.errors import InputDataError
from pipelines.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from pipelines.adapters.versions import Registry

model = typer.Typer(
    name="model", help="Versions of the models: list, register, promote, roll back.", no_args_is_help=True
)
prompt = typer.Typer(
    name="prompt", help="Versions of the prompt: list, show, register, promote, roll back.", no_args_is_help=True
)

HASH_CHARS = 12
ModelName = Annotated[str, typer.Argument(help="Name of the registered model, as `lakehouse model list` shows it.")]
VersionNumber = Annotated[str, typer.Argument(help="Number of the version.")]
PromptName = Annotated[str | None, typer.Option("--name", help="Name of the prompt; default: models.prompt_uri's.")]
Comment = Annotated[str, typer.Option("--comment", help="Where it comes from, for whoever reads the list.")]


@model.command("list")
def list_model_versions(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List every version of every model; `champion` votes."""
    show_versions(list_models(open_registry(find_workspace(workspace))), as_json)


@model.command("register")
def register_model_version(
    name: ModelName,
    folder: Annotated[Path, typer.Argument(help="config.json, safetensors, tokenizer: what save_pretrained writes.")],
    comment: Comment = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Register a folder as the next version of a model. It votes once it is promoted."""
    opened = find_workspace(workspace)
    record = TrainingRecord(experiment=opened.settings.models.experiment)
    client, artifacts = open_registry(opened), artifacts_of(opened)
    version = register_model(client, name, folder, artifacts, comment or str(folder), record)
    out.print(f"Registered: {name} version {version}. To let it vote: lakehouse model promote {name} {version}")


@model.command("promote")
def promote_model(name: ModelName, version: VersionNumber, workspace: WorkspaceOption = None) -> None:
    """Let a version vote from the next micro-batch on; running streams need no restart."""
    tell_promotion(name, promote(open_registry(find_workspace(workspace)), "model", name, version), version)


@model.command("rollback")
def roll_model_back(name: ModelName, workspace: WorkspaceOption = None) -> None:
    """Let the version vote again that voted before the last promotion."""
    tell_promotion(name, *roll_back(open_registry(find_workspace(workspace)), "model", name))


@prompt.command("list")
def list_prompt_versions(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List every version of every prompt; `champion` votes."""
    show_versions(list_prompts(open_registry(find_workspace(workspace))), as_json)


@prompt.command("show")
def show_prompt(
    version: Annotated[str | None, typer.Argument(help="Number of the version; default: the one that votes.")] = None,
    name: PromptName = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Print the template of a version."""
    opened = find_workspace(workspace)
    typer.echo(read_template(open_registry(opened), prompt_name(opened, name), version))


@prompt.command("register")
def register_prompt_version(
    file: Annotated[Path, typer.Argument(help="A template with {{examples}} and {{ticket}}, once each.")],
    comment: Comment = "",
    name: PromptName = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Register a template as the next version of the prompt. It votes once it is promoted."""
    opened = find_workspace(workspace)
    version = register_prompt(open_registry(opened), prompt_name(opened, name), read_text(file), comment or file.name)
    out.print(f"Registered: version {version}. To let it vote: lakehouse prompt promote {version}")


@prompt.command("promote")
def promote_prompt(version: VersionNumber, name: PromptName = None, workspace: WorkspaceOption = None) -> None:
    """Let a version vote from the next micro-batch on; running streams need no restart."""
    opened = find_workspace(workspace)
    named = prompt_name(opened, name)
    tell_promotion(named, promote(open_registry(opened), "prompt", named, version), version)


@prompt.command("rollback")
def roll_prompt_back(name: PromptName = None, workspace: WorkspaceOption = None) -> None:
    """Let the version vote again that voted before the last promotion."""
    opened = find_workspace(workspace)
    named = prompt_name(opened, name)
    tell_promotion(named, *roll_back(open_registry(opened), "prompt", named))


def artifacts_of(workspace: Workspace) -> Path | None:
    """Where an embedded registry keeps the files of its models; None where a server does."""
    uri = workspace.tracking_uri
    return Path(uri.removeprefix(SQLITE)).parent / "artifacts" if uri.startswith(SQLITE) else None


def open_registry(workspace: Workspace) -> "Registry":
    """Open the workspace's registry, made ready where it is embedded."""
    prepare_models(workspace)
    return open_client(workspace.tracking_uri)


def prompt_name(workspace: Workspace, named: str | None) -> str:
    """Give the prompt's name: the one that was named, else that of the settings."""
    return named or read_reference(workspace.settings.models.prompt_uri)[0]


def read_text(file: Path) -> str:
    """Read a template.

    Raises:
        InputDataError: when the file is no text in UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputDataError(f"{file}: expected a text file in UTF-8 ({type(error).__name__}).") from error


def show_versions(versions: list[Version], as_json: bool) -> None:
    """Print versions as a table, or as JSON."""
    if as_json:
        show_json([asdict(one) | {"created_at": one.created_at.isoformat()} for one in versions])
        return
    rows = [
        (one.name, one.version, " ".join(one.aliases), one.hash[:HASH_CHARS], shown(one.created_at), one.comment)
        for one in versions
    ]
    show_table("Versions", ("name", "version", "aliases", "sha-256", "created (UTC)", "comment"), rows)


def shown(moment: datetime) -> str:
    """Write a time."""
    return f"{moment:%Y-%m-%d %H:%M}"


def tell_promotion(name: str, before: str | None, now: str) -> None:
    """Say what votes now, and what did until now."""
    was = f", until now version {before}" if before and before != now else ""
    out.print(f"{name}: version {now} votes from the next micro-batch on{was}. Votes that were cast stay.")
