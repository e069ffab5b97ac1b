"""`apply`: the stream's own transforms on a file, before anything runs."""

import typer

from pipelines.cli.apply_cluster import cluster
from pipelines.cli.apply_label import label
from pipelines.cli.apply_redact import redact

apply = typer.Typer(
    name="apply", help="Try redaction, clustering or labels on a file of your own.", no_args_is_help=True
)
apply.command()(redact)
apply.command()(cluster)
apply.command()(label)
