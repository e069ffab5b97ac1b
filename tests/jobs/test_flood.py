"""A flood of look-alikes under a wrong label, through all streams: none of it is handed out until somebody agrees."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from pipelines.adapters.delta import BatchWrite, append_once, table_version
from pipelines.contracts import CLUSTER_MERGES, LABELS, TICKETS_SILVER
from pipelines.declaration import Table
from pipelines.errors import PipelineError
from pipelines.gate_settings import GateSettings
from pipelines.intents import LabelSet
from pipelines.jobs.exports import EXPORTED, export, read_exported
from pipelines.jobs.manifests import DATASET
from pipelines.jobs.publication import Provenance, policy_of
from pipelines.jobs.relabelling import find_former, relabel
from tests.builders import Values, frame, record, vote
from tests.crashes import failing_at
from tests.jobs.conftest import Lake, ticket

MakeLake = Callable[..., Lake]
FLOOD = 500
HEADER = "text,annotator_id,label,confidence_score\n"
BATCHES = count()


def parcel(number: int) -> str:
    return f"maybe the parcel that was promised for Monday stands in the depot of the carrier under the number {number}"


def card(number: int) -> str:
    return f"maybe somebody took the card out of the letter box in front of our house, they said at window {number}"


def rows(texts: Sequence[str], annotator: str, label: str) -> str:
    return HEADER + "".join(f'"{text}",{annotator},{label},0.99\n' for text in texts)


def exported(lake: Lake, folder: Path) -> dict[str, str]:
    """Hand out what is in gold now: label by text."""
    versions = {table.full_name: table_version(lake.spark, lake.store, table) for table in EXPORTED}
    provenance = Provenance(policy_of(lake.settings), lake.settings.export, "settings", tables=versions)
    export(lake.spark, read_exported(lake.spark, lake.store, versions), str(folder), provenance)
    lines = (folder / DATASET).read_text(encoding="utf-8").splitlines()
    return {line["text"]: line["label"] for line in map(json.loads, lines)}


def reasons(lake: Lake) -> list[object]:
    return [reason for (reason,) in lake.rows("quarantine.tickets", "reason")]


def test_none_of_a_flood_is_exported_and_a_second_person_lets_look_alikes_in(
    make_lake: MakeLake, tmp_path: Path
) -> None:
    lake = make_lake()
    lake.send(ticket(1, "card gone since yesterday, please help me with it"))
    lake.drop("2026/01/05/flood.csv", rows([parcel(number) for number in range(FLOOD)], "dan", "login"))
    lake.drop("2026/01/05/right.csv", rows([card(number) for number in range(30)], "ann", "card_lost"))
    lake.run()
    assert len({cluster for (cluster,) in lake.rows("silver.tickets", "cluster_id")}) == 3
    assert list(exported(lake, tmp_path / "first")) == ["card gone since yesterday, please help me with it"]
    assert reasons(lake) == ["look_alikes_unconfirmed"] * (FLOOD + 30)
    asked = [text for task, text in lake.rows("gold.review_queue", "task", "text") if task == "look_alikes_unconfirmed"]
    assert sorted(map(str, asked)) == [card(0), parcel(0)]
    lake.drop("2026/01/06/second.csv", rows([card(0)], "bob", "card_lost"))
    lake.drop("2026/01/06/other.csv", rows([parcel(0)], "bob", "refund"))
    lake.run()
    out = exported(lake, tmp_path / "second")
    assert sorted(out) == sorted(["card gone since yesterday, please help me with it", *map(card, range(30))])
    assert set(out.values()) == {"card_lost"}
    assert sorted(map(str, reasons(lake))) == ["look_alikes_unconfirmed"] * (FLOOD - 1) + ["people_disagree"]
    tasks = [task for (task,) in lake.rows("gold.review_queue", "task")]
    assert (tasks.count("look_alikes_unconfirmed"), tasks.count("third_person")) == (1, 1)
    lake.count().check(drained=True)


def write(lake: Lake, table: Table, *rows: Values) -> None:
    append_once(frame(lake.spark, table, *rows), lake.store, table, BatchWrite("test", 1, next(BATCHES)))


def arrive(lake: Lake, cluster: str, numbers: range, who: str = "ann") -> None:
    """Let look-alikes arrive that a person has labelled."""
    names = [f"{cluster} {number}" for number in numbers]
    told = [
        record(name, text=name, cluster_id=cluster, arrival_no=number)
        for name, number in zip(names, numbers, strict=True)
    ]
    write(lake, TICKETS_SILVER, *told)
    write(lake, LABELS, *[vote("login", 0.9, text=name, record_id=name, annotator_id=who) for name in names])


def places(lake: Lake) -> dict[str, int]:
    tables = {"gold": "gold.training_examples", "quarantine": "quarantine.tickets"}
    return {name: len(lake.rows(table, "record_id")) for name, table in tables.items()}


@pytest.fixture
def lake(make_lake: MakeLake) -> Lake:
    made = make_lake()
    return replace(made, settings=replace(made.settings, gate=GateSettings(look_alikes_on_one_word=2, audit_share=0)))


def test_what_reached_gold_leaves_it_with_the_one_too_many_and_when_clusters_become_one(lake: Lake) -> None:
    arrive(lake, "a", range(1, 3))
    arrive(lake, "b", range(3, 5))
    lake.run("gate")
    assert places(lake) == {"gold": 4, "quarantine": 0}
    # With the one too many comes the ticket that makes them one; it is seen before its merge is told.
    arrive(lake, "a", range(5, 6))
    write(lake, TICKETS_SILVER, record("a 6", text="a 6", cluster_id="a", arrival_no=6))
    lake.run("gate")
    assert places(lake) == {"gold": 2, "quarantine": 3}
    merged = {"absorbed_id": "b", "absorbed_no": 3, "cluster_id": "a", "cluster_no": 1}
    write(lake, CLUSTER_MERGES, {**record("a 6", text="a 6"), **merged})
    lake.run("gate")
    assert places(lake) == {"gold": 0, "quarantine": 5}
    assert lake.rows("gold.review_queue", "record_id", "task") == [("a 1", "look_alikes_unconfirmed")]
    write(lake, LABELS, vote("login", 0.9, text="b 4", record_id="b 4", annotator_id="bob"))
    lake.run("gate")
    assert places(lake) == {"gold": 5, "quarantine": 0}
    assert lake.rows("gold.review_queue", "record_id") == []
    ledger = lake.count().ledger
    assert (ledger["record_difference"], ledger["in_two_places"], ledger["pending"]) == (0, 0, 1)


def test_a_batch_that_is_repeated_with_the_guard_off_places_what_it_had_decided(lake: Lake) -> None:
    arrive(lake, "a", range(1, 3))
    lake.run("gate")
    arrive(lake, "a", range(3, 4))
    with failing_at("after_decisions"), pytest.raises(PipelineError, match="InjectedFaultError"):
        lake.run("gate")
    lake.settings = replace(lake.settings, gate=replace(lake.settings.gate, look_alikes_on_one_word=0))
    lake.run("gate")
    assert places(lake) == {"gold": 0, "quarantine": 3}
    assert lake.rows("quarantine.tickets", "record_id", "text") == [("a 1", "a 1"), ("a 2", "a 2"), ("a 3", "a 3")]


def test_decisions_that_follow_a_renamed_label_weigh_the_whole_crowd(lake: Lake) -> None:
    arrive(lake, "a", range(1, 4))
    write(lake, LABELS, vote("sign_in", 0.9, text="a 9", record_id="a 9", annotator_id="bob"))
    write(lake, TICKETS_SILVER, record("a 9", text="a 9", cluster_id="a", arrival_no=9))
    lake.labels = LabelSet(("login", "sign_in"))
    lake.run("gate")
    assert places(lake) == {"gold": 0, "quarantine": 4}
    # Two annotators said the same in two words.
    lake.labels = LabelSet(("login",), {"sign_in": "login"})
    relabel(lake.flow(), find_former(lake.flow()).localCheckpoint(), lambda line: None)
    assert places(lake) == {"gold": 4, "quarantine": 0}
    assert {text for (text,) in lake.rows("gold.training_examples", "text")} == {"a 1", "a 2", "a 3", "a 9"}
