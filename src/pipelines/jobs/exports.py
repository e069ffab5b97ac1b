"""Handing data out: rows with their split, a schema of each file, a card, and a manifest that pins all of it.

Everything is made of table versions, of rules that the manifest holds, and of nothing else: so the same files can be
made again.
"""

from collections.abc import Mapping

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_table
from pipelines.adapters.frames import stream_rows
from pipelines.adapters.spark import hold
from pipelines.adapters.time_travel import refuse_gone_versions
from pipelines.declaration import Table
from pipelines.errors import UsageError
from pipelines.jobs.manifests import MANIFEST_VERSION, FileFacts, Manifest
from pipelines.jobs.publication import Outcome, Provenance, hand_out
from pipelines.kernels.components import spanning_forest
from pipelines.settings import ExportSettings
from pipelines.transforms.agreement import current
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.datasets import model_rows, redaction_counts
from pipelines.transforms.splits import add_families, add_splits, shared_texts

EXPORTED = (
    tables.TRAINING_EXAMPLES,
    tables.QUARANTINE,
    tables.SHED,
    tables.LABELS,
    tables.TICKETS_SILVER,
    tables.CLUSTER_MERGES,
)
"""Every table that an export reads."""
FAMILY = "cluster_id string, family string"


def read_exported(spark: SparkSession, store: TableStore, versions: Mapping[str, int]) -> dict[Table, DataFrame]:
    """Read every table of an export at the version that is named."""
    return {table: read_table(spark, store, table, versions[table.full_name]) for table in EXPORTED}


def export(
    spark: SparkSession,
    rows: Mapping[Table, DataFrame],
    out_uri: str,
    provenance: Provenance,
    expected: Mapping[str, FileFacts] | None = None,
) -> Manifest:
    """Write the clean rows with their split, the disagreements, schemas, a card and a manifest to a folder.

    Equal tables give byte-identical data files.

    Args:
        spark: the session.
        rows: the tables of EXPORTED, at the versions that `provenance` names.
        out_uri: the folder.
        provenance: goes into the manifest.
        expected: what data files must be, byte for byte, to be published; None: whatever they are.

    Raises:
        SplitLeakError: when near-duplicates or equal texts would stand in two splits; nothing is published.
        VerificationError: when a file is not what was expected; nothing is published.
        StorageError: when the folder cannot be written; what was published before then still stands.
    """
    gold, quarantine, shed = (rows[table] for table in (tables.TRAINING_EXAMPLES, tables.QUARANTINE, tables.SHED))
    tickets, merges = rows[tables.TICKETS_SILVER], rows[tables.CLUSTER_MERGES]
    examples = current(gold, quarantine, shed).transform(current_clusters, merges)
    joined = join_families(spark, tickets.transform(shared_texts, merges))
    split = hold(examples.transform(add_families, joined).transform(add_splits, provenance.split))
    outcome = Outcome(
        examples=split,
        redactions=tickets.transform(redaction_counts, split),
        kept_out=current(quarantine, gold, shed),
        models=[row.asDict() for row in rows[tables.LABELS].transform(model_rows).collect()],
    )
    return hand_out(spark, outcome, out_uri, provenance, expected)


def rebuild(spark: SparkSession, store: TableStore, manifest: Manifest, out_uri: str) -> Manifest:
    """Make an export again from what its manifest names.

    Raises:
        UsageError: when the manifest names no tables, or was written before splits.
        VersionGoneError: when a version can no longer be read.
        VerificationError: when a data file comes out differently; nothing is published.
    """
    if manifest["manifest_version"] < MANIFEST_VERSION or not manifest["tables"]:
        raise UsageError(
            "Only an export of tables by this version can be rebuilt: its manifest says manifest_version "
            f"{MANIFEST_VERSION} and names table versions. One made by `validate` is made again by `validate`."
        )
    pinned = manifest["tables"]
    refuse_gone_versions(spark, store, {table: pinned[table.full_name] for table in EXPORTED})
    provenance = Provenance(
        policy=manifest["policy"],
        split=ExportSettings(**manifest["split"]),
        settings_fingerprint=manifest["settings_fingerprint"],
        label_set_hash=manifest["label_set_hash"],
        tables=pinned,
        as_of=manifest["as_of"],
        certificate=manifest["certificate"],
        created_at=manifest["created_at"],
    )
    return export(spark, read_exported(spark, store, pinned), out_uri, provenance, manifest["files"])


def join_families(spark: SparkSession, shared: DataFrame) -> DataFrame:
    """Join the clusters that share a text, directly or through others, under the id of the oldest.

    Args:
        spark: the session.
        shared: what `splits.shared_texts` gives: few, since look-alikes of one window are one cluster anyway.

    Returns:
        cluster_id, family; without the clusters that are the oldest of theirs.
    """
    rows = list(stream_rows(shared))
    ages = {row["cluster_id"]: (row["cluster_no"], row["cluster_id"]) for row in rows}
    ids = sorted(ages, key=ages.__getitem__)
    places = {cluster: place for place, cluster in enumerate(ids)}
    told = [places[row["cluster_id"]] for row in rows]
    # Rows come text by text: each cluster is tied to the one before it that has the same text.
    ties = [place for place in range(1, len(rows)) if rows[place]["text_hash"] == rows[place - 1]["text_hash"]]
    ends = np.array([[told[place - 1], told[place]] for place in ties], dtype=np.int64).reshape(-1, 2)
    roots = spanning_forest(len(ids), ends[:, 0].copy(), ends[:, 1].copy())[1].tolist() if ids else []
    joined = [(ids[place], ids[root]) for place, root in enumerate(roots) if place != root]
    return spark.createDataFrame(joined, FAMILY)
