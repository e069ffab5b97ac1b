"""`setup` and `doctor`: what has to be there before tickets flow."""

import sys
from pathlib import Path

import typer

from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import out, say, show_json, show_table
from pipelines.errors import MissingDependencyError, PipelineError
from pipelines.workspace import workspace_if_any


def setup(workspace: WorkspaceOption = None) -> None:
    """Fetch the pinned jars and convert the embedded models, once per user; register them in the workspace, if any."""
    from pipelines.adapters.embedded_registry import prepare_caches
    from pipelines.adapters.jars import resolve_jars
    from pipelines.cli.opening import prepare_models

    resolve_jars("spark", say)
    resolve_jars("broker", say)
    try:
        resolve_jars("nlp", say)
    except PipelineError as error:
        say(f"Text features are left out: {error}")
    try:
        prepare_caches(say)
    except MissingDependencyError as error:
        say(f"Models are left out: {error}")
    found = workspace_if_any(workspace)
    if found:
        prepare_models(found)
        say(f"Ready: jars, models, and the model registry of {found.root}.")
    else:
        say("Ready: jars and models.")


def doctor(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Check Java, jars, versions, memory, disk, Kafka and MLflow; say what to type where something is wrong."""
    from pipelines.adapters.health import check_surroundings

    found = workspace_if_any(workspace)
    checks = check_surroundings(
        folder=found.root if found else Path.cwd(),
        kafka=found.settings.kafka if found else None,
        tracking_uri=found.tracking_uri if found else None,
        python=sys.executable,
    )
    if as_json:
        show_json([{"name": c.name, "ok": c.ok, "found": c.found, "fix": c.fix} for c in checks])
    else:
        rows = [
            ("ok" if check.ok else "WRONG", check.name, check.found, "" if check.ok else check.fix) for check in checks
        ]
        show_table("Surroundings", ("", "check", "found", "what to type"), rows)
        out.print(
            "All is well." if all(check.ok for check in checks) else "Mend the lines marked WRONG, then run again."
        )
    if not all(check.ok for check in checks):
        raise typer.Exit(69)
