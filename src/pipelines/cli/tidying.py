"""`maintain`: the tables' files, once a day."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.adapters.tidying import tidy_files
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, show_json, show_table
from pipelines.contracts import TABLES
from pipelines.workspace import find_workspace

LEAST_DAYS = 7
"""Delta's own limit: a stream or a reader may still be at a version of some days ago."""


def maintain(
    workspace: WorkspaceOption = None,
    keep_days: Annotated[
        int,
        typer.Option(
            "--keep-days", min=LEAST_DAYS, help="Days back to which versions stay readable (export --as-of, rebuild)."
        ),
    ] = 30,
    as_json: JsonOption = False,
) -> None:
    """Put all tables' small files together, in order where rows are looked up, and delete those beyond retention."""
    found = find_workspace(workspace)
    with counting("tidying", len(TABLES)) as count, open_spark(found) as spark:
        store = open_tables(found, spark)
        tidied = []
        for number, table in enumerate(TABLES, 1):
            tidied.append(tidy_files(spark, store, table, keep_days))
            count(number)
    if as_json:
        show_json([asdict(one) for one in tidied])
        return
    rows = [(one.table, one.files_before, one.files_after) for one in tidied]
    show_table("Files of the newest version", ("table", "before", "now"), rows)
