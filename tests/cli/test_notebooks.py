"""Where a notebook's results go: below the cell in a shell of its own, else on the screen and into the workspace."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from pipelines.adapters.plots import Words, bars
from pipelines.cli.notebooks import Notebook

FIGURE = bars(pd.DataFrame({"n": [1]}, index=["a"]), Words("Title", "n", "name", "See.", "Nothing."))
ROWS = pd.DataFrame({"label": ["refund", None], "share": [0.5, float("nan")]})
PNG = b"\x89PNG"


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook("any", SimpleNamespace(root=tmp_path), None, None)


@pytest.fixture
def below(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What a shell would show below the cell."""
    shown: list[object] = []
    parts = SimpleNamespace(
        display=lambda *things: shown.extend(things), Image=lambda data: ("image", data[:4]), Markdown=str
    )
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object, display=parts, version_info=(9, 0)))
    return shown


def test_in_a_shell_of_its_own_everything_stands_below_the_cell(
    notebook: Notebook, below: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.plot(FIGURE)
    notebook.table("Shares", ROWS, nothing="No shares.")
    notebook.table("Shares", ROWS.head(0), nothing="No shares.")
    notebook.say("Done.")
    assert below[:2] == [("image", PNG), "**Shares**"]
    assert below[2] is ROWS
    assert below[3:] == ["No shares.", "Done."]
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_a_program_prints_tables_and_numbers_its_pictures(
    notebook: Notebook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.plot(FIGURE)
    notebook.plot(FIGURE)
    assert [(tmp_path / "pictures" / f"any-{number}.png").read_bytes()[:4] for number in (1, 2)] == [PNG, PNG]
    notebook.table("Shares", ROWS, nothing="No shares.")
    printed = capsys.readouterr().out
    assert f"Picture: {tmp_path / 'pictures' / 'any-2.png'}" in printed
    # What is missing is a dash.
    lines = [[cell.strip() for cell in line.strip("│\n ").split("│")] for line in printed.splitlines()]
    assert ["refund", "0.500"] in lines
    assert ["-", "-"] in lines
    notebook.table("Shares", ROWS.head(0), nothing="No shares [at all].")
    assert capsys.readouterr().out == "No shares [at all].\n"
