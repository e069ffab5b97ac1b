"""`calibrate` and `certify`: what confidence means, and what may be promised of gold."""

import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pyspark.sql import SparkSession

from pipelines.adapters.calibration_files import save_calibration
from pipelines.adapters.registration import TrainingRecord, register_model
from pipelines.adapters.registry import HELD_OUT_TAG, held_out_share, read_reference
from pipelines.adapters.versions import promote
from pipelines.cli.opening import calibration_of, open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, say, show_json, show_next, show_table
from pipelines.cli.versions import artifacts_of, open_registry
from pipelines.errors import InputDataError
from pipelines.gate_rules import GateRules, PinnedCalibration
from pipelines.jobs import calibrating, certification
from pipelines.jobs.certification import Subject
from pipelines.jobs.promises import promise
from pipelines.kernels.reliability import Bin
from pipelines.workspace import Workspace, find_workspace


def calibrate(
    promoted: Annotated[bool, typer.Option("--promote/--no-promote", help="Let the gate go by it at once.")] = True,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from people's votes how often the models are right at what they say; the gate goes by it from then on."""
    found = find_workspace(workspace)
    client = open_registry(found)
    with counting("reading votes"), open_spark(found) as spark:
        subject = subject_of(found, spark, None)
        fitted = calibrating.calibrate(subject)
    tell_left_out(subject)
    if fitted.calibration is None:
        raise InputDataError(calibrating.too_few(fitted))
    name = read_reference(found.settings.models.calibration_uri)[0]
    described = {f"version_of_{table}": str(version) for table, version in fitted.tables.items()}
    with tempfile.TemporaryDirectory(prefix="lakehouse-") as scratch:
        folder = save_calibration(fitted.calibration, fitted.reliability, Path(scratch) / "model")
        comment = f"fitted on {fitted.rows:,} verified records"
        tags, experiment = {HELD_OUT_TAG: str(found.settings.gate.audit_share)}, found.settings.models.experiment
        record = TrainingRecord(described, fitted.metrics, tags, experiment)
        version = register_model(client, name, folder, artifacts_of(found), comment, record)
    if promoted:
        promote(client, "model", name, version)
    report = {"name": name, "version": version, "promoted": promoted, **fitted.metrics}
    report["hopes"] = [asdict(hope) for hope in fitted.hopes]
    if as_json:
        show_json(report)
        return
    show_calibration(report, fitted)
    show_next("certify", found.root)


def certify(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Say what may be promised of gold, from what people found in the audit sample, and let the gate go by it.

    A stricter threshold, a label under its floor, or an alarm reach gold with the gate's next micro-batch.
    """
    found = find_workspace(workspace)
    with counting("reading votes and audits"), open_spark(found) as spark:
        subject = subject_of(found, spark, calibration_of(found))
        certificate = certification.issue(subject, datetime.now(UTC))
    tell_left_out(subject)
    show_json(certificate) if as_json else show_certificate(certificate)


def subject_of(workspace: Workspace, spark: SparkSession, calibrated: PinnedCalibration | None) -> Subject:
    """Put together what is calibrated or certified."""
    store = open_tables(workspace, spark)
    rules, models = GateRules(workspace.settings.gate, calibrated), workspace.settings.models
    uris = [models.student_uri, models.calibration_uri] if calibrated else [models.student_uri]
    held_out = held_out_share(workspace.tracking_uri, *uris)
    return Subject(spark, store, tuple(workspace.intents), workspace.label_set, rules, held_out)


def tell_left_out(subject: Subject) -> None:
    """Say why some audits do not count, if that is so, and what to do."""
    if subject.held_out >= subject.settings.audit_share:
        return
    say(
        f"Audits count up to a share of {subject.held_out}: student or calibration may have learnt from records beyond"
        f" it, by the gate.audit_share of their day. Today it is {subject.settings.audit_share}; to count them all: "
        "lakehouse train, then lakehouse calibrate"
    )


def show_calibration(report: dict[str, Any], fitted: calibrating.Fitted) -> None:
    """Print how good a calibration is, and its reliability curve."""
    right = fitted.right / max(fitted.rows, 1)
    out.print(f"Fitted on {fitted.rows:,} records that people labelled; the models had {right:.1%} of them right.")
    if fitted.reliability is None:
        out.print("No audited record has votes of people yet, so how good it is has not been measured.")
    else:
        quality = fitted.reliability
        rows = [
            (f"{one.low:.1f} to {one.high:.1f}", one.records, one.confidence, one.right, interval(one))
            for one in quality.curve
        ]
        caption = (
            f"Expected calibration error {quality.ece:.3f}, Brier score {quality.brier:.3f}, right told from wrong "
            f"(AUROC) {quality.auroc:.3f}; on audited records, which it was not fitted on."
        )
        headers = ("confidence", "records", "mean confidence", "right", "95 % interval")
        show_table("What confidence meant", headers, rows, caption)
    hopes = [(hope.audits, hope.threshold, hope.coverage, hope.at_hand) for hope in fitted.hopes]
    caption = (
        "Audits below it would most likely be spent in vain: gate.min_confidence keeps them above. Too few in the "
        "audit's share? Raise gate.audit_share, then train and calibrate again."
    )
    named = ("audits", "from confidence", "of all judged", "in the audit's share")
    show_table("What audits may prove", named, hopes, caption)
    promoted = (
        "the gate goes by it from now on"
        if report["promoted"]
        else (f"to let the gate go by it: lakehouse model promote {report['name']} {report['version']}")
    )
    out.print(f"Registered: {report['name']} version {report['version']}; {promoted}.")


def interval(one: Bin) -> str:
    """Write the interval of a bin's share of right labels."""
    return f"{one.right_low:.2f} to {one.right_high:.2f}"


def show_certificate(certificate: dict[str, Any]) -> None:
    """Print a certificate as a person would want to read it, with the evidence for it."""
    for line in promise(certificate):
        out.print(line, soft_wrap=True)
    rows = [
        (one["threshold"], one["audited"], one["errors"], one["precision"], one["error_bound"], one["coverage"])
        for one in certificate["thresholds"]
        if one["audited"]
    ]
    headers = ("threshold", "audited", "wrong", "right", "at most wrong", "of all judged")
    caption = f"At most wrong: exact one-sided bound, {certificate['confidence_level']:.0%} sure, each threshold alone."
    if rows:
        show_table("What audits found at each threshold", headers, rows, caption)
    named = [
        (one["label"], one["audited"], one["errors"], one["error_bound"], one["precision_floor"], one["suspended"])
        for one in certificate["labels"]
    ]
    if named:
        headers = ("label", "audited", "wrong", "at most wrong", "floor", "suspended")
        show_table("What audits found for each label", headers, named)
