"""The analyst's page: every statement runs on a small past, and says what that past says."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from pipelines.adapters.delta import TableStore, read_place, read_table
from pipelines.adapters.views import ensure_views, register_views, view_query, view_statements
from pipelines.cli.opening import table_store
from pipelines.contracts import CLUSTER_MERGES, CURRENT_CLUSTERS, LABELS, LINEAGE, TABLES, TICKETS_SILVER, VIEWS, VOTES
from pipelines.declaration import View
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.evidence import vote_version
from pipelines.vocabulary import Place
from pipelines.workspace import open_workspace
from tests import analyst

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
STATEMENTS = dict(re.findall(r"## \d+\. ([^\n]+)\n\n```sql\n(.*?)```\n\n[\w`]", PAGE, re.DOTALL))
MOST_LINES = 12
Told = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def store(past: Path) -> TableStore:
    return table_store(open_workspace(past))


@pytest.fixture(scope="module")
def lake(spark: SparkSession, store: TableStore, single_task_shuffles: None) -> SparkSession:
    register_views(spark, store)
    return spark


@pytest.fixture
def told(lake: SparkSession) -> Told:
    def ask(words: str) -> list[tuple[object, ...]]:
        (statement,) = (one for title, one in STATEMENTS.items() if words in title)
        return [
            tuple(round(value, 4) if isinstance(value, float) else value for value in row)
            for row in lake.sql(statement).collect()
        ]

    return ask


def test_the_page_has_ten_questions_that_can_be_read_at_a_glance() -> None:
    assert len(STATEMENTS) == len(re.findall(r"^## ", PAGE, re.MULTILINE)) == 10
    assert [title for title, one in STATEMENTS.items() if len(one.splitlines()) > MOST_LINES] == []
    assert "docs/questions.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_precision_is_of_this_weeks_gold_and_of_the_certificate_in_force(told: Told) -> None:
    # r2, r3, and r5 by its second verdict; r4 is older.
    assert told("How right is gold") == [(3, 0.85, "certified", 0.98, 0.96)]


def test_the_weakest_intent_comes_first(told: Told) -> None:
    # Of card r5 is in gold, the lost ticket and r7 are not. On r2, r3 and r5 models say what most people say.
    assert told("weak") == [("card", 3, 0.3333, 1.0), ("refund", 3, 1.0, 1.0)]


def test_a_ticket_tells_its_way_to_quarantine(told: Told, lake: SparkSession) -> None:
    steps = [(row[1], row[2], row[3], row[6]) for row in told("did this ticket not pass")]
    assert steps[0] == ("received", "kafka:tickets/0/41", None, None)
    assert sorted(steps[1:-1], key=str) == [
        ("voted", "memory=ticket-encoder@1", "card", None),
        ("voted", "slm=intent-slm@1/intent-prompt@1", "card", None),
        ("voted", "slm=intent-slm@1/intent-prompt@2", "refund", None),
    ]
    assert lake.sql("SELECT who FROM gold.lineage WHERE step = 'received' ORDER BY at, who").collect() == [
        ("kafka:tickets/0/41",),
        ("kafka:tickets/0/42",),
    ]
    assert steps[-1] == ("decided", "gate=0123456789abcdef", "card", "labels_disagree")


def test_the_annotator_who_errs_most_comes_first_with_what_is_confused(told: Told) -> None:
    assert told("annotator") == [("bob", 3, 0.6, 0.6, "refund", "card"), ("ann", 3, 0.95, 0.95, None, None)]


def test_the_second_prompt_flipped_one_of_two_texts(told: Told, lake: SparkSession) -> None:
    assert told("prompt") == [("card", "refund", False, 1), ("card", "card", True, 1)]
    # Nobody is held against itself.
    assert lake.sql("SELECT * FROM gold.voter_agreement WHERE version = other_version").collect() == []


def test_a_label_costs_what_its_texts_took_and_nothing_where_it_was_taken_over(told: Told) -> None:
    assert told("label cost") == [
        ("slm", "slm=intent-slm@1/intent-prompt@2", 2, 3.5, 101.0),
        ("slm", "slm=intent-slm@1/intent-prompt@1", 3, 1.0, 67.3333),
        ("memory", "memory=ticket-encoder@1", 4, 0.01, None),
        ("human", "human=file", 7, None, None),
    ]


def test_clusters_are_those_of_today(told: Told) -> None:
    assert told("clusters") == [
        ("r2", 3, 2, ["refund"], "text of r2"),
        ("r7", 2, 1, ["card"], "text of r7"),
        (analyst.LOST, 1, 0, ["card"], f"text of {analyst.LOST}"),
        ("r4", 1, 1, ["refund"], "text of r4"),
    ]


def test_redacted_values_are_counted_by_type(told: Told) -> None:
    assert told("personal data") == [("PERSON", 4, 3), ("EMAIL_ADDRESS", 2, 2)]


def test_the_backlog_leaves_out_what_was_answered_or_is_out_of_date(told: Told) -> None:
    # The past was made when tests began, and midnight may have come since, or come now.
    before, backlog, after = date_of_today(), sorted(told("backlog"), key=str), date_of_today()
    assert backlog in [backlog_on(before), backlog_on(after)]


def backlog_on(today: date) -> list[tuple[object, ...]]:
    new, old = ((today - day.date()).days for day in (analyst.NEW, analyst.OLD))
    return [
        ("people", "audit_sample", 1, old, float(old)),
        ("people", "confidence_below_threshold", 1, new, float(new)),
        ("people", "labels_disagree", 1, new, float(new)),
        ("votes", None, 1, old, float(old)),
    ]


def date_of_today() -> date:
    return datetime.now(UTC).date()


def test_the_label_that_moved_most_comes_first(told: Told) -> None:
    # This week three of card and two of refund were decided, before one of refund.
    assert [row[1:] for row in sorted(told("drifted"))] == [(0.6, 0.0), (0.4, 1.0)]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.full_name)
def test_a_view_has_the_columns_that_it_declares_with_their_meaning(view: View, lake: SparkSession) -> None:
    described = {row["col_name"]: row["comment"] for row in lake.sql(f"DESCRIBE {view.full_name}").collect()}
    assert described == dict(view.columns)
    assert lake.table(view.full_name).columns == [name for name, _ in view.columns]
    (comment,) = lake.sql(f"DESCRIBE EXTENDED {view.full_name}").where("col_name = 'Comment'").collect()
    assert comment["data_type"] == view.comment


def test_views_agree_with_the_transforms_of_the_gate(lake: SparkSession, store: TableStore) -> None:
    named = read_table(lake, store, LABELS).select("vote_id", vote_version().alias("version"))
    versions = {row["vote_id"]: row["version"] for row in named.collect()}
    assert {row["vote_id"]: row["version"] for row in lake.table(VOTES.full_name).collect()} == versions
    quarantined = {row["record_id"] for row in read_place(lake, store, Place.QUARANTINE).collect()}
    by_reason = lake.table("gold.quarantine_by_reason").agg(F.sum("records").alias("records")).first()
    assert by_reason is not None
    assert by_reason["records"] == len(quarantined) == 2
    tickets, merges = read_table(lake, store, TICKETS_SILVER), read_table(lake, store, CLUSTER_MERGES)
    today = tickets.transform(current_clusters, merges).where("cluster_id IS NOT NULL")
    shown = {tuple(row) for row in lake.table(CURRENT_CLUSTERS.full_name).collect()}
    assert shown == {tuple(row) for row in today.select("record_id", "cluster_id").collect()}
    assert shown != {tuple(row) for row in tickets.select("record_id", "cluster_id").collect()}, "one has been merged"


def test_annotators_load_is_counted_by_day(lake: SparkSession) -> None:
    rows = lake.sql("SELECT annotator_id, day, votes, texts, labels FROM gold.annotator_load ORDER BY 1").collect()
    day = analyst.NEW.date()
    assert [tuple(row) for row in rows] == [("ann", day, 3, 3, 2), ("bob", day, 3, 3, 2), ("cyd", day, 1, 1, 1)]


def test_a_catalog_gets_the_views_that_it_lacks_and_keeps_those_that_it_has(
    lake: SparkSession, store: TableStore
) -> None:
    # The session's own catalog, under other names, over the same folders.
    catalog = TableStore("spark_catalog", "", "catalog_")
    for table in TABLES:
        lake.sql(f"CREATE SCHEMA IF NOT EXISTS spark_catalog.catalog_{table.schema}")
        lake.sql(f"CREATE TABLE {catalog.name(table)} USING delta LOCATION '{store.path(table)}'")
    lake.sql("CREATE VIEW spark_catalog.catalog_gold.accepted_by_day AS SELECT 'an earlier one' AS told")
    ensure_views(lake, catalog)
    assert lake.table("catalog_gold.accepted_by_day").columns == ["told"]
    assert lake.sql("SELECT sum(found) FROM spark_catalog.catalog_gold.pii_by_type").collect() == [(6,)]
    for statement in view_statements(catalog):
        lake.sql(statement)
    assert lake.sql("SELECT sum(accepted) FROM spark_catalog.catalog_gold.accepted_by_day").collect() == [(4,)]
    for schema in {table.schema for table in TABLES}:
        lake.sql(f"DROP SCHEMA spark_catalog.catalog_{schema} CASCADE")


def test_a_catalogs_views_read_the_catalogs_tables() -> None:
    query = view_query(LINEAGE, TableStore("main", "", "intent_"))
    assert set(re.findall(r"(?:FROM|JOIN) (\S+)", query)) == {
        "main.intent_bronze.tickets", "main.intent_silver.tickets", "main.intent_silver.votes",
        "main.intent_gold.decisions",
    }  # fmt: skip
