"""What analysts find in SQL beside the tables: their names, the declared views, and views of this session."""

import re
from collections.abc import Iterator

from pyspark.sql import DataFrame, SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_place, read_table
from pipelines.declaration import Table, View
from pipelines.transforms.agreement_counts import newest_measures, newest_quality
from pipelines.transforms.assurance import mark_suspect
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.documents import annotations, documents, quality_metrics
from pipelines.transforms.duplicates import weigh
from pipelines.transforms.economy import cluster_disagreement
from pipelines.vocabulary import Place

RENEWED, MISSING = "CREATE OR REPLACE VIEW", "CREATE VIEW IF NOT EXISTS"
"""How a view is made: anew, or only where none stands."""
NAMED = "spark.lakehouse.named"
"""Session setting: the folder whose tables have the names."""


def register_views(spark: SparkSession, store: TableStore) -> None:
    """Give tables that stand by path and the declared views their names in SQL, and every place a view `..._current`.

    A place's view hides the old row of a record that is being moved (see `transforms.agreement.current`);
    silver_tickets_current gives each ticket the cluster that its own has become part of,
    gold_training_examples_weighted how many identical records each example stands for, gold_training_examples_suspect
    whether a suspended certificate vouches for it no more;
    silver_labels_disagreement how often a cluster's vote is not what its text would have got;
    gold_annotator_quality_current the newest figures; gold_documents, gold_annotations and
    gold_quality_metrics the way of each record from its source to its place.
    """
    name_tables(spark, store)
    for statement in () if store.catalog else view_statements(store):
        spark.sql(statement)
    for name, frame in {**views_of_places(spark, store), **views_of_votes(spark, store)}.items():
        frame.createOrReplaceTempView(name)


def name_tables(spark: SparkSession, store: TableStore) -> None:
    """Give every table its name in the session's catalog; in a catalog they have theirs.

    A session that goes on to another workspace forgets the names of the one before.
    """
    setting = f"{NAMED}.{store.schema_prefix}"
    moved = spark.conf.get(setting, store.root_uri) != store.root_uri
    for table in () if store.catalog else tables.TABLES:
        schema = f"{store.schema_prefix}{table.schema}"
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        if moved:
            # They stand by path: only the name goes.
            spark.sql(f"DROP TABLE IF EXISTS {schema}.{table.name}")
        spark.sql(f"CREATE TABLE IF NOT EXISTS {schema}.{table.name} USING delta LOCATION '{store.path(table)}'")
    if not store.catalog:
        spark.conf.set(setting, store.root_uri)


def ensure_views(spark: SparkSession, store: TableStore) -> None:
    """Make the declared views that are missing in a catalog; elsewhere each session has its own.

    Those that stand are left alone: in Unity Catalog a view that is replaced loses the rights on it, so
    `lakehouse grants --apply` renews both together.
    """
    for statement in view_statements(store, MISSING) if store.catalog else ():
        spark.sql(statement)


def view_statements(store: TableStore, make: str = RENEWED) -> Iterator[str]:
    """Write the statements that make or renew all declared views, with their comments."""
    for view in tables.VIEWS:
        columns = ", ".join(f"{name} COMMENT {quoted(meaning)}" for name, meaning in view.columns)
        name, query = view_name(view, store), view_query(view, store)
        yield f"{make} {name} ({columns}) COMMENT {quoted(view.comment)} AS {query}"


def view_query(view: View, store: TableStore) -> str:
    """Write the query of a view over the tables where they stand."""
    return located(view.query, store)


def located(query: str, store: TableStore) -> str:
    """Write a query that names tables and declared views by their full names over where they stand."""
    names = {table.full_name: store.name(table) for table in tables.TABLES}
    names |= {other.full_name: view_name(other, store) for other in tables.VIEWS}
    return re.sub(r"\b[a-z]+\.[a-z_]+\b", lambda found: names.get(found[0], found[0]), query)


def view_name(view: View, store: TableStore) -> str:
    """Name of a view in SQL."""
    schema = f"{store.schema_prefix}{view.schema}"
    return f"{store.catalog}.{schema}.{view.name}" if store.catalog else f"{schema}.{view.name}"


def quoted(text: str) -> str:
    """Write a text as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def views_of_places(spark: SparkSession, store: TableStore) -> dict[str, DataFrame]:
    """Make the views of where records are, and what they are part of."""

    def read(table: Table) -> DataFrame:
        return read_table(spark, store, table)

    places = {place: read_place(spark, store, place) for place in tables.PLACES}
    gold, decisions = places[Place.GOLD], read(tables.DECISIONS)
    current = {f"{table.schema}_{table.name}_current": places[place] for place, table in tables.PLACES.items()}
    tickets = read(tables.TICKETS_SILVER)
    return current | {
        "gold_training_examples_weighted": gold.transform(weigh, places[Place.SHED]),
        "gold_training_examples_suspect": gold.transform(mark_suspect, decisions, read(tables.CERTIFICATES)),
        "silver_tickets_current": tickets.transform(current_clusters, read(tables.CLUSTER_MERGES)),
        "gold_documents": tickets.transform(documents, decisions),
    }


def views_of_votes(spark: SparkSession, store: TableStore) -> dict[str, DataFrame]:
    """Make the views of who said what, what it cost and how far it agrees."""

    def read(table: Table) -> DataFrame:
        return read_table(spark, store, table)

    votes, tickets = read(tables.LABELS), read(tables.TICKETS_SILVER)
    agreement = read(tables.AGREEMENT).transform(newest_measures)
    return {
        "silver_labels_disagreement": votes.transform(cluster_disagreement),
        "gold_annotations": votes.transform(annotations),
        "gold_annotator_quality_current": read(tables.ANNOTATOR_QUALITY).transform(newest_quality),
        "gold_quality_metrics": tickets.transform(quality_metrics, read(tables.DECISIONS), agreement),
    }
