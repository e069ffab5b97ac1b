"""Certification: what people's audits prove of gold, written down as a row that the gate goes by.

A certificate is a pure function of stored rows: votes of models as they were cast, votes of people, first decisions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.adapters.delta import BatchWrite, TableStore, append_once, next_batch, read_table, table_version
from pipelines.adapters.spark import hold
from pipelines.contracts import CERTIFICATES, DECISIONS, LABELS, TICKETS_SILVER
from pipelines.gate_rules import GateRules, PinnedCalibration
from pipelines.gate_settings import GateSettings
from pipelines.intents import Intent, LabelSet, label_set_hash
from pipelines.jobs.audits import Audits, find_alarm, label_standing, read_audits
from pipelines.kernels.certification import GRID, Certificate, certify, tally
from pipelines.kernels.certification import Row as ThresholdRow
from pipelines.settings_base import fingerprint
from pipelines.transforms.assurance import (
    count_reaching,
    judged_by_models,
    newest_certificate,
    stream_shape,
    verified,
)
from pipelines.transforms.evidence import of_models
from pipelines.transforms.label_sets import as_of_today
from pipelines.transforms.opinions import weigh

QUERY = "certify"
CERTIFIED, NOT_CERTIFIED, SUSPENDED = "certified", "not_certified", "suspended"


@dataclass(frozen=True)
class Subject:
    """What is certified: the tables, the labels, and the rules without any earlier certificate.

    Attributes:
        held_out: share of the audit's lots from which neither student nor calibration of today has learnt. It is less
            than `gate.audit_share` where that was raised after them: records beyond it may have taught them.
    """

    spark: SparkSession
    store: TableStore
    intents: tuple[Intent, ...]
    labels: LabelSet
    rules: GateRules
    held_out: float = 1.0

    @property
    def settings(self) -> GateSettings:
        """The gate's settings."""
        return self.rules.settings

    def judge(self, records: DataFrame, evidence: DataFrame, decisions: DataFrame) -> DataFrame:
        """Give each record what the models say of it, and the samples it belongs to (`judged_by_models`)."""
        return records.transform(judged_by_models, evidence, decisions, self.labels, self.settings, self.held_out)


def read_rules(
    spark: SparkSession, store: TableStore, settings: GateSettings, calibrated: PinnedCalibration | None
) -> GateRules:
    """Pin what the gate goes by: the settings, the calibration, and the certificate in force for that calibration."""
    found = read_newest(spark, store)
    rules = GateRules(settings, calibrated)
    if found is None or found["calibration"] != reference(calibrated):
        return rules
    threshold = found["threshold"]
    if found["status"] == SUSPENDED:
        threshold = max(threshold or 0.0, settings.suspended_min_confidence)
    suspended = frozenset(one["label"] for one in found["labels"] if one["suspended"])
    return replace(rules, threshold=threshold, certificate_id=found["certificate_id"], suspended_labels=suspended)


def read_newest(spark: SparkSession, store: TableStore) -> Row | None:
    """Read the certificate that is in force; None before there is one."""
    return read_table(spark, store, CERTIFICATES).transform(newest_certificate).first()


def reference(calibrated: PinnedCalibration | None) -> str | None:
    """Name a calibration as certificates do."""
    return calibrated.reference if calibrated else None


def read_judged(subject: Subject) -> DataFrame:
    """Read what the models alone say of each record, whatever people said; held."""
    spark, store = subject.spark, subject.store
    votes = read_table(spark, store, LABELS).transform(of_models).transform(as_of_today, subject.labels)
    records, decisions = (read_table(spark, store, table) for table in (TICKETS_SILVER, DECISIONS))
    return hold(subject.judge(records, votes.transform(weigh, subject.rules), decisions))


