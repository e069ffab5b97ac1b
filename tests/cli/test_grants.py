"""`grants`: the SQL of a workspace's own names and roles; nothing where there is no catalog."""

from pathlib import Path

import pytest

from pipelines.access import read_access
from pipelines.adapters.delta import TableStore
from pipelines.adapters.views import view_statements
from pipelines.cli.app import run
from pipelines.configuration import conf_dir
from pipelines.grants import Names, statements
from tests.cli.workspaces import make_workspace

ROLES = conf_dir() / "roles.yml"


INTENTS = "intents:\n- {name: a, examples: [b]}\n- {name: c, examples: [d]}\n"


def test_it_writes_every_statement_under_the_names_of_the_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_workspace(tmp_path, INTENTS, "--place", "databricks")
    monkeypatch.setenv("LAKEHOUSE_STORAGE__SCHEMA_PREFIX", "mine_")
    capsys.readouterr()
    assert run(["grants", "--workspace", str(root)]) == 0
    views = list(view_statements(TableStore("main", "", "mine_")))
    assert " FROM main.mine_gold.decisions" in " ".join(views[0].split())
    expected = [*views, *statements(read_access(ROLES), Names("main", "mine_"))]
    assert capsys.readouterr().out == "".join(f"{statement};\n" for statement in expected)


def test_the_workspaces_own_roles_go_before_the_shipped_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_workspace(tmp_path, INTENTS, "--place", "databricks")
    own = ROLES.read_text(encoding="utf-8").replace("intent-analysts", "data analysts")
    (root / "roles.yml").write_text(own, encoding="utf-8")
    capsys.readouterr()
    assert run(["grants", "--workspace", str(root)]) == 0
    written = capsys.readouterr().out
    assert "TO `data analysts`;" in written
    assert "intent-analysts" not in written


def test_tables_in_folders_have_no_rights_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grants", "--workspace", str(make_workspace(tmp_path, INTENTS, "--place", "local"))]) == 64
    assert "set storage.catalog" in capsys.readouterr().err
