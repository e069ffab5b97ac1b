"""What a certificate promises, in words: for the screen, the manifest of an export and its card."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, read_table
from pipelines.contracts import CERTIFICATES
from pipelines.jobs.certification import CERTIFIED, SUSPENDED
from pipelines.jobs.manifests import Certificate
from pipelines.transforms.assurance import newest_certificate


def certificate_of_export(spark: SparkSession, store: TableStore, moment: datetime | None) -> Certificate | None:
    """Give the certificate that was in force at a moment (None: now), for an export's manifest; None without one."""
    stored = read_table(spark, store, CERTIFICATES)
    known = stored if moment is None else stored.where(f"issued_at <= timestamp'{moment.isoformat()}'")
    found = known.transform(newest_certificate).first()
    return Certificate(name=found["certificate_id"], statement=" ".join(promise(found.asDict()))) if found else None


def in_force(spark: SparkSession, store: TableStore) -> str:
    """Say in one sentence what the certificate in force promises of gold."""
    found = read_table(spark, store, CERTIFICATES).transform(newest_certificate).first()
    if found is None:
        return "No certificate yet: nothing has been promised of gold. Type: lakehouse certify"
    return promise(found.asDict())[0]


def promise(certificate: Mapping[str, Any]) -> list[str]:
    """Say in sentences what a certificate promises, or why it promises nothing."""
    target, sure = certificate["target_error"], certificate["confidence_level"]
    evidence = (
        f"Evidence: {certificate['audited']:,} tickets drawn by hash and checked by people, "
        f"{certificate['votes_spent']:,} votes; calibration {certificate['calibration'] or 'none yet'}; certificate "
        f"{certificate['certificate_id']}."
    )
    if certificate["status"] == CERTIFIED:
        return [
            f"Certified: at most {target:.1%} of gold's labels are wrong, {sure:.0%} sure (bound "
            f"{certificate['error_bound']:.1%}). The gate stands at {certificate['threshold']:.2f}; "
            f"{certificate['coverage']:.1%} of all judged tickets reach it.",
            evidence,
        ]
    needed = certificate["labels_needed"]
    more = f"{needed:,} more audited tickets at the rate of errors seen" if needed else "fewer errors than were seen"
    if certificate["status"] == SUSPENDED:
        since = certificate["suspect_since"].astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return [
            f"Suspended ({certificate['alarm']}). Gold decided since {since} is suspect, and the gate is stricter "
            f"until new audits certify it again; that takes {more}.",
            evidence,
        ]
    return [
        f"Not certified: it cannot be said, {sure:.0%} sure, that at most {target:.1%} of gold's labels are wrong. "
        f"That takes {more}. Get them to label: lakehouse annotate sample --budget N --out FILE",
        evidence,
    ]
