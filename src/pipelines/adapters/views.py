"""What analysts find in SQL beside the tables: their names, and the readers' views."""

from pyspark.sql import DataFrame, SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_place, read_table
from pipelines.declaration import Table
from pipelines.transforms.agreement_counts import newest_measures, newest_quality
from pipelines.transforms.assurance import mark_suspect, newest_certificate
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.disagreements import compared_versions, confusions, contested_clusters, newest_labels
from pipelines.transforms.documents import annotations, documents, quality_metrics
from pipelines.transforms.duplicates import weigh
from pipelines.transforms.economy import cluster_disagreement, labelling_economy
from pipelines.transforms.quality import label_mix
from pipelines.vocabulary import Place

NAMED = "spark.lakehouse.named"
"""Session setting: the folder whose tables have the names."""


def register_views(spark: SparkSession, store: TableStore) -> None:
    """Give tables that stand by path their names in SQL, and every place a reader's view `..._current`.

    A place's view hides the old row of a record that is being moved (see `transforms.agreement.current`);
    silver_tickets_current gives each ticket the cluster that its own has become part of,
    gold_training_examples_weighted how many identical records each example stands for, gold_training_examples_suspect
    whether a suspended certificate vouches for it no more; silver_labels_economy what votes
    cost, silver_labels_disagreement how often a cluster's vote is not what its text would have got;
    gold_agreement_current and gold_annotator_quality_current the newest figures; gold_documents, gold_annotations and
    gold_quality_metrics the way of each record from its source to its place; gold_certificates_current the certificate
    in force; gold_label_mix labels by day; silver_labels_current each rater's newest label on each text,
    silver_labels_confusions what two raters made of the same texts, silver_labels_versions what two versions of one
    model voter did, gold_contested_clusters near-duplicates whose voters are not of one mind.
    """
    name_tables(spark, store)
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
        "gold_label_mix": tickets.transform(label_mix, decisions),
        "gold_certificates_current": read(tables.CERTIFICATES).transform(newest_certificate),
    }


def views_of_votes(spark: SparkSession, store: TableStore) -> dict[str, DataFrame]:
    """Make the views of who said what, what it cost and how far it agrees."""

    def read(table: Table) -> DataFrame:
        return read_table(spark, store, table)

    votes, tickets = read(tables.LABELS), read(tables.TICKETS_SILVER)
    newest, clustered = votes.transform(newest_labels), tickets.transform(current_clusters, read(tables.CLUSTER_MERGES))
    agreement = read(tables.AGREEMENT).transform(newest_measures)
    return {
        "silver_labels_economy": votes.transform(labelling_economy),
        "silver_labels_disagreement": votes.transform(cluster_disagreement),
        "silver_labels_current": newest,
        "silver_labels_confusions": newest.transform(confusions),
        "silver_labels_versions": newest.transform(compared_versions),
        "gold_contested_clusters": newest.transform(contested_clusters, clustered),
        "gold_annotations": votes.transform(annotations),
        "gold_agreement_current": agreement,
        "gold_annotator_quality_current": read(tables.ANNOTATOR_QUALITY).transform(newest_quality),
        "gold_quality_metrics": tickets.transform(quality_metrics, read(tables.DECISIONS), agreement),
    }
