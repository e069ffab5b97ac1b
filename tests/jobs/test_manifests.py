import hashlib
import json
from pathlib import Path

import pytest

from pipelines.errors import VerificationError
from pipelines.jobs.manifests import DATASET, DISAGREEMENTS, MANIFEST, verify


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contents = {DATASET: b'{"record_id": "r1"}\n{"record_id": "r2"}\n', DISAGREEMENTS: b"text | a,b | 2\n"}
    files = {}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        files[name] = {"rows": content.count(b"\n"), "bytes": len(content), "sha256": sha256}
    (tmp_path / MANIFEST).write_text(json.dumps({"manifest_version": 1, "files": files}), encoding="utf-8")
    return tmp_path


def test_an_untouched_export_of_the_first_version_verifies(folder: Path) -> None:
    assert verify(str(folder))["files"][DATASET]["rows"] == 2


def test_a_flipped_byte_is_found(folder: Path) -> None:
    content = bytearray((folder / DATASET).read_bytes())
    content[15] ^= 1
    (folder / DATASET).write_bytes(content)
    with pytest.raises(VerificationError, match=rf"{DATASET} was changed after its export: SHA-256 "):
        verify(str(folder))


def test_an_extra_line_is_found(folder: Path) -> None:
    with (folder / DISAGREEMENTS).open("ab") as file:
        file.write(b"more | a,b | 2\n")
    with pytest.raises(VerificationError, match=rf"{DISAGREEMENTS} was changed after its export: rows 2, .* says 1\."):
        verify(str(folder))


@pytest.mark.parametrize("name", [DATASET, DISAGREEMENTS, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(VerificationError, match=f"{name} is missing"):
        verify(str(folder))


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", '{"files": 1}', '{"files": {"x": {"rows": 1}}}', '{"manifest_version": 1, "files": {}}'),
        *('{"manifest_version": 3, "files": {}}', '{"manifest_version": [], "files": {}}'),
    ],
)
def test_a_manifest_of_another_form_is_refused(folder: Path, content: str) -> None:
    (folder / MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(VerificationError, match=rf"{MANIFEST} (is not a manifest|must be of version 1)"):
        verify(str(folder))


def test_a_manifest_that_leaves_a_file_out_is_refused(folder: Path) -> None:
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**content, "manifest_version": 2}), encoding="utf-8")
    with pytest.raises(VerificationError, match=r"list exactly the files of it .*dataset_card\.md"):
        verify(str(folder))
