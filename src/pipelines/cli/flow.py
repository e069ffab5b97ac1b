"""`run`: the streams, drained one after the other or kept running."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from pipelines.adapters.text_annotator import annotator_problem
from pipelines.cli.agreement import measure_stage
from pipelines.cli.looking import show_questions
from pipelines.cli.opening import open_broker, open_flow, open_spark, prepare_models, with_slm
from pipelines.cli.options import JsonOption, SlmOption, WorkspaceOption
from pipelines.cli.screens import counting, say, show_json, show_next, show_table, tell
from pipelines.cli.verdicts import show_verdicts
from pipelines.errors import ModelUnavailableError, UsageError
from pipelines.intents import load_intents
from pipelines.jobs.flow import Flow
from pipelines.jobs.observing import Observer
from pipelines.jobs.reporting import count_spared, count_verdicts
from pipelines.jobs.runner import StageResult, drain, run_continuously
from pipelines.settings import FeatureSettings
from pipelines.workspace import INTENTS, Workspace, find_workspace


class Stage(StrEnum):
    """What can be run."""

    BRONZE = "bronze"
    SILVER = "silver"
    LABELS = "labels"
    GATE = "gate"
    FEATURES = "features"
    ALL = "all"


ORDER: list[Stage] = [Stage.BRONZE, Stage.SILVER, Stage.LABELS, Stage.GATE, Stage.FEATURES]


def run(
    stage: Annotated[Stage, typer.Argument(help="Which stream; all: all in order.")] = Stage.ALL,
    workspace: WorkspaceOption = None,
    continuous: Annotated[bool, typer.Option("--continuous", help="Keep running until Ctrl-C.")] = False,
    slm: SlmOption = None,
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="Start new checkpoints: read everything anew, write nothing twice.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move tickets: Kafka -> bronze -> silver -> labels -> gate -> gold, quarantine, shed; silver -> features.

    Drains what is there and stops, unless --continuous. Running again adds only what is new.
    """
    if continuous and as_json:
        raise UsageError("--continuous runs until it is stopped, so there is no end at which --json could report.")
    found = with_slm(find_workspace(workspace), slm)
    stages = runnable(ORDER if stage is Stage.ALL else [stage], found.settings.features)
    if continuous and stages:
        keep_running(found, stages, new_epoch)
        return
    results = list(run_stages(found, stages, new_epoch))
    if as_json:
        show_json(
            [
                {"stage": result.name, "rows": result.rows, "seconds": round(result.seconds, 1)}
                | ({"spared": result.spared} if result.spared else {})
                | ({"verdicts": result.verdicts} if result.verdicts else {})
                for result in results
            ]
        )
    else:
        for result in results:
            if result.spared:
                show_questions(result.spared)
            show_verdicts(result.verdicts)
        rows = [(result.name, result.rows, result.seconds) for result in results]
        show_table("Drained", ("stage", "rows written", "seconds"), rows)
        show_next("status", found.root)


def runnable(stages: list[Stage], settings: FeatureSettings) -> list[Stage]:
    """Leave the features stage out where Spark NLP cannot be had, with one line that says what to type."""
    if Stage.FEATURES not in stages:
        return stages
    problem = annotator_problem() if settings.enabled else "features.enabled is off."
    if problem is None:
        return stages
    if settings.enabled or stages == [Stage.FEATURES]:
        say(f"Text features are skipped: {problem}")
    return [stage for stage in stages if stage is not Stage.FEATURES]


def run_stages(workspace: Workspace, stages: list[Stage], new_epoch: bool = False) -> Iterator[StageResult]:
    """Drain stages in order; the broker and the models are only opened for the stages that need them.

    While the served model is away its tickets wait, and the stages behind go on with what there is. Behind the gate,
    agreement is measured on the votes that are new.

    Raises:
        ModelUnavailableError: after the last stage, where labels could not be drained.
    """
    check_inputs(workspace)
    if not stages:
        return
    away: ModelUnavailableError | None = None
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(open_broker(workspace)) if Stage.BRONZE in stages else None
        spark = stack.enter_context(open_spark(workspace))
        opened = open_flow(workspace, spark, servers, new_epoch)
        for stage in stages:
            if stage is Stage.LABELS:
                prepare_models(workspace)
            try:
                began = datetime.now(UTC)
                with counting(f"{stage}: micro-batches") as count:
                    result = drain(opened, str(stage), partial(tell, count))
                if stage is Stage.LABELS and result.rows:
                    spared = count_spared(spark, opened.store, workspace.settings.labelling, began)
                    result = replace(result, spared=spared)
                if stage is Stage.GATE and result.rows:
                    result = replace(result, verdicts=count_verdicts(spark, opened.store, began))
                yield result
            except ModelUnavailableError as error:
                away = error
        if Stage.GATE in stages:
            yield measure_stage(workspace, spark, opened.store)
    if away:
        raise away


def check_inputs(workspace: Workspace) -> None:
    """Refuse a missing key or wrong intents at once, not after a session has been started."""
    workspace.pseudonym_key()
    load_intents(workspace.root / INTENTS)


def keep_running(workspace: Workspace, stages: list[Stage], new_epoch: bool) -> None:
    """Run stages side by side in one session until Ctrl-C."""
    check_inputs(workspace)
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(open_broker(workspace)) if Stage.BRONZE in stages else None
        spark = stack.enter_context(open_spark(workspace, lasting=stages))
        if Stage.LABELS in stages:
            prepare_models(workspace)
        opened = open_flow(workspace, spark, servers, new_epoch)
        # Spark's own handler would cancel the batch in hand: half a minute of work to be done again.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say(f"Running {', '.join(stages)}. Ctrl-C lets the batch in hand end; servers: {servers or 'not needed'}")
        watch = stack.enter_context(watching(workspace, opened))
        with counting("micro-batches") as count:

            def tick(name: str, batches: int) -> None:
                tell(count, name, batches)
                watch()

            run_continuously(opened, [str(stage) for stage in stages], tick, lambda: True, say)


@contextlib.contextmanager
def watching(workspace: Workspace, flow: Flow) -> Iterator[Callable[[], None]]:
    """Serve metrics where settings ask for them; gives what has to be called now and then."""
    settings = workspace.settings.metrics
    if not settings.port:
        yield lambda: None
        return
    from pipelines.adapters.metrics import serve_metrics

    with serve_metrics(flow.spark, settings.address, settings.port) as metrics:
        say(f"Metrics: http://{settings.address}:{settings.port}/metrics")
        every = settings.tables_every_seconds
        yield Observer(flow.spark, flow.store, metrics, every, datetime.now(UTC)).look_if_due
