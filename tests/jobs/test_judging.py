"""Look-alikes on one person's word: what lets them into gold, what keeps them out, and in whatever order it comes."""

import random
from collections.abc import Iterable
from datetime import timedelta
from functools import reduce

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from pipelines.adapters.text_index import Read, TextIndex
from pipelines.contracts import CLUSTER_MERGES, COMMANDS, DECISIONS, LABELS, TICKETS_SILVER
from pipelines.declaration import Table
from pipelines.gate_rules import GateRules
from pipelines.gate_settings import GateSettings
from pipelines.intents import LabelSet
from pipelines.jobs.judging import gather
from pipelines.transforms.agreement import judge, newest_decisions
from pipelines.transforms.commands import standing_commands, touched_texts
from tests.builders import NOON, Values, frame, record, vote

MOST = 2
RULES = GateRules(GateSettings(look_alikes_on_one_word=MOST))
KNOWN = LabelSet(("card", "refund"))
LATER = NOON + timedelta(hours=1)
Arrival = tuple[Table, Values]


class Tables:
    """Stored rows, and the gate's steps over them without streams; with an index, as over a long log."""

    def __init__(self, spark: SparkSession, index: TextIndex | None = None) -> None:
        self.spark, self.index, self.batches = spark, index or TextIndex(), 0
        self.rows: dict[Table, list[Values]] = {}
        self.was_read: list[Table] = []

    def read(self, table: Table) -> DataFrame:
        self.was_read.append(table)
        return frame(self.spark, table, *self.rows.get(table, []))

    def look_up(self, texts: DataFrame) -> Read:
        return self.index.look_up(self.read, texts)

    def arrive(self, arrivals: Iterable[Arrival]) -> list[Row]:
        """Store what arrived in one micro-batch and decide on it; gives the new decisions."""
        by_table: dict[Table, list[Values]] = {}
        for table, row in arrivals:
            by_table.setdefault(table, []).append(row)
        told = [frame(self.spark, table, *rows) for table, rows in by_table.items()]
        marked = [
            one.select("record_id", "text_key", F.lit(table.full_name).alias("origin"))
            for table, one in zip(by_table, told, strict=True)
        ]
        for table, rows in by_table.items():
            self.store(table, rows)
        return self.decide(reduce(DataFrame.unionByName, marked))

    def decide(self, batch: DataFrame) -> list[Row]:
        touched = touched_texts(batch, frame(self.spark, DECISIONS)).localCheckpoint()
        due = gather(touched, self.read, self.look_up, MOST)
        asked = due.rows(COMMANDS).transform(standing_commands)
        judged = due.records.transform(
            judge, due.votes, due.rows(DECISIONS), KNOWN, RULES, NOON, asked, due.crowds
        ).collect()
        self.store(DECISIONS, [row.asDict() for row in judged])
        self.batches += 1
        return judged

    def store(self, table: Table, rows: Iterable[Values]) -> None:
        trace = {"query_epoch": f"{table.writer}/1", "batch_id": self.batches}
        self.rows.setdefault(table, []).extend({**row, **trace} for row in rows)

    def newest(self) -> dict[str, tuple[object, ...]]:
        newest = frame(self.spark, DECISIONS, *self.rows[DECISIONS]).transform(newest_decisions).collect()
        return {row["record_id"]: (row["place"], row["reason"], row["label"], row["leads"]) for row in newest}


def look_alike(cluster: str, number: int, **changes: object) -> Arrival:
    name = f"{cluster} {number}"
    return TICKETS_SILVER, record(name, **{"text": name, "cluster_id": cluster, "arrival_no": number, **changes})


def said(about: str, label: str = "card", who: str | None = "ann", sure: float = 0.9, **changes: object) -> Arrival:
    return LABELS, vote(label, sure, text=about, record_id=about, annotator_id=who, **changes)


def by_model(about: str, probability: float, voter: str = "memory", **changes: object) -> Arrival:
    return LABELS, vote("card", probability, voter, text=about, record_id=about, **{"tier": "model", **changes})


def merge(cause: str, absorbed: str, into: str) -> Arrival:
    told = {"absorbed_id": absorbed, "absorbed_no": 9, "cluster_id": into, "cluster_no": 1}
    return CLUSTER_MERGES, {"record_id": cause, "text_key": f"key of {cause}", **told}


def ask(about: str, action: str) -> Arrival:
    return COMMANDS, {
        "record_id": about, "text_key": f"key of {about}", "action": action, "requested_at": NOON,
        "command_id": f"{action} {about}",
    }  # fmt: skip


def of_ann(cluster: str, texts: int) -> list[Arrival]:
    """Look-alikes that one annotator has labelled, the last to arrive first."""
    numbers = range(texts, 0, -1)
    return [*[look_alike(cluster, number) for number in numbers], *[said(f"{cluster} {number}") for number in numbers]]


