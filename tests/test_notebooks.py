"""The notebooks, cell by cell, as Databricks runs them: on a small workspace, and on one where nothing has happened."""

import ast
import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.cli.app import run
from pipelines.cli.notebooks import open_notebook
from pipelines.cli.opening import table_store
from pipelines.contracts import AGREEMENT, CERTIFICATES, TICKETS_SILVER
from pipelines.workspace import open_workspace
from tests.analyst import INTENTS, LOST, TODAY
from tests.builders import NOON, Values, frame
from tests.cli.workspaces import make_workspace
from tests.pictures import assert_nothing_is_cut_off

pytestmark = pytest.mark.usefixtures("single_task_shuffles")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
NAMES = ["01_explore_gold", "02_review_disagreements", "03_data_quality", "04_compare_models", "05_dataset_card"]
HEAD, CUT, MAGIC = "# Databricks notebook source\n", "\n# COMMAND ----------\n", "# MAGIC"
PLOTS = dict(zip(NAMES, (4, 5, 6, 4, 3), strict=True))


@dataclass
class Shown:
    """What a notebook showed: its plots, and what it printed."""

    figures: list[Figure] = field(default_factory=list)
    printed: str = ""


def cells_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(HEAD), f"{path.name} must begin with: {HEAD}"
    # Blank lines in place of the cells before: errors then name the notebook's own lines.
    parts = text.split(CUT)
    ends = np.cumsum([part.count("\n") + CUT.count("\n") for part in parts])
    return ["\n" * int(before) + part for before, part in zip([0, *ends[:-1]], parts, strict=True)]


def run_cells(path: Path, record_id: str = "") -> None:
    """Run a notebook's cells in one namespace; a cell of Markdown is nothing to run, any other magic is refused.

    `record_id` is what its reader writes into RECORD_ID.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    for source in cells_of(path):
        cell = source.replace('RECORD_ID = ""', f"RECORD_ID = {record_id!r}")
        magic = [line for line in cell.splitlines() if line.startswith(MAGIC)]
        assert not magic or magic[0] == f"{MAGIC} %md", f"{path.name}: {magic[0]}"
        exec(compile(cell, str(path), "exec"), names)


def run_notebooks(workspace: Path, capsys: pytest.CaptureFixture[str], record_id: str = "") -> dict[str, Shown]:
    """Run all notebooks beside a workspace called `demo`, as they name it."""
    shown = {name: Shown() for name in NAMES}
    save = Figure.savefig
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.parent)
        for path in NOTEBOOKS:
            found = shown[path.stem]

            def keep(figure: Figure, *where: object, found: Shown = found, **how: object) -> None:
                found.figures.append(figure)
                save(figure, *where, **how)

            patch.setattr(Figure, "savefig", keep)
            run_cells(path, record_id)
            found.printed = capsys.readouterr().out
    return shown


@pytest.fixture(scope="module")
def workspace(spark: SparkSession, past: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the analysts' past, to which come what it lacks: agreement by day, audits, and an export."""
    root = Path(shutil.copytree(past, tmp_path_factory.mktemp("notebooks") / "demo"))
    store = table_store(open_workspace(root))
    append_once(frame(spark, AGREEMENT, *agreement()), store, AGREEMENT, BatchWrite("agreement", 1, 0))
    append_once(frame(spark, CERTIFICATES, certificate()), store, CERTIFICATES, BatchWrite("certify", 1, 1))
    labelled = root.parent / "labelled.csv"
    with labelled.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(labelled_rows())
    assert run(["validate", str(labelled), "--out", str(root / "export"), "--keep-text"]) == 0
    return root


def agreement() -> Iterator[Values]:
    for version, kappa in (("memory=ticket-encoder@1", 0.8), ("slm=intent-slm@1/intent-prompt@1", 0.4)):
        for day in (None, date(2026, 1, 5), date(2026, 1, 6)):
            yield {
                "compared": "model_and_people", "voter": version.partition("=")[0], "rater": version, "day": day,
                "votes": 50, "items": 40, "observed_agreement": 0.9, "cohen_kappa": kappa, "kappa_low": kappa - 0.1,
                "kappa_high": kappa + 0.1, "measured_at": NOON,
            }  # fmt: skip


