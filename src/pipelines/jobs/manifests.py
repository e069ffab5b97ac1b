"""The manifest that makes a folder of exported files checkable, and the check."""

import json
from typing import NotRequired, TypedDict, cast

from pyspark.sql import SparkSession

from pipelines.adapters.storage import Folder, StoredFile, digest, open_folder
from pipelines.contracts.exports import EXPORTED_DISAGREEMENTS, EXPORTED_EXAMPLES, LAYERS
from pipelines.errors import VerificationError
from pipelines.settings import SplitWay

DATASET = EXPORTED_EXAMPLES.file
DISAGREEMENTS = EXPORTED_DISAGREEMENTS.file
CARD = "dataset_card.md"
MANIFEST = "manifest.json"
MANIFEST_VERSION = 2
DATA_FILES = (DATASET, DISAGREEMENTS)
EXPECTED_FILES = {1: {*DATA_FILES}, MANIFEST_VERSION: {*DATA_FILES, *(layer.schema_file for layer in LAYERS), CARD}}
"""What a manifest of each version lists."""

Counts = dict[str, int]


class FileFacts(TypedDict):
    """What a file must hold."""

    rows: int
    bytes: int
    sha256: str


class SplitFacts(TypedDict):
    """How rows were shared out: see `settings.ExportSettings`."""

    split: SplitWay
    train_share: float
    validation_share: float
    test_share: float


class Policy(TypedDict):
    """The rules in force when files were made; what rows themselves were made by stands in their counts.

    `redaction` names the policy and says what each type of personal value becomes.
    """

    gate_version: str
    min_confidence: float
    redaction_policy: str
    redaction: dict[str, str]


class Contents(TypedDict):
    """What the rows are: by split and class, by source, month of writing, voter, voter version.

    `policies` counts rows by the version that redacted them, `replaced` values of their texts by type.
    """

    classes: dict[str, Counts]
    sources: Counts
    months: Counts
    voters: Counts
    versions: Counts
    policies: Counts
    replaced: Counts


class Certificate(TypedDict):
    """What an audit by people says about gold; in words a card can print."""

    name: str
    statement: str


class Manifest(TypedDict):
    """What stands in manifest.json; one of version 1 has not the last five.

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
    not_clean: Counts
    not_votes: Counts
    as_of: NotRequired[str | None]
    split: NotRequired[SplitFacts]
    policy: NotRequired[Policy]
    contents: NotRequired[Contents]
    certificate: NotRequired[Certificate | None]


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


def read_manifest(folder: Folder, name: str = MANIFEST) -> Manifest:
    """Read a manifest and check its form."""
    path = f"{folder.uri}/{name}"
    try:
        content = json.loads(b"".join(folder.read(name)))
        files = {name: (facts["rows"], facts["bytes"], facts["sha256"]) for name, facts in content["files"].items()}
    except OSError as error:
        raise VerificationError(
            f"{path} is missing or cannot be read: the export is not complete. Export again."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"{path} is not a manifest of this product. Export again.") from error
    version = content.get("manifest_version")
    expected = EXPECTED_FILES.get(version) if isinstance(version, int) else None
    if expected is None or set(files) != expected:
        needed = ", ".join(sorted(expected or EXPECTED_FILES[MANIFEST_VERSION]))
        raise VerificationError(
            f"{path} must be of version 1 or {MANIFEST_VERSION} and list exactly the files of it ({needed}); it does "
            "not. Export again."
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
