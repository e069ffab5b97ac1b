"""The manifest that makes a folder of exported files checkable, and the check."""

import json
from typing import TypedDict, cast

from pyspark.sql import SparkSession

from pipelines.adapters.storage import Folder, StoredFile, digest, open_folder
from pipelines.errors import VerificationError

DATASET = "clean_training_dataset.jsonl"
DISAGREEMENTS = "disagreements.log"
MANIFEST = "manifest.json"


class FileFacts(TypedDict):
    """What a data file must hold."""

    rows: int
    bytes: int
    sha256: str


class Manifest(TypedDict):
    """What stands in manifest.json.

    `models` lists kind, name, version and hash of every registered model and prompt that voted; `not_clean` counts
    records (texts, after `validate`) kept out by reason; `not_votes` rows of labelled files that are no votes.
    """

    manifest_version: int
    created_at: str
    files: dict[str, FileFacts]
    tables: dict[str, int]
    models: list[dict[str, str]]
    label_set_hash: str
    settings_fingerprint: str
    not_clean: dict[str, int]
    not_votes: dict[str, int]


def verify(dir_uri: str, spark: SparkSession | None = None) -> Manifest:
    """Check that a folder holds exactly what its manifest says.

    Raises:
        VerificationError: naming the file and what differs.
        StorageError: when the folder's URI cannot be reached.
    """
    folder = open_folder(dir_uri, spark)
    manifest = read_manifest(folder)
    for name, facts in sorted(manifest["files"].items()):
        try:
            found = digest(folder.read(name))
        except OSError as error:
            raise VerificationError(f"{dir_uri}/{name} is missing or cannot be read. Export again.") from error
        compare(f"{dir_uri}/{name}", found, facts)
    return manifest


def read_manifest(folder: Folder) -> Manifest:
    """Read manifest.json and check its form."""
    path = f"{folder.uri}/{MANIFEST}"
    try:
        content = json.loads(b"".join(folder.read(MANIFEST)))
        files = {name: (facts["rows"], facts["bytes"], facts["sha256"]) for name, facts in content["files"].items()}
    except OSError as error:
        raise VerificationError(
            f"{path} is missing or cannot be read: the export is not complete. Export again."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"{path} is not a manifest of this product. Export again.") from error
    if set(files) != {DATASET, DISAGREEMENTS} or content.get("manifest_version") != 1:
        raise VerificationError(
            f"{path} must be of version 1 and list {DATASET} and {DISAGREEMENTS}; it does not. Export again."
        )
    return cast(Manifest, content)


def compare(path: str, found: StoredFile, facts: FileFacts) -> None:
    """Refuse a file that differs from its manifest, in the words that tell most."""
    for what, there, expected in (
        ("rows", found.rows, facts["rows"]),
        ("bytes", found.bytes, facts["bytes"]),
        ("SHA-256", found.sha256, facts["sha256"]),
    ):
        if there != expected:
            raise VerificationError(
                f"{path} was changed after its export: {what} {there}, the manifest says {expected}. Export again."
            )
