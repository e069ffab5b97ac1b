"""`demo`: the whole flow on real embedded parts, with made-up tickets whose truth is known."""

import contextlib
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import SparkSession

from pipelines.adapters.kafka import produce
from pipelines.cli.demo_screens import show_results
from pipelines.cli.exports import export_tables
from pipelines.cli.flow import ORDER, Slm, Stage
from pipelines.cli.opening import open_broker, open_flow, open_spark, open_tables, prepare_models, with_slm
from pipelines.cli.options import JsonOption
from pipelines.cli.screens import counting, say, tell
from pipelines.configuration import conf_dir
from pipelines.errors import UsageError
from pipelines.intents import load_intents
from pipelines.jobs.reporting import report
from pipelines.jobs.runner import StageResult, drain
from pipelines.simulation import Simulation, generate, write_labelled_files, write_truth
from pipelines.workspace import MARKER, Workspace, init_workspace, open_workspace

PLACE = "demo"
FRESH = ("tables", "checkpoints", "kafka", "landing", "export", "spark", "logs")
SEED = 20260105


def demo(
    workspace: Annotated[Path, typer.Option("--workspace", "-w", help="Folder of the demo's workspace.")] = Path(
        "demo"
    ),
    tickets: Annotated[int, typer.Option("--tickets", min=50, help="Messages to generate.")] = 2_000,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds, equal tickets.")] = SEED,
    slm: Annotated[Slm | None, typer.Option("--slm", help="Override labelling.slm.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Generate tickets, send them through Kafka, bronze, silver, labels and the gate, export, and account for each."""
    found = with_slm(fresh_workspace(workspace), slm)
    simulation = generate(seed, tickets)
    write_truth(simulation, found.root / "truth.jsonl")
    write_labelled_files(simulation, Path(found.uri(found.settings.storage.landing_uri)))
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(open_broker(found))
        send(found, servers, simulation)
        # The models are made ready while bronze and silver run; the labels stage waits for them.
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        models = pool.submit(prepare_models, found)
        spark = stack.enter_context(open_spark(found))
        stages = run_stages(found, spark, servers, models)
        exporting = time.monotonic()
        manifest = export_tables(found, spark, str(found.root / "export"))
        stages.append(
            StageResult(
                "export", sum(file["rows"] for file in manifest["files"].values()), time.monotonic() - exporting
            )
        )
        store = open_tables(found, spark)
        counted = report(spark, store)
        show_results(found, spark, store, counted, stages, manifest, as_json)
    counted.check(drained=True)


def fresh_workspace(root: Path) -> Workspace:
    """Make the demo's workspace, or empty an earlier demo's; never anybody's own."""
    if not (root / MARKER).exists():
        if root.exists() and any(root.iterdir()):
            raise UsageError(f"{root} holds files that are not a demo's. Name another folder with --workspace.")
        return init_workspace(root, load_intents(conf_dir() / "demo" / "intents.yml"), PLACE)
    workspace = open_workspace(root)
    if workspace.place != PLACE:
        raise UsageError(
            f"{root} is a workspace of your own; the demo would empty it. Name another one with --workspace."
        )
    for name in FRESH:
        shutil.rmtree(root / name, ignore_errors=True)
    say(f"Emptied the earlier demo in {root}; its registered models stay.")
    return workspace


def send(workspace: Workspace, servers: str, simulation: Simulation) -> None:
    """Produce the generated messages."""
    with counting("sending tickets", len(simulation.messages)) as count:
        produce(workspace.settings.kafka, servers, workspace.root, simulation.messages, count)
    say(f"{len(simulation.messages):,} messages are in the topic {workspace.settings.kafka.topic}.")


def run_stages(workspace: Workspace, spark: SparkSession, servers: str, models: "Future[None]") -> list[StageResult]:
    """Drain the four stages in order, one line each."""
    flow = open_flow(workspace, spark, servers)
    results = []
    for stage in ORDER:
        if stage is Stage.LABELS:
            with counting("making the models ready"):
                models.result()
        with counting(f"{stage}: micro-batches") as count:
            results.append(drain(flow, str(stage), partial(tell, count)))
        say(f"{stage}: {results[-1].rows:,} rows written in {results[-1].seconds:.1f} s")
    return results
