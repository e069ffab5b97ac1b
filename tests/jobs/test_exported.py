"""An export read back by whoever trains on it."""

from pathlib import Path

import pytest

from pipelines.cli.app import run
from pipelines.contracts.exports import EXPORTED_EXAMPLES
from pipelines.errors import VerificationError
from pipelines.jobs.exported import read_export
from pipelines.jobs.manifests import DATASET

ANNOTATIONS = Path(__file__).parents[1] / "golden" / "annotations.csv"


@pytest.mark.usefixtures("spark")
def test_rows_come_back_once_the_files_are_what_the_manifest_says(tmp_path: Path) -> None:
    folder = tmp_path / "validated"
    assert run(["validate", str(ANNOTATIONS), "--out", str(folder), "--keep-text"]) == 0
    found = read_export(str(folder))
    assert list(found.rows.columns) == EXPORTED_EXAMPLES.column_names
    lines = (folder / DATASET).read_text(encoding="utf-8").splitlines()
    assert len(found.rows) == len(lines) > 0
    assert set(found.rows["split"]) <= {"train", "validation", "test"}
    assert found.sentence.startswith(f"{len(lines)} rows, exported at 20")
    assert found.card.startswith("# Support tickets with their intents")
    (folder / DATASET).write_text("", encoding="utf-8")
    with pytest.raises(VerificationError, match="was changed after its export"):
        read_export(str(folder))


def test_a_folder_without_a_manifest_holds_no_export(tmp_path: Path) -> None:
    found = read_export(str(tmp_path / "export"))
    assert (found.manifest, found.card, len(found.rows)) == (None, "", 0)
    assert found.sentence == f"No export in {tmp_path / 'export'} yet. Type: lakehouse export"