# Each is a cluster of its own; all of them are judged in one micro-batch.
CLUSTERS: dict[str, list[Arrival]] = {
    "as many as may": of_ann("as many as may", 2),
    "one more": of_ann("one more", 3),
    "copies": [*of_ann("copies", 2), look_alike("copies", 3, text="copies 2")],
    "few with copies": [
        *of_ann("few with copies", 3),
        by_model("few with copies 1", 0.8),
        look_alike("few with copies", 4, text="few with copies 2"),
    ],
    "two people": [*of_ann("two people", 3), said("two people 2", who="bob")],
    "two of three": [
        *of_ann("two of three", 3),
        said("two of three 2", who="bob"),
        said("two of three 3", "refund", "cleo"),
    ],
    "two against two": [
        *of_ann("two against two", 5),
        said("two against two 1", who="bob"),
        said("two against two 4", "refund", "cleo"),
        said("two against two 5", "refund", "dan"),
    ],
    "two who differ": [*of_ann("two who differ", 3), said("two who differ 3", "refund", "bob")],
    "an unsure second": [*of_ann("an unsure second", 3), said("an unsure second 1", who="bob", sure=0.79)],
    "taken back": [
        *of_ann("taken back", 3),
        said("taken back 1", who="bob"),
        said("taken back 1", who="bob", sure=0.1, voted_at=LATER),
    ],
    "unsigned": [*of_ann("unsigned", 3), said("unsigned 1", who=None), said("unsigned 2", who=None, position="2")],
    "two labels": [*of_ann("two labels", 2), look_alike("two labels", 3), said("two labels 3", "refund")],
    "models agree": [*of_ann("models agree", 3), *[by_model(f"models agree {number}", 0.8) for number in (1, 2, 3)]],
    "models doubt": [*of_ann("models doubt", 3), *[by_model(f"models doubt {number}", 0.79) for number in (1, 2, 3)]],
    "a model agrees once": [*of_ann("a model agrees once", 3), by_model("a model agrees once 1", 0.8)],
    "a model looked once": [
        *of_ann("a model looked once", 4),
        by_model("a model looked once 1", 0.9, "slm"),
        *[by_model(f"a model looked once {number}", 0.9, "slm", tier="cluster") for number in (2, 3, 4)],
    ],
    "discarded": [*of_ann("discarded", 4), *[ask(f"discarded {number}", "discard") for number in (1, 2, 4)]],
    "became one": [
        *of_ann("became one", 2),
        look_alike("became one", 9),
        merge("became one 9", "younger", "became one"),
    ],
    "younger": of_ann("younger", 1),
}
GOLD, LED, HELD = "gold", "led", "held"


@pytest.fixture(scope="module")
def decided(spark: SparkSession) -> dict[str, str]:
    tables = Tables(spark)
    tables.arrive(arrival for arrivals in CLUSTERS.values() for arrival in arrivals)
    held = {True: LED, None: HELD}
    return {
        name: held[leads] if reason == "look_alikes_unconfirmed" and place == "quarantine" else reason or place
        for name, (place, reason, _, leads) in tables.newest().items()
    }


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("as many as may", [GOLD] * 2),
        ("one more", [LED, HELD, HELD]),
        ("copies", [GOLD] * 3),
        ("few with copies", [GOLD] * 4),
        ("two people", [GOLD] * 3),
        ("two of three", [GOLD, GOLD, "people_disagree"]),
        ("two against two", [LED, HELD, HELD, "people_disagree", "people_disagree"]),
        ("two who differ", [LED, HELD, "people_disagree"]),
        ("an unsure second", [LED, HELD, HELD]),
        ("taken back", [LED, HELD, HELD]),
        ("unsigned", [LED, HELD, HELD]),
        ("two labels", [LED, HELD, HELD]),
        ("models agree", [GOLD] * 3),
        ("models doubt", [LED, HELD, HELD]),
        ("a model agrees once", [GOLD] * 3),
        ("a model looked once", [GOLD, LED, HELD, HELD]),
        ("discarded", ["discarded_on_request"] * 2 + [LED] + ["discarded_on_request"]),
        ("became one", [LED, HELD]),
        ("younger", [HELD]),
    ],
)
def test_more_look_alikes_than_may_need_a_second_word(
    decided: dict[str, str], cluster: str, expected: list[str]
) -> None:
    found = {name: outcome for name, outcome in decided.items() if name.rsplit(" ", 1)[0] == cluster}
    assert [found[name] for name in sorted(found)] == expected


def test_a_record_of_the_same_text_in_another_cluster_is_judged_by_its_own(spark: SparkSession) -> None:
    tables = Tables(spark)
    tables.arrive([*of_ann("crowd", 3), look_alike("elsewhere", 1, text="crowd 1")])
    assert [tables.newest()[name][0] for name in ("crowd 1", "elsewhere 1")] == ["quarantine", "gold"]


