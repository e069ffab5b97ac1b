"""`run features` and `clusters`, over rows that stand in silver."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.cli.app import run
from pipelines.cli.opening import open_tables
from pipelines.contracts import TICKETS_SILVER
from pipelines.workspace import open_workspace
from tests.builders import frame, record
from tests.cli.workspaces import make_workspace
from tests.spark_line import needs_spark_nlp

INTENTS = "intents:\n- {name: a, examples: [b]}\n- {name: c, examples: [d]}\n"
TEXTS = ["<PERSON> lost my gold card", "<PERSON> lost my gold card!", "the parcel never arrived", "where is my refund"]


@pytest.fixture
def workspace(spark: SparkSession, tmp_path: Path) -> Path:
    root = make_workspace(tmp_path, INTENTS)
    clusters = ["r0", "r0", "r2", "r3"]
    rows = [
        record(f"r{number}", text=text, cluster_id=cluster)
        for number, (text, cluster) in enumerate(zip(TEXTS, clusters, strict=True))
    ]
    store = open_tables(open_workspace(root), spark)
    append_once(frame(spark, TICKETS_SILVER, *rows), store, TICKETS_SILVER, BatchWrite("silver", 1, 0))
    return root


@needs_spark_nlp
def test_the_biggest_clusters_are_named_by_the_features_stage(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(*arguments: str) -> str:
        capsys.readouterr()
        assert run([*arguments, "--workspace", str(workspace)]) == 0
        return capsys.readouterr().out

    nameless = {"cluster_id": "r0", "records": 2, "phrases": []}
    assert json.loads(printed("clusters", "--json")) == [nameless]
    assert run(["clusters", "--workspace", str(workspace)]) == 0
    assert "Type: lakehouse run features\n" in capsys.readouterr().err
    assert [stage["rows"] for stage in json.loads(printed("run", "features", "--json"))] == [4]
    assert [stage["rows"] for stage in json.loads(printed("run", "features", "--json"))] == [0]
    assert json.loads(printed("clusters", "--json")) == [nameless | {"phrases": ["gold card", "lost my gold"]}]
    assert "gold card" in printed("clusters", "--top", "1")
