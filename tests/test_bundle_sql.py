"""Every statement of alerts and dashboards, run on the product's own tables."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore
from pipelines.adapters.table_creation import ensure_tables
from pipelines.adapters.views import register_views
from pipelines.contracts import CERTIFICATES, DECISIONS, REVIEW_QUEUE
from pipelines.declaration import Table
from tests import bundle

PREFIX = "bundle_sql_"
DASHBOARD: dict[str, Any] = json.loads(bundle.DASHBOARD.read_text(encoding="utf-8"))
DATASETS = {one["name"]: "".join(one["queryLines"]) for one in DASHBOARD["datasets"]}
WIDGETS = [one["widget"] for page in DASHBOARD["pages"] for one in page["layout"]]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Some decisions, tasks and a certificate, under the names that the bundle gives."""
    store = TableStore("", str(tmp_path_factory.mktemp("tables")), PREFIX)
    ensure_tables(spark, store)
    register_views(spark, store)
    decisions = [
        # The first record has moved: only its newest verdict counts.
        decided("a", 1, "quarantine", reason="labels_disagree"),
        decided("a", 2, "gold", label="refund", confidence=0.9),
        decided("b", 1, "quarantine", reason="confidence_below_threshold"),
        decided("c", 1, "quarantine", reason="confidence_below_threshold"),
        decided("d", 1, "gold", label="refund", confidence=0.8, decided_at=NOW - timedelta(days=3)),
    ]
    insert(spark, store, DECISIONS, decisions)
    insert(spark, store, REVIEW_QUEUE, [{"record_id": "b", "decision_no": 1, "task": "audit_sample"}])
    insert(spark, store, CERTIFICATES, [{"certificate_id": "x", "status": "certified", "issued_at": NOW}])
    before = spark.catalog.currentDatabase()
    spark.sql(f"USE {PREFIX}gold")
    yield spark
    spark.sql(f"USE {before}")
    for name in ("bronze", "silver", "gold", "quarantine"):
        spark.sql(f"DROP SCHEMA {PREFIX}{name} CASCADE")


def decided(record_id: str, decision_no: int, place: str, **more: object) -> dict[str, object]:
    verdict = "accepted" if place == "gold" else "low_confidence"
    columns: dict[str, object] = {"record_id": record_id, "decision_no": decision_no, "place": place}
    return {**columns, "verdict": verdict, "decided_at": NOW, **more}


def insert(spark: SparkSession, store: TableStore, table: Table, rows: list[dict[str, object]]) -> None:
    whole = [tuple(row.get(name) for name in table.column_names) for row in rows]
    spark.createDataFrame(whole, table.columns).write.format("delta").mode("append").save(store.path(table))


def asked(spark: SparkSession, statement: str) -> list[dict[str, object]]:
    return [row.asDict(recursive=True) for row in spark.sql(statement).collect()]


def test_the_alert_asks_for_the_share_of_todays_records_whose_newest_place_is_quarantine(tables: SparkSession) -> None:
    alert = bundle.resources()["alerts"]["quality"]
    given = {"var.catalog": "spark_catalog", "var.schema_prefix": PREFIX}
    (row,) = asked(tables, bundle.resolved(alert["query_text"], "prod", given))
    assert {name: round(float(str(value)), 3) for name, value in row.items()} == {"quarantined_share": 0.667}
    assert alert["evaluation"]["source"]["name"] in row
    tables.sql(f"CREATE OR REPLACE TEMP VIEW none AS SELECT * FROM {PREFIX}gold.decisions LIMIT 0")
    empty = bundle.resolved(alert["query_text"], "prod", given).replace(f"spark_catalog.{PREFIX}gold.decisions", "none")
    assert [float(str(row["quarantined_share"])) for row in asked(tables, empty)] == [0.0]


def test_every_alert_and_dashboard_is_here() -> None:
    assert list(bundle.resources()["alerts"]) == ["quality"]
    assert list(bundle.resources()["dashboards"]) == ["quality"]


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_of_the_dashboard_has_rows(name: str, tables: SparkSession) -> None:
    assert asked(tables, DATASETS[name])


def test_datasets_count_a_record_once_by_its_newest_decision(tables: SparkSession) -> None:
    (shares,) = asked(tables, DATASETS["shares"])
    assert (shares["records"], float(str(shares["gold_share"]))) == (4, 0.5)
    (labels,) = asked(tables, DATASETS["labels"])
    assert (labels["label"], labels["records"], round(float(str(labels["mean_confidence"])), 3)) == ("refund", 2, 0.85)
    assert sum(int(str(row["records"])) for row in asked(tables, DATASETS["records"])) == 4


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget["name"])
def test_a_widget_shows_columns_that_its_dataset_has(widget: dict[str, Any], tables: SparkSession) -> None:
    (query,) = (one["query"] for one in widget["queries"])
    fields = ", ".join(f"{field['expression']} AS `{field['name']}`" for field in query["fields"])
    together = "" if query["disaggregated"] else " GROUP BY ALL"
    statement = f"SELECT {fields} FROM ({DATASETS[query['datasetName']]}) AS dataset{together}"
    columns = set(tables.sql(statement).columns)
    assert set(re.findall(r'"fieldName": "([^"]+)"', json.dumps(widget["spec"]))) == columns


def test_a_dashboard_reads_tables_of_gold_only_whose_schema_the_bundle_sets() -> None:
    dashboard = bundle.resources()["dashboards"]["quality"]
    assert (dashboard["dataset_catalog"], dashboard["dataset_schema"]) == (
        "${var.catalog}",
        "${resources.schemas.gold.name}",
    )
    assert {name for text in DATASETS.values() for name in re.findall(r"FROM (\w+)", text)} == {
        "decisions",
        "certificates",
        "review_queue",
    }
    assert (bundle.FOLDER / Path(dashboard["file_path"]).name).is_file()