FLOOD = [
    *of_ann("flood", 5),
    said("flood 4", who="bob"),
    # Two halves, each small enough, until a ticket makes them one.
    *of_ann("half", 2),
    *of_ann("other half", 2),
    look_alike("half", 9),
    merge("half 9", "other half", "half"),
    # A model is sure of two of four, so that the others are few enough.
    *of_ann("backed", 4),
    by_model("backed 1", 0.9),
    by_model("backed 3", 0.9),
    *of_ann("wrong", 4),
    said("wrong 1", "refund", "bob"),
    ask("wrong 2", "discard"),
    *of_ann("few", 2),
]
BY_THE_RULES = {
    **{f"flood {number}": ("gold", None) for number in range(1, 6)},
    **{f"half {number}": ("quarantine", "look_alikes_unconfirmed") for number in (1, 2)},
    **{f"other half {number}": ("quarantine", "look_alikes_unconfirmed") for number in (1, 2)},
    **{f"backed {number}": ("gold", None) for number in range(1, 5)},
    "wrong 1": ("quarantine", "people_disagree"),
    "wrong 2": ("discarded", "discarded_on_request"),
    "wrong 3": ("quarantine", "look_alikes_unconfirmed"),
    "wrong 4": ("quarantine", "look_alikes_unconfirmed"),
    **{f"few {number}": ("gold", None) for number in (1, 2)},
}


@pytest.fixture(scope="module")
def at_once(spark: SparkSession) -> dict[str, tuple[object, ...]]:
    tables = Tables(spark)
    tables.arrive(FLOOD)
    return tables.newest()


def in_some_order(seed: int) -> list[list[Arrival]]:
    """Shuffle and cut what arrives; a merge is told after the ticket that it is of, as silver does."""
    order, dice = [*FLOOD], random.Random(seed)
    dice.shuffle(order)
    is_merge = [table is CLUSTER_MERGES for table, _ in order]
    told = order.pop(is_merge.index(True))
    is_cause = [table is TICKETS_SILVER and row["record_id"] == "half 9" for table, row in order]
    # With the first seed it is the last of all, so that nothing else makes the gate look.
    order.insert(len(order) if seed == 1 else dice.randint(is_cause.index(True) + 1, len(order)), told)
    cuts = [*sorted(dice.sample(range(1, len(order) - 1), 2)), len(order) - 1]
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def test_all_at_once_is_decided_by_the_rules(at_once: dict[str, tuple[object, ...]]) -> None:
    assert {name: told[:2] for name, told in at_once.items()} == BY_THE_RULES
    assert sorted(name for name, told in at_once.items() if told[3]) == ["half 1", "wrong 3"]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_the_newest_decisions_are_the_same_whatever_comes_first_and_with_what(
    spark: SparkSession, at_once: dict[str, tuple[object, ...]], seed: int
) -> None:
    tables = Tables(spark)
    for arrivals in in_some_order(seed):
        tables.arrive(arrivals)
    assert tables.newest() == at_once
    assert max(int(str(row["decision_no"])) for row in tables.rows[DECISIONS]) > 1


@pytest.mark.parametrize("behind", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_an_index_of_texts_changes_no_decision(
    spark: SparkSession, at_once: dict[str, tuple[object, ...]], behind: int
) -> None:
    index = TextIndex()
    tables = Tables(spark, index)
    for number, arrivals in enumerate(in_some_order(1)):
        if number % behind == 0:
            index.catch_up(tables.read)
        tables.arrive(arrivals)
    assert len(index.keys)
    assert tables.newest() == at_once


def test_nothing_more_is_read_or_judged_where_no_person_voted(spark: SparkSession) -> None:
    tables = Tables(spark)
    tables.arrive(of_ann("crowd", 3))
    tables.was_read.clear()
    new = tables.arrive([look_alike("crowd", 4), by_model("crowd 4", 0.9)])
    assert [row["record_id"] for row in new] == ["crowd 4"]
    assert sorted(table.full_name for table in tables.was_read) == [
        "bronze.commands", "gold.decisions", "silver.labels", "silver.tickets",
    ]  # fmt: skip


def test_a_guard_that_is_off_reads_no_clusters(spark: SparkSession) -> None:
    tables = Tables(spark)
    for arrival in of_ann("crowd", 3):
        tables.rows.setdefault(arrival[0], []).append(arrival[1])
    texts = frame(spark, LABELS, *tables.rows[LABELS]).selectExpr("text_key", "null AS named_id", "false AS is_merge")
    assert gather(texts, tables.read, tables.look_up, 0).crowds is None
    assert CLUSTER_MERGES not in tables.was_read
    assert gather(texts, tables.read, tables.look_up, MOST).crowds is not None
