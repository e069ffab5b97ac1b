"""What notebooks compare, by hand: each view's own statement over a few rows."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.adapters.views import located
from pipelines.contracts import (
    AGREEMENT,
    ANNOTATOR_PAIRS,
    CLUSTER_MERGES,
    COMPARED_VERSIONS,
    CONTESTED_CLUSTERS,
    CURRENT_AGREEMENT,
    DECISIONS,
    LABELS,
    RECORDS_BY_DAY,
    TABLES,
    TICKETS_SILVER,
    VIEWS,
)
from pipelines.declaration import Table, View
from tests.builders import NOON, Values, decision, frame, record, vote

pytestmark = pytest.mark.usefixtures("single_task_shuffles")
LATER = NOON + timedelta(days=1)
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
Rows = Mapping[Table, Sequence[Values]]


def ask(spark: SparkSession, view: View, rows: Rows) -> list[tuple[object, ...]]:
    """Give the rows of a view, in any one order, over tables that hold these rows."""
    return sorted(map(tuple, spark.sql(over(spark, view.query, rows)).collect()), key=repr)


def over(spark: SparkSession, query: str, rows: Rows) -> str:
    known: dict[str, Table | View] = {one.full_name: one for one in (*TABLES, *VIEWS)}

    def local(found: re.Match[str]) -> str:
        one, name = known.get(found[0]), found[0].replace(".", "_of_")
        if one is None:
            return found[0]
        if isinstance(one, Table):
            frame(spark, one, *rows.get(one, ())).createOrReplaceTempView(name)
        else:
            spark.sql(over(spark, one.query, rows)).createOrReplaceTempView(name)
        return name

    return re.sub(r"\b[a-z]+\.[a-z_]+\b", local, query)


def person(name: str | None, label: str, **changes: object) -> Values:
    return vote(label, 1.0, annotator_id=name, **changes)


def test_records_are_counted_by_the_day_they_came_and_by_their_newest_decision(spark: SparkSession) -> None:
    tickets = [
        record("r1"),
        record("r2"),
        record("r3", received_day=TUESDAY),
        record("r4", source="chat"),
        record("undecided"),
    ]
    decisions = [
        decision("r1", label="refund"),
        decision("r1", label="login", place="quarantine", decision_no=2, decided_at=LATER),
        decision("r2", label="login", place="quarantine"),
        decision("r3", label="refund"),
        decision("r4", label="refund"),
        decision("of no record"),
    ]
    assert ask(spark, RECORDS_BY_DAY, {TICKETS_SILVER: tickets, DECISIONS: decisions}) == [
        (MONDAY, "chat", "gold", "refund", 1),
        (MONDAY, "email", "pending", None, 1),
        (MONDAY, "email", "quarantine", "login", 2),
        (TUESDAY, "email", "gold", "refund", 1),
    ]


def test_agreement_is_that_of_the_newest_batch_and_what_is_gone_is_left_out(spark: SparkSession) -> None:
    def measured(rater: str, batch_id: int, kappa: float | None, votes: int, day: date | None = None) -> Values:
        told = {"compared": "model_and_people", "voter": "memory", "rater": rater, "batch_id": batch_id, "day": day}
        return {**told, "votes": votes, "items": votes, "cohen_kappa": kappa, "measured_at": NOON}

    rows = [
        measured("memory=a@1", 9, 0.5, 4),
        measured("memory=a@1", 10, 0.6, 5),
        measured("memory=a@1", 9, 0.4, 3, MONDAY),
        measured("memory=a@2", 9, 0.7, 5),
        measured("memory=a@2", 10, None, 0),
    ]
    found = ask(spark, CURRENT_AGREEMENT, {AGREEMENT: rows})
    names = [name for name, _ in CURRENT_AGREEMENT.columns]
    told = [
        tuple(dict(zip(names, row, strict=True))[name] for name in ("rater", "day", "cohen_kappa")) for row in found
    ]
    assert set(told) == {("memory=a@1", MONDAY, 0.4), ("memory=a@1", None, 0.6)}


def test_people_are_compared_by_their_newest_labels_on_texts_of_both(spark: SparkSession) -> None:
    votes = [
        person("ann", "a", text="x"),
        person("bob", "a", text="x", annotated_at=NOON),
        person("bob", "b", text="x", annotated_at=LATER),
        person("ann", "a", text="y"),
        person("bob", "a", text="y"),
        person(None, "b", text="x"),
        vote("b", 0.9, "memory", text="x"),
        person("ann", "a", text="of ann alone"),
    ]
    assert ask(spark, ANNOTATOR_PAIRS, {LABELS: votes}) == [("ann", "bob", 2, 1), ("bob", "ann", 2, 1)]


def test_versions_of_one_voter_are_compared_the_earlier_first(spark: SparkSession) -> None:
    first = "slm=intent-slm@1/intent-prompt@1"
    by_second = {"prompt_version": "0", "voted_at": LATER}
    votes = [
        vote("a", 0.9, "slm", text="x"),
        vote("b", 0.9, "slm", text="x", **by_second),
        vote("a", 0.9, "slm", text="y"),
        vote("a", 0.9, "slm", text="y", **by_second),
        vote("a", 0.9, "slm", text="of the first alone"),
        vote("c", 0.9, "memory", text="x"),
        person("ann", "a", text="x"),
        person("bob", "b", text="x"),
    ]
    found = ask(spark, COMPARED_VERSIONS, {LABELS: votes})
    assert [row[:5] for row in found] == [("slm", first, first.replace("prompt@1", "prompt@0"), 2, 1)]
    assert [row[5] for row in found] == [LATER.replace(tzinfo=None)]
    # That which began at the same time comes by its name.
    at_once = [{**one, "voted_at": NOON} for one in votes]
    assert [row[2] for row in ask(spark, COMPARED_VERSIONS, {LABELS: at_once})] == [first]


def test_a_cluster_is_contested_by_votes_that_are_not_for_its_commonest_label(spark: SparkSession) -> None:
    tickets = [
        record("r1", text="x", arrival_no=1, cluster_id="r1", cluster_no=1),
        record("r2", text="x!", arrival_no=2, cluster_id="r2", cluster_no=2),
        record("r3", text="y", arrival_no=3, cluster_id="r3", cluster_no=3),
        record("withheld", cluster_id=None),
    ]
    # The cluster of r2 has become part of that of r1.
    merges = [{"record_id": "r9", "absorbed_id": "r2", "absorbed_no": 2, "cluster_id": "r1", "cluster_no": 1}]
    votes = [
        vote("a", 0.9, "memory", text="x"),
        person("ann", "b", text="x", annotated_at=NOON),
        person("ann", "a", text="x", annotated_at=LATER),
        person("bob", "c", text="x"),
        person(None, "c", text="x"),
        vote("b", 0.9, "memory", text="x!", record_id="r2"),
        vote("b", 0.9, "slm", text="x!", record_id="r2"),
        person("ann", "b", text="x!", record_id="r2"),
        vote("a", 0.9, "memory", text="y", record_id="r3"),
        person("ann", "a", text="y", record_id="r3"),
    ]
    rows = {TICKETS_SILVER: tickets, CLUSTER_MERGES: merges, LABELS: votes}
    assert ask(spark, CONTESTED_CLUSTERS, rows) == [("r1", 2, 6, 3, 0.5, ["b", "a", "c"], "x")]


def test_a_statement_finds_tables_and_views_where_the_workspace_has_them() -> None:
    statement = "SELECT one.label FROM gold.records_by_day AS one JOIN silver.tickets ON day = received_day"
    in_catalog = located(statement, TableStore("main", "", "intent_"))
    assert in_catalog == (
        "SELECT one.label FROM main.intent_gold.records_by_day AS one JOIN main.intent_silver.tickets "
        "ON day = received_day"
    )
    in_folder = located(statement, TableStore("", "/tables", ""))
    assert "gold.records_by_day AS one JOIN delta.`/tables/silver/tickets`" in in_folder
