"""A user's own project is written whole or not at all."""

from pathlib import Path

import pytest

from pipelines.errors import WorkspaceError
from pipelines.intents import Intent
from pipelines.workspace import init_workspace
from tests.small_disk import SmallDisk

INTENTS = [Intent("refund", "Money back", ("I want my money back",)), Intent("login", "", ())]


def test_a_project_that_a_full_disk_cut_short_is_made_whole_by_the_next_try(small_disk: SmallDisk) -> None:
    root = small_disk.root / "project"
    with small_disk.full(), pytest.raises(OSError, match="No space left"):
        init_workspace(root, INTENTS)
    workspace = init_workspace(root, INTENTS)
    assert len(workspace.pseudonym_key()) == 32
    assert workspace.intents == INTENTS
    assert not list(root.glob("*.part"))


def test_the_key_is_for_its_owner_alone_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "project", INTENTS)
    key = workspace.root / "pseudonym.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_text("cut sho")
    with pytest.raises(WorkspaceError, match="is not 64 hex digits"):
        workspace.pseudonym_key()
