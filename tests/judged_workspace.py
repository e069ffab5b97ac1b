"""A small workspace with something for every view: tickets of three days, votes of two prompts and of people."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.cli.app import run
from pipelines.cli.opening import open_tables
from pipelines.contracts import LABELS, TICKETS_BRONZE, TICKETS_SILVER
from pipelines.workspace import MARKER, open_workspace
from tests.builders import NOON, Values, frame, record, vote

INTENTS = """intents:
- {name: card_lost, examples: [my card is gone]}
- {name: refund, examples: [money back please]}
- {name: login, examples: [I cannot sign in]}
"""
SETTINGS = "gate: {audit_share: 0.5, min_confidence: 0.8}\n"
LABELLED = ("card_lost", "refund", "login")
PEOPLE = tuple(f"{name:064x}" for name in (0xA1, 0xB2, 0xC3))
TICKETS, DAYS, COPIES = 72, 3, 6
"""Of each cluster's `COPIES` tickets all say nearly the same."""


def label_of(number: int) -> str:
    return LABELLED[number // COPIES % len(LABELLED)]


def next_label(label: str) -> str:
    return LABELLED[(LABELLED.index(label) + 1) % len(LABELLED)]


def name_of(number: int) -> str:
    return f"{number:064x}"


def text_of(number: int) -> str:
    return f"{label_of(number).replace('_', ' ')} for <PERSON>, please help with case {number}"


def at(number: int) -> datetime:
    return NOON + timedelta(days=number % DAYS)


def messages() -> Iterator[Values]:
    for number in range(TICKETS):
        yield {"topic": "tickets", "partition": 0, "offset": number, "record_id": name_of(number)}
    yield {"topic": "tickets", "partition": 0, "offset": TICKETS, "record_id": name_of(0)}
    yield {"topic": "tickets", "partition": 0, "offset": TICKETS + 1, "error_code": "not_json"}


def tickets() -> Iterator[Values]:
    for number in range(TICKETS):
        day: date = at(number).date()
        spans = [("text", "PERSON", 9, 12, 0.9)] + [("subject", "PHONE_NUMBER", 0, 9, 0.8)] * (number % 4 == 0)
        yield record(
            name_of(number), text=text_of(number), received_day=day, created_at=at(number), spans=spans,
            cluster_id=name_of(number - number % COPIES), position=f"000000000000/tickets/000000/{number:015d}",
        )  # fmt: skip


def votes() -> Iterator[Values]:
    for number in range(TICKETS):
        label, told = label_of(number), {"record_id": name_of(number), "text": text_of(number), "voted_at": at(number)}
        cost = {"tier": "model", "latency_ms": 5.0, "device": "cpu", "text_hash": name_of(number)}
        # Of every ninth text the memory is not sure; it takes every seventh for another label.
        said, sure = label if number % 7 else next_label(label), 0.6 if number % 9 == 0 else 0.86 + number % 10 / 100
        yield vote(said, sure, "memory", **told, **cost)
        if number % 3 == 0:
            for prompt in ("1", "2"):
                answer = next_label(label) if number % (3 * int(prompt) + 3) == 0 else label
                asked = {**cost, "latency_ms": 80.0 * int(prompt), "tokens_in": 90, "tokens_out": 1}
                when = {**told, "voted_at": at(number) + timedelta(hours=int(prompt))}
                sure = 0.82 + 0.05 * int(prompt)
                yield vote(answer, sure, "slm", prompt_version=prompt, prompt_hash=prompt * 64, **when, **asked)
        if number % 2 == 0:
            for place, person in enumerate(PEOPLE[: 1 + number % 3]):
                given = next_label(label) if place and number % 5 == 0 else label
                yield vote(given, 1.0, annotator_id=person, **told, annotated_at=at(number) + timedelta(hours=3))


def judged_workspace(spark: SparkSession, root: Path) -> Path:
    """Make the workspace, let the gate judge, certify, and export."""
    empty_workspace(root)
    store = open_tables(open_workspace(root), spark)
    for table, rows in ((TICKETS_BRONZE, messages()), (TICKETS_SILVER, tickets()), (LABELS, votes())):
        append_once(frame(spark, table, *rows), store, table, BatchWrite(table.writer, 1, 0))
    for command in (["run", "gate"], ["certify"], ["export"]):
        assert run([*command, "--workspace", str(root)]) == 0, command
    return root


def empty_workspace(root: Path) -> Path:
    """Make a workspace in which nothing has happened yet."""
    intents = root.parent / f"{root.name}-intents.yml"
    intents.write_text(INTENTS, encoding="utf-8")
    assert run(["init", str(root), "--intents", str(intents)]) == 0
    with (root / MARKER).open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    return root