def certificate() -> Values:
    tried = [
        {"threshold": step / 100, "records": 90, "audited": 60, "errors": 1, "precision": 0.98,
         "error_bound": 0.04, "coverage": 1.5 - step / 100}
        for step in (80, 90)
    ]  # fmt: skip
    return {
        "certificate_id": "third", "status": "certified", "issued_at": TODAY + timedelta(hours=1), "target_error": 0.05,
        "confidence_level": 0.95, "threshold": 0.8, "error_bound": 0.04, "coverage": 0.7, "audited": 60,
        "votes_spent": 65, "thresholds": tried, "labels": [{"label": "card", "audited": 30, "errors": 1}],
    }  # fmt: skip


def labelled_rows() -> Iterator[tuple[object, ...]]:
    yield ("text", "annotator_id", "label", "confidence_score")
    for number in range(60):
        word, label = (("card", "card"), ("money", "refund"))[number % 2]
        yield (f"{word} of case {number} is gone", "ann", label, 0.85 + number / 1000)


def test_the_five_are_here_and_define_nothing() -> None:
    assert [path.stem for path in NOTEBOOKS] == NAMES
    for path in NOTEBOOKS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        assert [node.lineno for node in ast.walk(tree) if isinstance(node, defined)] == [], path.name
        imported = {
            name.partition(".")[0]
            for node in ast.walk(tree)
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom)
                else [one.name for one in node.names] if isinstance(node, ast.Import)
                else []
            )
        }  # fmt: skip
        assert "pipelines" in imported, path.name
        assert imported <= {"pipelines", "pandas"}, path.name


def test_a_cell_that_raises_fails_and_says_where(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(f"{HEAD}{MAGIC} %md\n{MAGIC} # Title\n{CUT}x = 1\n{CUT}y = x / 0\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as raised:
        run_cells(broken)
    assert raised.traceback[-1].lineno + 1 == broken.read_text(encoding="utf-8").splitlines().index("y = x / 0") + 1


def test_on_a_small_workspace_every_plot_has_its_words_and_nothing_is_cut_off(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run_notebooks(workspace, capsys, LOST[:8])
    assert {name: len(one.figures) for name, one in shown.items()} == PLOTS
    for name, one in shown.items():
        for figure in one.figures:
            assert_readable(name, figure, is_drawn=True)
    pictures = sorted((workspace / "pictures").glob("*.png"))
    assert [path.name for path in pictures] == [f"{name}-{n}.png" for name in NAMES for n in range(1, PLOTS[name] + 1)]
    assert all(path.stat().st_size > 5_000 for path in pictures)
    assert "Certified: at most 5.0% of gold's labels are wrong" in shown["01_explore_gold"].printed
    assert "Contested clusters" in shown["02_review_disagreements"].printed
    assert f"Record {LOST}" in shown["02_review_disagreements"].printed
    assert "7 records" in shown["03_data_quality"].printed
    assert "slm=intent-slm@1/intent-prompt@2" in shown["04_compare_models"].printed
    assert "test rows their label" in shown["05_dataset_card"].printed


def test_where_nothing_has_happened_they_say_so_and_go_on(
    workspace: Path, spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run_notebooks(make_workspace(tmp_path, INTENTS).rename(tmp_path / "demo"), capsys)
    assert {name: len(one.figures) for name, one in shown.items()} == PLOTS
    for name, one in shown.items():
        for figure in one.figures:
            assert_readable(name, figure, is_drawn=False)
    assert "No certificate yet" in shown["01_explore_gold"].printed
    assert "No export in" in shown["05_dataset_card"].printed
    # The names in SQL have gone over to this workspace, and go back.
    assert spark.table(TICKETS_SILVER.full_name).count() == 0
    counted = open_notebook("any", str(workspace)).query("SELECT count(*) AS n FROM silver.tickets")
    assert counted["n"].item() == spark.table(TICKETS_SILVER.full_name).count() == 7


def assert_readable(name: str, figure: Figure, is_drawn: bool) -> None:
    """A title, labelled axes, a sentence, and all of it inside the picture and beside each other."""
    axes = figure.axes[0]
    title = axes.get_title(loc="left")
    assert title, name
    assert axes.get_xlabel(), f"{name}: {title}"
    assert axes.get_ylabel(), f"{name}: {title}"
    sentences = [text.get_text() for text in axes.texts] if not is_drawn else [figure.get_supxlabel()]
    assert any(sentence.endswith(".") or "lakehouse " in sentence for sentence in sentences), f"{name}: {title}"
    assert bool(axes.get_xticks().size) == is_drawn, f"{name}: {title}"
    assert_nothing_is_cut_off(figure, f"{name}: {title}")
