"""`maintain`: small files go together, old ones away, and no row with them."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.cli import tidying
from pipelines.cli.app import run
from pipelines.contracts import DECISIONS, LANDED_FILES
from tests.cli.workspaces import make_workspace

INTENTS = "intents:\n- {name: a, examples: [b]}\n- {name: c, examples: [d]}\n"


@pytest.fixture
def workspace(spark: SparkSession, tmp_path: Path) -> Path:
    root = make_workspace(tmp_path, INTENTS)
    assert run(["sql", "select 1", "--workspace", str(root)]) == 0
    return root


def append(spark: SparkSession, folder: Path, number: int) -> None:
    row = {"file_key": f"r{number}", "path": f"p{number}"}
    values = tuple(row.get(name) for name in LANDED_FILES.column_names)
    spark.createDataFrame([values], LANDED_FILES.columns).write.format("delta").mode("append").save(str(folder))


def test_small_files_go_together_and_every_row_stays(
    spark: SparkSession, workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # All sixteen would take most of a minute.
    monkeypatch.setattr(tidying, "TABLES", (LANDED_FILES, DECISIONS))
    folder = workspace / "tables" / "bronze" / "landed_files"
    for number in range(3):
        append(spark, folder, number)
    capsys.readouterr()
    assert run(["maintain", "--workspace", str(workspace), "--json"]) == 0
    tidied = {one["table"]: (one["files_before"], one["files_after"]) for one in json.loads(capsys.readouterr().out)}
    assert tidied["bronze.landed_files"] == (3, 1)
    assert tidied["gold.decisions"] == (0, 0)
    assert sorted(row["file_key"] for row in spark.read.format("delta").load(str(folder)).collect()) == [
        "r0",
        "r1",
        "r2",
    ]
    # Versions of the last 30 days can still be read: their files are not deleted.
    first = spark.read.format("delta").option("versionAsOf", 1).load(str(folder))
    assert [row["file_key"] for row in first.collect()] == ["r0"]
    operations = [row["operation"] for row in spark.sql(f"DESCRIBE HISTORY delta.`{folder}`").collect()]
    assert {"OPTIMIZE", "VACUUM START", "VACUUM END"} <= set(operations)
