"""Certificates over real tables: what audits prove, what they suspend, and how the gate follows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.contracts import LABELS, TICKETS_SILVER
from pipelines.declaration import Table
from pipelines.gate_rules import GateRules
from pipelines.gate_settings import GateSettings
from pipelines.intents import Intent, LabelSet
from pipelines.jobs.certification import Subject, issue, read_rules
from tests.builders import NOON, Values, frame, record, vote
from tests.jobs.conftest import Lake

INTENTS = (Intent("card", precision_floor=0.9), Intent("refund"))
GATE = GateSettings(audit_share=1.0, standing_audits=40)
"""Everything is audited, so that few records are enough."""


BATCHES = count()


def write(lake: Lake, table: Table, rows: list[Values]) -> None:
    append_once(frame(lake.spark, table, *rows), lake.store, table, BatchWrite("test", 1, next(BATCHES)))


def arrive(lake: Lake, number: int, labels: list[str], confidence: float = 0.9) -> None:
    """Let tickets arrive that a model has labelled."""
    names = [f"{number}-{place:03d}" for place in range(len(labels))]
    tickets = [record(name, text=name, position=name) for name in names]
    votes = [
        vote(label, confidence, "memory", text=name, record_id=name, vote_id=f"memory {name}")
        for name, label in zip(names, labels, strict=True)
    ]
    write(lake, TICKETS_SILVER, tickets)
    write(lake, LABELS, votes)


def audit(lake: Lake, number: int, said: list[str], annotators: int = 1, first: int = 0) -> None:
    """Let people say what the tickets of a number are, from the first named one on."""
    votes = [
        vote(label, 1.0, text=name, record_id=name, annotator_id=f"annotator {person}", vote_id=f"{person} {name}",
             voted_at=NOON + timedelta(hours=person))
        for person in range(annotators)
        for name, label in ((f"{number}-{place:03d}", label) for place, label in enumerate(said, first))
    ]  # fmt: skip
    write(lake, LABELS, votes)


def subject(lake: Lake) -> Subject:
    return Subject(lake.spark, lake.store, INTENTS, LabelSet(("card", "refund")), GateRules(GATE))


def now() -> datetime:
    return datetime.now(UTC)


def places(lake: Lake) -> dict[str, int]:
    return {name: len(lake.rows(f"{name}", "record_id")) for name in ("gold.training_examples", "quarantine.tickets")}


@pytest.fixture
def lake(make_lake: Callable[..., Lake]) -> Lake:
    made = make_lake(labels=LabelSet(("card", "refund")))
    return replace(made, settings=replace(made.settings, gate=GATE))


def test_gold_is_certified_contradicted_and_certified_again(lake: Lake) -> None:
    arrive(lake, 1, ["card"] * 60 + ["refund"] * 60)
    audit(lake, 1, ["card"] * 30)
    lake.run("gate")
    few = issue(subject(lake), now())
    # 30 right ones bound the error at 9.5 %; 59 bound it at 5 %.
    assert (few["status"], few["threshold"], few["labels_needed"]) == ("not_certified", None, 29)
    audit(lake, 1, ["card"] * 60 + ["refund"] * 60)
    enough = issue(subject(lake), now())
    assert (enough["status"], enough["threshold"], enough["audited"]) == ("certified", 0.8, 120)
    assert enough["error_bound"] == pytest.approx(1 - 0.05 ** (1 / 120), abs=1e-6)
    assert read_rules(lake.spark, lake.store, GATE, None).threshold == 0.8
    # Later tickets are often wrong, as two people say of each.
    arrive(lake, 2, ["card"] * 60)
    audit(lake, 2, ["refund"] * 30 + ["card"] * 30, annotators=2)
    lake.run("gate")
    alarmed = issue(subject(lake), now())
    assert (alarmed["status"], alarmed["suspect_since"].astimezone(UTC)) == ("suspended", enough["issued_at"])
    assert alarmed["alarm"].startswith("errors: ")
    assert read_rules(lake.spark, lake.store, GATE, None).min_confidence == GATE.suspended_min_confidence


def test_a_right_label_that_two_people_missed_is_no_error_once_two_others_agree(lake: Lake) -> None:
    arrive(lake, 1, ["card"] * 80)
    audit(lake, 1, ["card"] * 79)
    said = {"ann": "refund", "bob": "card", "cem": "unknown"}
    votes = [
        vote(label, 1.0, text="1-079", record_id="1-079", annotator_id=name, vote_id=name,
             voted_at=NOON + timedelta(hours=place))
        for place, (name, label) in enumerate(said.items())
    ]  # fmt: skip
    write(lake, LABELS, votes)
    lake.run("gate")
    waiting = issue(subject(lake), now())
    assert [(row["audited"], row["errors"]) for row in waiting["thresholds"] if row["threshold"] == 0.8] == [(80, 1)]
    last = vote("card", 1.0, text="1-079", record_id="1-079", annotator_id="dee", vote_id="dee",
                voted_at=NOON + timedelta(hours=9))  # fmt: skip
    write(lake, LABELS, [last])
    settled = issue(subject(lake), now())
    assert [(row["audited"], row["errors"]) for row in settled["thresholds"] if row["threshold"] == 0.8] == [(80, 0)]


def test_a_label_below_its_floor_leaves_gold_with_the_next_batch_and_comes_back(lake: Lake) -> None:
    arrive(lake, 1, ["card"] * 40 + ["refund"] * 20)
    lake.run("gate")
    assert places(lake) == {"gold.training_examples": 60, "quarantine.tickets": 0}
    audit(lake, 1, ["refund"] * 10, annotators=2)
    audit(lake, 1, ["card"] * 10, first=10)
    fallen = issue(subject(lake), now())
    standing = {row["label"]: row["suspended"] for row in fallen["labels"]}
    assert standing["card"] is True
    lake.run("gate")
    reasons = [reason for (reason,) in lake.rows("quarantine.tickets", "reason")]
    # Ten are refunds now, as two people say; ten that a person confirmed stay, and so do the other refunds.
    assert reasons == ["label_suspended"] * 20
    books = lake.count().ledger
    assert (books["record_difference"], books["in_two_places"], books["gold"]) == (0, 0, 40)
    arrive(lake, 2, ["card"] * 40)
    audit(lake, 2, ["card"] * 40)
    lake.run("gate")
    risen = issue(subject(lake), now())
    assert not any(row["suspended"] for row in risen["labels"])
    lake.run("gate")
    assert "label_suspended" not in [reason for (reason,) in lake.rows("quarantine.tickets", "reason")]
    books = lake.count().ledger
    assert (books["record_difference"], books["in_two_places"], books["gold"]) == (0, 0, 100)
