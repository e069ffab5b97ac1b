"""`grants`: the rights of the file of roles, as SQL or carried out."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.access import read_access
from pipelines.adapters.views import view_statements
from pipelines.cli.opening import open_spark, open_tables, table_store
from pipelines.cli.options import WorkspaceOption
from pipelines.cli.screens import out, say
from pipelines.configuration import conf_dir
from pipelines.errors import UsageError
from pipelines.grants import Names, statements
from pipelines.workspace import find_workspace

FILE = "roles.yml"


def grants(
    workspace: WorkspaceOption = None,
    file: Annotated[
        Path | None, typer.Option("--roles", help="Another file of roles; default: the workspace's, else the shipped.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Carry the statements out, as an owner of catalog and schemas.")
    ] = False,
) -> None:
    """Write the SQL of who may do what: the views, column masks, row filters, and grants on all that is there."""
    found = find_workspace(workspace)
    storage, own = found.settings.storage, found.root / FILE
    if not storage.catalog:
        raise UsageError(
            "Rights stand in Unity Catalog, and this workspace has none: set storage.catalog. Tables in folders are "
            "protected by the rights of their folders."
        )
    access = read_access(file or (own if own.is_file() else conf_dir() / FILE))
    # Databricks drops the rights on a view that is replaced: views and rights are made together.
    rights = statements(access, Names(storage.catalog, storage.schema_prefix))
    written = [*view_statements(table_store(found)), *rights]
    if not apply:
        out.file.write("".join(f"{statement};\n" for statement in written))
        return
    with open_spark(found) as spark:
        open_tables(found, spark)
        for statement in written:
            spark.sql(statement)
    say(f"Done: {len(written)} statements.")
