"""`lakehouse model` and `lakehouse prompt` on a real registry: a version comes, votes, and goes back."""

import json
from pathlib import Path

import pytest

from pipelines.adapters.registry import pin_versions
from pipelines.cli.app import run
from pipelines.workspace import open_workspace
from tests.cli.workspaces import make_workspace

INTENTS = "intents:\n- {name: a, examples: [b]}\n- {name: c, examples: [d]}\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("versions"), INTENTS)


def typed(workspace: Path, *arguments: object) -> int:
    return run([*map(str, arguments), "--workspace", str(workspace)])


def pinned(workspace: Path) -> tuple[str, str]:
    opened = open_workspace(workspace)
    versions = pin_versions(opened.tracking_uri, opened.settings.models, slm_needed=False)
    return versions.encoder.version, versions.prompt.version


def model_folder(workspace: Path, target: Path, *more: str) -> Path:
    """A copy of the registered encoder's small files with weights of its own."""
    target.mkdir()
    for name in ("config.json", "model.safetensors", *more):
        (target / name).write_bytes(b"{}")
    return target


def test_a_prompt_version_votes_once_it_is_promoted_and_goes_back(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "second.txt"
    template.write_text("Sort it.\n{{examples}}Text: {{ticket}}\nIntent:", encoding="utf-8")
    assert typed(workspace, "prompt", "register", template, "--comment", "shorter") == 0
    assert pinned(workspace) == ("1", "1")
    assert typed(workspace, "prompt", "promote", 2) == 0
    assert pinned(workspace) == ("1", "2")
    capsys.readouterr()
    assert typed(workspace, "prompt", "list", "--json") == 0
    listed = [one for one in json.loads(capsys.readouterr().out) if one["name"] == "intent-prompt"]
    assert [(one["version"], one["aliases"], one["comment"]) for one in listed] == [
        ("2", ["champion"], "shorter"), ("1", [], "conf/prompts/intent.v1.txt"),
    ]  # fmt: skip
    assert typed(workspace, "prompt", "show") == 0
    assert "Sort it." in capsys.readouterr().out
    assert typed(workspace, "prompt", "rollback") == 0
    assert pinned(workspace) == ("1", "1")
    assert "until now version 2" in capsys.readouterr().out
    assert typed(workspace, "prompt", "rollback") == 0, "the way back leads forward again"
    assert pinned(workspace) == ("1", "2")


def test_a_model_version_votes_once_it_is_promoted_and_goes_back(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(workspace, "model", "rollback", "ticket-encoder") == 69
    assert "none to go back to" in capsys.readouterr().err
    folder = model_folder(workspace, tmp_path / "own", "tokenizer.json")
    assert typed(workspace, "model", "register", "ticket-encoder", folder) == 0
    assert pinned(workspace)[0] == "1"
    assert typed(workspace, "model", "promote", "ticket-encoder", 2) == 0
    assert typed(workspace, "model", "promote", "ticket-encoder", 2) == 0
    assert pinned(workspace)[0] == "2"
    assert typed(workspace, "model", "rollback", "ticket-encoder") == 0
    assert pinned(workspace)[0] == "1"
    capsys.readouterr()
    assert typed(workspace, "model", "list") == 0
    shown = capsys.readouterr().out
    assert "intent-slm" in shown
    assert "champion" in shown


@pytest.mark.parametrize(
    ("files", "told"),
    [(["weights.bin"], "files of kind .bin"), ([], "no such files")],
)
def test_a_folder_that_may_hold_code_or_no_weights_is_refused(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], files: list[str], told: str
) -> None:
    folder = model_folder(workspace, tmp_path / "own", *files)
    if not files:
        (folder / "model.safetensors").unlink()
    assert typed(workspace, "model", "register", "intent-slm", folder) == 65
    assert told in " ".join(capsys.readouterr().err.split())


def test_what_is_not_there_cannot_be_promoted(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(workspace, "model", "promote", "intent-slm", 9) == 69
    assert typed(workspace, "prompt", "promote", 9) == 69
    assert "lakehouse prompt list" in capsys.readouterr().err
    template = tmp_path / "third.txt"
    template.write_text("no place for a text", encoding="utf-8")
    assert typed(workspace, "prompt", "register", template) == 65
    assert typed(workspace, "prompt", "register", tmp_path / "none.txt") == 65
