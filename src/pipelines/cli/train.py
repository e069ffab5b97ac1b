"""`train`: a student of what was verified and accepted so far."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from pipelines.adapters.models import load_encoder
from pipelines.adapters.registration import TrainingRecord, register_model
from pipelines.adapters.registry import ENCODER_TAG, HELD_OUT_TAG, pin_model, read_reference
from pipelines.adapters.student_files import NamedStudent, save_student
from pipelines.adapters.versions import promote
from pipelines.cli.opening import open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, show_json
from pipelines.cli.versions import artifacts_of, open_registry
from pipelines.errors import InputDataError
from pipelines.jobs import training
from pipelines.kernels.student import LEAST_EXAMPLES
from pipelines.vocabulary import UNKNOWN_LABEL
from pipelines.workspace import Workspace, find_workspace

MOST_NAMED = 5


def train(
    promoted: Annotated[bool, typer.Option("--promote/--no-promote", help="Let it vote at once.")] = True,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the student on the examples of intents.yml, accepted gold, and texts that are likely of an intent.

    It votes from the next micro-batch on.
    """
    found = find_workspace(workspace)
    client = open_registry(found)
    models = found.settings.models
    encoder = pin_model(client, models.encoder_uri, models.cpu_precision)
    with counting("reading gold"), open_spark(found) as spark:
        loaded = load_encoder(encoder, found.tracking_uri)
        store = open_tables(found, spark)
        settings = found.settings
        shares = training.Shares(settings.labelling.student_likely_from, settings.gate)
        examples = training.read_learning_set(spark, store, found.intents, encoder.weights_hash, loaded.encode, shares)
    with counting("training"):
        trained = training.train(examples, found.intents)
    if trained.student is None:
        raise InputDataError(too_few(trained.missing))
    name = read_reference(found.settings.models.student_uri)[0]
    described = training.describe(examples, trained, found.intents, encoder.uri)
    tags = {ENCODER_TAG: encoder.weights_hash, HELD_OUT_TAG: str(settings.gate.audit_share)}
    record = TrainingRecord(described, trained.metrics, tags, models.experiment)
    with tempfile.TemporaryDirectory(prefix="lakehouse-") as scratch:
        student = NamedStudent(trained.student, trained.labels, training.told_by_people(examples, found.intents))
        folder = save_student(student, encoder.weights_hash, Path(scratch) / "model")
        comment = f"trained on {len(examples.owners):,} examples"
        version = register_model(client, name, folder, artifacts_of(found), comment, record)
    if promoted:
        promote(client, "model", name, version)
    report = {"name": name, "version": version, "promoted": promoted, "missing": trained.missing, **trained.metrics}
    learnt_unknown = UNKNOWN_LABEL in trained.labels
    report |= {"examples": dict(examples.sources), "labels": len(trained.labels) - learnt_unknown}
    report |= {"learnt_unknown": learnt_unknown}
    show_json(report) if as_json else show_trained(report, examples.sources, found)


def too_few(missing: dict[str, int]) -> str:
    """Say what a student would need."""
    named = ", ".join(f"{label} has {count}" for label, count in [*missing.items()][:MOST_NAMED])
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    return (
        f"Too few examples for a student: at least two intents need {LEAST_EXAMPLES} each ({named}{more}). Add "
        "examples to intents.yml, or run again when more tickets have reached gold."
    )


def show_trained(report: dict[str, object], sources: Counter[str], workspace: Workspace) -> None:
    """Print what was learnt, from how much, and how good it is."""
    told = ", ".join(f"{count:,} of {source}" for source, count in sources.items())
    strange = " and `unknown`" if report["learnt_unknown"] else ""
    out.print(f"Learnt {report['labels']} of {len(workspace.intents)} intents{strange} from examples: {told}.")
    accuracy, loss = report["held_out_accuracy"], report["held_out_loss"]
    out.print(
        f"Right on examples it was not fitted on: {accuracy:.1%}, every intent weighing the same ({loss:.2f} nats)."
    )
    if isinstance(report["missing"], dict) and report["missing"]:
        out.print(f"Not learnt, for fewer than {LEAST_EXAMPLES} examples: {', '.join(report['missing'])}")
    name, version = report["name"], report["version"]
    not_yet = f"to let it vote: lakehouse model promote {name} {version}"
    out.print(f"Registered: {name} version {version}; {'it votes from now on' if report['promoted'] else not_yet}")