def issue(subject: Subject, issued_at: datetime) -> dict[str, Any]:
    """Certify gold on all evidence since it was last suspect, and put the certificate into gold.certificates.

    Returns:
        The certificate, as `CERTIFICATES` declares it.
    """
    spark, store, settings = subject.spark, subject.store, subject.settings
    versions = {table.full_name: table_version(spark, store, table) for table in (TICKETS_SILVER, LABELS, DECISIONS)}
    judged, previous = read_judged(subject), read_newest(spark, store)
    votes = read_table(spark, store, LABELS)
    rows = judged.where("is_audited AND is_known").transform(verified, votes, subject.labels).orderBy("position")
    audits = read_audits(rows.collect())
    alarm = watch(previous, audits, judged, subject)
    suspect_since = previous["suspect_since"] if previous else None
    if alarm:
        suspect_since = previous["issued_at"] if previous else None
    thresholds = [threshold for threshold in GRID if threshold >= settings.min_confidence]
    total, records = count_records(judged, thresholds)
    fresh = audits.since(suspect_since)
    counts = replace(tally(fresh.confidences, fresh.wrong, [], thresholds), records=records)
    found = certify(counts, total, thresholds, settings.target_error, settings.confidence_level)
    if found.threshold is not None and not alarm:
        suspect_since = None
    told = {
        **status_of(found, alarm, suspect_since, previous),
        "audited": fresh.size,
        "votes_spent": fresh.votes_spent,
        "thresholds": [threshold_row(row, count) for row, count in zip(found.table, records, strict=True)],
        "labels": label_standing(audits, subject.intents, settings, found.threshold or settings.min_confidence),
        "calibration": reference(subject.rules.calibrated),
        "gate_version": settings.fingerprint(),
        "label_set_hash": label_set_hash(list(subject.intents)),
        "table_versions": json.dumps(versions, sort_keys=True),
        "target_error": settings.target_error,
        "confidence_level": settings.confidence_level,
    }
    named = fingerprint(json.dumps(told, sort_keys=True, default=str), issued_at.isoformat())
    certificate = {"certificate_id": named, "issued_at": issued_at, **told}
    store_certificate(certificate, spark, store)
    return certificate


def watch(previous: Row | None, audits: Audits, judged: DataFrame, subject: Subject) -> str | None:
    """Look whether a certificate that holds for this calibration has come to be contradicted; None when not."""
    is_ours = previous is not None and previous["calibration"] == reference(subject.rules.calibrated)
    if previous is None or not is_ours or previous["status"] != CERTIFIED:
        return None
    shape = judged.transform(stream_shape, previous["issued_at"]).collect()
    accepted = audits.since(previous["issued_at"]).from_confidence(previous["threshold"])
    return find_alarm(accepted, shape, subject.settings)


def status_of(
    found: Certificate, alarm: str | None, suspect_since: datetime | None, previous: Row | None
) -> dict[str, Any]:
    """Say what the certificate promises; one that is suspended keeps its threshold until new evidence replaces it."""
    if suspect_since is not None:
        kept = {name: previous[name] for name in ("threshold", "error_bound", "coverage")} if previous else {}
        why = alarm or (previous["alarm"] if previous else None)
        told = {"labels_needed": found.more_at_rate, "alarm": why, "suspect_since": suspect_since}
        return {"status": SUSPENDED, **kept, **told}
    promised = {"threshold": found.threshold, "error_bound": found.bound, "coverage": found.coverage}
    status = NOT_CERTIFIED if found.threshold is None else CERTIFIED
    needed = None if status == CERTIFIED else found.more_at_rate
    return {"status": status, **promised, "labels_needed": needed, "alarm": None, "suspect_since": None}


def threshold_row(row: ThresholdRow, records: int) -> dict[str, Any]:
    """Lay out one threshold of the table."""
    return {
        "threshold": row.threshold, "records": int(records), "audited": row.audited, "errors": row.errors,
        "precision": row.precision if row.audited else None, "error_bound": row.bound, "coverage": row.coverage,
    }  # fmt: skip


def count_records(judged: DataFrame, thresholds: Sequence[float]) -> tuple[int, np.ndarray]:
    """Count all judged records, and those that reach each threshold, shape (thresholds,)."""
    counted = judged.transform(count_reaching, list(thresholds)).first()
    numbers = list(counted) if counted else [0] * (len(thresholds) + 1)
    return int(numbers[0] or 0), np.array([int(number or 0) for number in numbers[1:]], dtype=np.int64)


def store_certificate(certificate: dict[str, Any], spark: SparkSession, store: TableStore) -> None:
    """Append a certificate."""
    write = BatchWrite(QUERY, 1, next_batch(spark, store, QUERY, [CERTIFICATES]))
    values = tuple(certificate.get(name) for name in CERTIFICATES.column_names)
    append_once(spark.createDataFrame([values], CERTIFICATES.columns), store, CERTIFICATES, write)
