"""`demo`: the whole flow on real embedded parts, with made-up tickets whose truth is known."""

import contextlib
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.kafka import produce
from pipelines.cli.demo_screens import show_results
from pipelines.cli.exports import export_tables
from pipelines.cli.flow import ORDER, Stage, runnable
from pipelines.cli.opening import open_broker, open_flow, open_spark, prepare_models, with_slm
from pipelines.cli.options import JsonOption, SlmOption
from pipelines.cli.screens import counting, say, tell
from pipelines.configuration import conf_dir
from pipelines.errors import UsageError
from pipelines.intents import load_intents
from pipelines.jobs.flow import Flow
from pipelines.jobs.reporting import report
from pipelines.jobs.runner import StageResult, drain
from pipelines.simulation import generate, write_labelled_files, write_truth
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
    slm: SlmOption = None,
    as_json: JsonOption = False,
) -> None:
    """Generate tickets, send them through Kafka, bronze, silver, labels and the gate, export, and account for each."""
    found = with_slm(fresh_workspace(workspace), slm)
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(open_broker(found))
        # Beside the session's start: tickets are sent, then the models made ready; the stages wait for what they need.
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        sent = pool.submit(send, found, servers, seed, tickets)
        models = pool.submit(prepare_models, found)
        spark = stack.enter_context(open_spark(found))
        flow = open_flow(found, spark, servers)
        sent.result()
        stages = [run_stage(flow, stage, models) for stage in runnable(ORDER, found.settings.features)]
        began = time.monotonic()
        manifest = export_tables(found, spark, flow.store, str(found.root / "export"))
        rows = sum(file["rows"] for file in manifest["files"].values())
        stages.append(StageResult("export", rows, time.monotonic() - began))
        with counting("counting everything"):
            counted = report(spark, flow.store, flow.settings.labelling)
        show_results(found, spark, flow.store, counted, stages, manifest, as_json)
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


def send(workspace: Workspace, servers: str, seed: int, tickets: int) -> None:
    """Generate tickets, labelled files and the truth about them; produce the tickets."""
    simulation = generate(seed, tickets)
    write_truth(simulation, workspace.root / "truth.jsonl")
    write_labelled_files(simulation, Path(workspace.uri(workspace.settings.storage.landing_uri)))
    produce(workspace.settings.kafka, servers, workspace.root, simulation.messages, lambda count: None)
    say(f"{tickets:,} messages are in the topic {workspace.settings.kafka.topic}.")


def run_stage(flow: Flow, stage: Stage, models: "Future[None]") -> StageResult:
    """Drain one stage, and say so in one line."""
    if stage is Stage.LABELS:
        with counting("making the models ready"):
            models.result()
    with counting(f"{stage}: micro-batches") as count:
        result = drain(flow, str(stage), partial(tell, count))
    say(f"{stage}: {result.rows:,} rows written in {result.seconds:.1f} s")
    return result
