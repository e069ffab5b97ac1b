"""A version that is named for one request votes in the place of the one that does."""

import re
from dataclasses import replace
from typing import Any

from pipelines.adapters.registry import open_client, read_reference
from pipelines.adapters.versions import require_version
from pipelines.cli.opening import prepare_models
from pipelines.errors import UsageError
from pipelines.workspace import Workspace

VERSION = re.compile(r"(?P<name>[^@]+)@(?P<number>[0-9]+)")
VOTE_AS = ("encoder_uri", "student_uri", "slm_uri", "prompt_uri")


def with_version(workspace: Workspace, version: str) -> Workspace:
    """Let a named version of a model or prompt vote in the place of the one that does; for this request only.

    Raises:
        UsageError: when it is no version of what votes here.
        ModelNotFoundError: when the registry has no such version.
    """
    settings = workspace.settings
    uris = {name: getattr(settings.models, name) for name in VOTE_AS}
    votes_as = {read_reference(uri)[0]: name for name, uri in uris.items()}
    match = VERSION.fullmatch(version)
    if match is None or match["name"] not in votes_as:
        raise UsageError(f"--version {version}: expected NAME@NUMBER with one of {', '.join(votes_as)}.")
    key = votes_as[match["name"]]
    kind = "prompts" if key == "prompt_uri" else "models"
    prepare_models(workspace)
    client = open_client(workspace.tracking_uri)
    require_version(client, "prompt" if kind == "prompts" else "model", match["name"], match["number"])
    changed: dict[str, Any] = {key: f"{kind}:/{match['name']}/{match['number']}"}
    models = replace(settings.models, **changed)
    asks = replace(settings.labelling, slm="all") if key in ("slm_uri", "prompt_uri") else settings.labelling
    return replace(workspace, settings=replace(settings, models=models, labelling=asks))
