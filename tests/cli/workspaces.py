"""Workspaces as the command makes them."""

from pathlib import Path

from pipelines.cli.app import run


def make_workspace(folder: Path, intents: str, *options: str) -> Path:
    """Make a workspace in a folder from the text of its intents.yml."""
    own, root = folder / "intents.yml", folder / "project"
    own.write_text(intents, encoding="utf-8")
    assert run(["init", str(root), "--intents", str(own), *options]) == 0
    return root
