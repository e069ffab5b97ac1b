"""Reading an export back: its rows, after its files were held against their manifest."""

import json
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import SparkSession

from pipelines.adapters.storage import open_folder
from pipelines.contracts.exports import EXPORTED_EXAMPLES
from pipelines.jobs.manifests import CARD, DATASET, MANIFEST, Manifest, verify


@dataclass(frozen=True)
class Exported:
    """An export.

    Attributes:
        folder: its folder or URI.
        manifest: what it says of itself; None where nothing was exported yet.
        card: its dataset card, in Markdown; empty where there is none.
        rows: the columns of `contracts.exports.EXPORTED_EXAMPLES`, one row a line of the dataset.
    """

    folder: str
    manifest: Manifest | None
    card: str
    rows: pd.DataFrame

    @property
    def sentence(self) -> str:
        """Say what it is, or that it is not there."""
        if self.manifest is None:
            return f"No export in {self.folder} yet. Type: lakehouse export"
        files, created_at = len(self.manifest["files"]), self.manifest["created_at"]
        return f"{len(self.rows):,} rows, exported at {created_at}; all {files} files are what the manifest says."


def read_export(folder_uri: str, spark: SparkSession | None = None) -> Exported:
    """Read an export; a folder without a manifest holds none.

    Raises:
        VerificationError: when files are not what the manifest says.
        StorageError: when the URI cannot be reached.
    """
    folder = open_folder(folder_uri, spark)
    names = EXPORTED_EXAMPLES.column_names
    try:
        b"".join(folder.read(MANIFEST))
    except FileNotFoundError:
        return Exported(folder_uri, None, "", pd.DataFrame(columns=names))
    manifest = verify(folder_uri, spark)
    lines = b"".join(folder.read(DATASET)).decode("utf-8").split("\n")
    rows = pd.DataFrame([json.loads(line) for line in lines if line], columns=names)
    card = b"".join(folder.read(CARD)).decode("utf-8") if CARD in manifest["files"] else ""
    return Exported(folder_uri, manifest, card, rows)
