"""Calibrating: how often the models were right, at what they said, as people's votes on a random sample tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame, Row

from pipelines.adapters.delta import read_table, table_version
from pipelines.adapters.spark import hold
from pipelines.contracts import DECISIONS, LABELS, TICKETS_SILVER
from pipelines.gate_settings import GateSettings
from pipelines.jobs.audits import read_audits
from pipelines.jobs.certification import Subject, count_records
from pipelines.kernels.audit_planning import hopeful_from
from pipelines.kernels.audits import Outcome
from pipelines.kernels.calibration import LEAST_ROWS, Calibration, apply_calibration, fit_calibration
from pipelines.kernels.certification import GRID
from pipelines.kernels.reliability import Reliability, measure_reliability
from pipelines.kernels.vote_features import ANCHOR, FEATURES
from pipelines.transforms.assurance import doubt_reaching, verified
from pipelines.transforms.label_sets import as_of_today
from pipelines.transforms.opinions import calibrated, pool_opinions, standing_alone, with_features

AUDITS = (100, 200, 400, 800)
"""Numbers of audits of which `what_audits_may_prove` tells."""


@dataclass(frozen=True)
class Hope:
    """From where on so many audits have a fair chance to certify gold.

    Attributes:
        audits: records that people check.
        threshold: below it most of these would be spent in vain; None where they would be from everywhere.
        coverage: share of all judged records that reach it; None without a threshold.
        at_hand: records that reach it and whose audits count, those that people have looked at among them.
    """

    audits: int
    threshold: float | None
    coverage: float | None
    at_hand: int


@dataclass(frozen=True)
class Fitted:
    """A calibration and how good it is.

    Attributes:
        calibration: None with too few labelled records, or with right or wrong ones alone.
        reliability: on audited records, which it was not fitted on; None without any.
        rows: labelled records of the calibration sample.
        right: how many of them the models had right.
        tables: version of each table that was read.
        hopes: what audits may prove with this calibration; none without one.
    """

    calibration: Calibration | None
    reliability: Reliability | None
    rows: int
    right: int
    tables: dict[str, int]
    hopes: tuple[Hope, ...] = ()

    @property
    def metrics(self) -> dict[str, float]:
        """For the registry."""
        told = {"rows": float(self.rows), "right": float(self.right)}
        if self.calibration:
            told |= {"loss": self.calibration.loss, "default_loss": self.calibration.default_loss}
        if self.reliability:
            names = ("ece", "ece_equal_mass", "brier", "auroc", "aurc")
            told |= {name: getattr(self.reliability, name) for name in names}
        return {name: number for name, number in told.items() if np.isfinite(number)}


def calibrate(subject: Subject) -> Fitted:
    """Fit a calibration on the votes of people on the calibration sample, and measure it on the audited one."""
    spark, store, settings = subject.spark, subject.store, subject.settings
    read = {table: table_version(spark, store, table) for table in (TICKETS_SILVER, LABELS, DECISIONS)}
    records, votes, decisions = (read_table(spark, store, table, version) for table, version in read.items())
    pooled = votes.transform(as_of_today, subject.labels).transform(pool_opinions).transform(with_features)
    evidence = pooled.transform(standing_alone)
    judged = subject.judge(records, evidence, decisions)
    told = judged.where("is_known").transform(verified, votes, subject.labels)
    features = pooled.select("text_key", *FEATURES)
    rows = told.join(features, on="text_key", how="inner").orderBy("record_id").collect()
    learnt, held = ([row for row in rows if row[name]] for name in ("calibrates", "is_audited"))
    right = what_was_right(learnt)
    calibration = fit_calibration(values(learnt), right, FEATURES, ANCHOR)
    is_fitted = np.isfinite(calibration.penalty)
    quality = None
    if held and is_fitted:
        quality = measure_reliability(apply_calibration(values(held), calibration), what_was_right(held))
    tables = {table.full_name: version for table, version in read.items()}
    counted = (len(learnt), int(right.sum()), tables)
    if not is_fitted:
        return Fitted(None, None, *counted)
    sure = pooled.transform(calibrated, calibration).transform(standing_alone, "confidence")
    rejudged = hold(subject.judge(records, sure, decisions))
    return Fitted(calibration, quality, *counted, what_audits_may_prove(rejudged, settings))


def what_audits_may_prove(judged: DataFrame, settings: GateSettings) -> tuple[Hope, ...]:
    """Say for some numbers of audits from which confidence on they are worth asking for.

    Args:
        judged: what `assurance.judged_by_models` made of calibrated opinions.
        settings: what is promised, and the gate below which nothing is.
    """
    thresholds = [threshold for threshold in GRID if threshold >= settings.min_confidence]
    total, records = count_records(judged, thresholds)
    _, audited = count_records(judged.where("is_audited"), thresholds)
    summed = judged.transform(doubt_reaching, thresholds).first() or [None] * len(thresholds)
    doubt = [float(each or 0.0) for each in summed]
    hopes: list[Hope] = []
    for audits in AUDITS:
        promise = (settings.target_error, settings.confidence_level)
        threshold = hopeful_from(records.tolist(), doubt, audits, thresholds, *promise)
        if threshold is None:
            hopes.append(Hope(audits, None, None, 0))
            continue
        place = thresholds.index(threshold)
        hopes.append(Hope(audits, threshold, int(records[place]) / max(total, 1), int(audited[place])))
    return tuple(hopes)


def values(rows: Sequence[Row]) -> np.ndarray:
    """Read the features, shape (rows, features)."""
    return np.array([[row[name] for name in FEATURES] for row in rows], dtype=np.float64).reshape(-1, len(FEATURES))


def what_was_right(rows: Sequence[Row]) -> np.ndarray:
    """Say of each row whether the models' label was right; one that a single person contradicts was not."""
    outcomes = read_audits(rows).outcomes
    return np.equal(outcomes, Outcome.RIGHT)


def too_few(fitted: Fitted) -> str:
    """Say what a calibration would need."""
    wrong = fitted.rows - fitted.right
    return (
        f"Too few labels to calibrate by: people voted on {fitted.rows} records of the calibration sample "
        f"({fitted.right} right, {wrong} wrong); at least {LEAST_ROWS} are needed, some right and some wrong. Get rows "
        "to label: lakehouse annotate sample --budget N --out FILE. Until then the mean of the models' probabilities "
        "counts."
    )
