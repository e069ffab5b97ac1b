"""The three frames of a record's way, over a whole flow: what points to something finds it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.adapters.delta import read_place, read_table
from pipelines.adapters.views import view_query, views_of_places, views_of_votes
from pipelines.contracts import CURRENT_AGREEMENT, LABELS, PLACES, TICKETS_BRONZE, TICKETS_SILVER
from pipelines.jobs.agreement import measure_agreement
from tests.jobs.conftest import LABELS as LABEL_SET
from tests.jobs.conftest import Lake, new_lake, raw, ticket

LABELLED = """text,annotator_id,label,confidence_score
refund for a toaster,ann,refund,0.9
refund for a toaster,bob,refund,0.9
card of mine is gone,ann,login,0.9
a text that nobody sent,ann,refund,0.9
"""
TICKETS = [
    ticket(1, "refund for a toaster"),
    ticket(2, "refund for a toaster"),
    ticket(3, "refund for a toaster"),
    ticket(4, "card of mine is gone"),
    ticket(5, "login " + "x" * 600),
    ticket(6, "something nobody knows"),
    raw(b"not json"),
]


def views_of(lake: Lake) -> dict[str, DataFrame]:
    return {**views_of_places(lake.spark, lake.store), **views_of_votes(lake.spark, lake.store)}


@pytest.fixture(scope="module")
def lake(spark: SparkSession, servers: str, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = new_lake(spark, servers, empty_tables, tmp_path_factory.mktemp("views") / "lake")
    made.send(*TICKETS)
    made.drop("labeled/2026/01/05/people.csv", LABELLED)
    made.run()
    measure_agreement(made.spark, made.store, LABEL_SET, datetime.now(UTC))
    # One more, on which the gate has not decided.
    made.send(ticket(7, "refund once more"))
    made.run("bronze", "silver")
    return made


def test_documents_annotations_and_quality_point_to_each_other_and_to_what_came(lake: Lake) -> None:
    views, stored = views_of(lake), read_table(lake.spark, lake.store, TICKETS_SILVER)
    documents, votes = views["gold_documents"], views["gold_annotations"]
    quality = views["gold_quality_metrics"]
    ids = sorted(row["record_id"] for row in stored.select("record_id").collect())
    assert sorted(row["document_id"] for row in documents.collect()) == ids
    assert sorted(row["document_id"] for row in quality.collect()) == ids
    assert votes.join(documents, on="document_id", how="left_anti").collect() == []
    cast = read_table(lake.spark, lake.store, LABELS)
    assert votes.select("annotation_id").distinct().count() == cast.count() == votes.count() > len(ids)
    path = F.format_string("kafka:%s/%d/%d", "topic", "partition", "offset")
    messages = read_table(lake.spark, lake.store, TICKETS_BRONZE).withColumn("source_path", path)
    found = documents.join(messages, on="source_path", how="inner")
    assert found.where("document_id = record_id").count() == found.count() == 7
    assert documents.where("source_path LIKE 'file:%' AND source = 'label_file'").count() == 1


def test_status_and_path_say_where_the_rows_of_a_record_stand(lake: Lake) -> None:
    quality = views_of(lake)["gold_quality_metrics"]
    told = {
        (row["status"], row["place_path"]): row["count"]
        for row in quality.groupBy("status", "place_path").count().collect()
    }
    places = {
        (place.value, table.full_name): read_place(lake.spark, lake.store, place).count()
        for place, table in PLACES.items()
    }
    assert told == {**places, ("pending", None): 1}
    assert all(places.values())


def test_a_document_has_the_least_kappa_of_its_voters(lake: Lake) -> None:
    views = views_of(lake)
    agreement = {
        (row["compared"], row["rater"], row["label"], row["day"]): row
        for row in lake.spark.sql(view_query(CURRENT_AGREEMENT, lake.store)).collect()
    }
    memory = agreement["model_and_people", "memory=stand-in@1", None, None]
    # Of two texts that people and the model labelled, they agree on one; the labels refund and card against refund and
    # login: chance would give a quarter.
    assert (memory["items"], memory["observed_agreement"]) == (2, 0.5)
    assert memory["cohen_kappa"] == pytest.approx((0.5 - 0.25) / 0.75)
    scores = {row["kappa_score"] for row in views["gold_quality_metrics"].where("status = 'gold'").collect()}
    assert scores <= {memory["cohen_kappa"], None}
    assert memory["cohen_kappa"] in scores
