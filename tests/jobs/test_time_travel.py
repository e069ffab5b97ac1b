"""Exports of the past: made again byte for byte, or refused by name."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_table, remove_superseded, vacuum
from pipelines.adapters.storage import open_folder
from pipelines.adapters.time_travel import moment_of, read_commits, versions_at
from pipelines.cli.exports import export_tables, pin_versions
from pipelines.contracts import DECISIONS, QUARANTINE, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.declaration import Table
from pipelines.errors import UsageError, VersionGoneError
from pipelines.intents import Intent
from pipelines.jobs import exports
from pipelines.jobs.manifests import DATA_FILES, DATASET, MANIFEST, Manifest, read_manifest
from pipelines.workspace import Workspace, init_workspace
from tests.builders import Values, decision, frame, record

TEXTS = {"r1": "where is my card?", "r2": "refund me", "r3": "I cannot log in"}


class Past:
    """A few tables with a past: three rows reach gold, then one moves to quarantine."""

    def __init__(self, spark: SparkSession, root: Path, empty_tables: Path) -> None:
        self.spark = spark
        self.workspace: Workspace = init_workspace(root, [Intent("billing")])
        shutil.copytree(empty_tables, root / "tables")
        self.store = TableStore("", str(root / "tables"), "")
        self.batch = 0
        records = [record(name, text=text, cluster_no=1) for name, text in TEXTS.items()]
        self.append(TICKETS_SILVER, *records)
        self.append(TRAINING_EXAMPLES, *(self.placed(name) for name in TEXTS))

    def placed(self, name: str, **changes: object) -> Values:
        return {**decision(name, **changes), "text": TEXTS[name], "cluster_id": name, "voters": ["human"]}

    def append(self, table: Table, *rows: Values) -> None:
        write = BatchWrite("test", 1, self.batch)
        append_once(frame(self.spark, table, *rows), self.store, table, write)
        self.batch += 1

    def move(self, name: str) -> None:
        moved = self.placed(name, decision_no=2, verdict="disagreement", reason="labels_disagree", labels=["a", "b"])
        self.append(QUARANTINE, moved)
        remove_superseded(frame(self.spark, DECISIONS, decision(name, decision_no=2)), self.store, TRAINING_EXAMPLES)

    def export(self, out: Path, as_of: str | None = None) -> Manifest:
        return export_tables(self.workspace, self.spark, self.store, str(out), as_of)

    def rebuild(self, manifest: Path, out: Path) -> Manifest:
        read = read_manifest(open_folder(str(manifest.parent)), manifest.name)
        return exports.rebuild(self.spark, self.store, read, str(out))


@pytest.fixture(scope="module")
def past(spark: SparkSession, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Past:
    made = Past(spark, tmp_path_factory.mktemp("past") / "project", empty_tables)
    made.export(made.workspace.root / "before")
    made.move("r1")
    return made


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_export_is_made_again_byte_for_byte_after_the_tables_have_moved_on(past: Past, tmp_path: Path) -> None:
    before = past.workspace.root / "before"
    now = past.export(tmp_path / "now")
    assert (now["files"][DATASET]["rows"], now["not_clean"]) == (2, {"labels_disagree": 1})
    past.rebuild(before / MANIFEST, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(before)


@pytest.mark.parametrize("by", ["version", "time"])
def test_as_of_reads_every_table_as_it_was(past: Past, tmp_path: Path, by: str) -> None:
    written = read_commits(past.spark, past.store, TRAINING_EXAMPLES)[1]
    manifest = past.export(tmp_path / "then", "1" if by == "version" else written.isoformat())
    before = contents(past.workspace.root / "before")
    assert {name: (tmp_path / "then" / name).read_bytes() for name in DATA_FILES} == {
        name: before[name] for name in DATA_FILES
    }
    assert (manifest["as_of"], manifest["tables"]["quarantine.tickets"]) == (written.isoformat(), 0)


def test_a_time_before_all_tables_finds_them_empty_and_other_words_are_refused(past: Past) -> None:
    read_commits(past.spark, past.store, TRAINING_EXAMPLES)
    early = read_commits(past.spark, past.store, TRAINING_EXAMPLES)[0] - timedelta(days=1)
    assert versions_at(past.spark, past.store, [TRAINING_EXAMPLES], early) == {TRAINING_EXAMPLES: 0}
    with pytest.raises(UsageError, match=r"neither a version of gold\.training_examples nor a time"):
        moment_of(past.spark, past.store, TRAINING_EXAMPLES, "yesterday")
    with pytest.raises(UsageError, match="has no version 99 yet; its newest is 2"):
        moment_of(past.spark, past.store, TRAINING_EXAMPLES, "99")


def test_a_vacuumed_version_is_refused_by_name_and_nothing_is_written(past: Past, tmp_path: Path) -> None:
    lost = Past.__new__(Past)
    lost.spark = past.spark
    lost.workspace = replace(past.workspace, root=Path(shutil.copytree(past.workspace.root, tmp_path / "project")))
    lost.store = TableStore("", str(lost.workspace.root / "tables"), "")
    vacuum(lost.spark, lost.store, TRAINING_EXAMPLES)
    with pytest.raises(VersionGoneError, match=r"gold\.training_examples version 1 cannot be read any more\. 1 of "):
        lost.rebuild(lost.workspace.root / "before" / MANIFEST, tmp_path / "again")
    with pytest.raises(VersionGoneError, match=r"gold\.training_examples version 1"):
        lost.export(tmp_path / "then", "1")
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "then").exists()
    assert read_table(lost.spark, lost.store, TRAINING_EXAMPLES).count() == 2
    assert pin_versions(lost.spark, lost.store, None)["gold.training_examples"] >= 2


def test_an_export_of_the_first_form_or_of_files_cannot_be_rebuilt(past: Past, tmp_path: Path) -> None:
    manifest = read_manifest(open_folder(str(past.workspace.root / "before")))
    for other in ({**manifest, "manifest_version": 1}, {**manifest, "tables": {}}):
        with pytest.raises(UsageError, match="Only an export of tables by this version can be rebuilt"):
            exports.rebuild(past.spark, past.store, other, str(tmp_path / "again"))
