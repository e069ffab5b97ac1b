"""What a notebook starts with: a workspace opened for all its cells, and where its tables and pictures go."""

import atexit
import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.adapters.table_creation import ensure_tables
from pipelines.adapters.views import located, register_views
from pipelines.cli.opening import open_spark, table_store
from pipelines.cli.screens import out, show_table
from pipelines.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = "pictures"
DOTS_PER_INCH = 110
OPENED = contextlib.ExitStack()
"""Sessions of our own that last from cell to cell, until Python ends."""
atexit.register(OPENED.close)


@dataclass(frozen=True)
class Notebook:
    """An open workspace, and where results are shown.

    In a notebook's own shell (Jupyter, Databricks) they stand below the cell. Where the file is run as a program,
    tables are printed and plots are written to `pictures/` of the workspace.

    Attributes:
        name: of the notebook; pictures are called after it.
        workspace: whose tables are read.
        spark: the session that is open already, or one that ends with Python.
        store: where the tables stand.
    """

    name: str
    workspace: Workspace
    spark: SparkSession
    store: TableStore
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def query(self, sql: str, **values: object) -> pd.DataFrame:
        """Run one statement over tables and declared views by their full names; `:name` in it stands for a value."""
        return self.spark.sql(located(sql, self.store), args=values).toPandas()

    def plot(self, figure: "Figure") -> None:
        """Show a plot."""
        shell = running_shell()
        if shell:
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
            shell.display.display(shell.display.Image(data=content.getvalue()))
            return
        path = self.workspace.root / PICTURES / f"{self.name}-{next(self.numbers)}.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format="png", dpi=DOTS_PER_INCH)
        self.say(f"Picture: {path}")

    def table(self, title: str, rows: pd.DataFrame, nothing: str) -> None:
        """Show rows under a title; of none, a sentence that says why, and what to do."""
        shell = running_shell()
        if rows.empty:
            self.say(nothing)
        elif shell:
            shell.display.display(shell.display.Markdown(f"**{title}**"), rows)
        else:
            known = rows.astype(object).replace({float("nan"): None})
            show_table(title, list(rows.columns), [tuple(row) for row in known.itertuples(index=False)])

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        shell = running_shell()
        if shell:
            shell.display.display(shell.display.Markdown(sentence))
        else:
            out.print(sentence, markup=False, soft_wrap=True)


def open_notebook(name: str, folder: str) -> Notebook:
    """Open a workspace for all cells of a notebook, and let tables and declared views be found by their names.

    Args:
        name: of the notebook.
        folder: the workspace's.

    Raises:
        WorkspaceError: when the folder is no workspace.
    """
    workspace = find_workspace(Path(folder))
    spark = OPENED.enter_context(open_spark(workspace))
    store = table_store(workspace)
    if not store.catalog:
        # In a catalog they stand, and to make them is the jobs' right.
        ensure_tables(spark, store)
        register_views(spark, store)
    return Notebook(name, workspace, spark, store)


def running_shell() -> ModuleType | None:
    """Give IPython where it runs this code: nobody else can show a picture below a cell."""
    shell = sys.modules.get("IPython")
    return shell if shell is not None and shell.get_ipython() is not None else None
