"""The tables without Spark: what deltalake and DuckDB read is what Spark reads."""

import re
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from pipelines.adapters.delta import read_table
from pipelines.adapters.queries import plain
from pipelines.cli.opening import table_store
from pipelines.contracts import TABLES, TICKETS_SILVER
from pipelines.declaration import Table
from pipelines.workspace import open_workspace
from tests.analyst import LOST
from tests.builders import record

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_deltalake_reads_the_rows_and_comments_of_a_table(table: Table, spark: SparkSession, past: Path) -> None:
    store = table_store(open_workspace(past))
    opened = DeltaTable(store.path(table))
    # Neither column mapping nor deletion vectors nor any other feature that a reader has to know.
    protocol = opened.protocol()
    assert (protocol.min_reader_version, protocol.reader_features) == (1, None)
    assert {field.name: field.metadata.get("comment") for field in opened.schema().fields} == {
        field.name: field.metadata["comment"] for field in table.columns
    }
    rows = opened.to_pyarrow_table().select(list(table.key)).to_pylist()
    stored = read_table(spark, store, table).select(*table.key).collect()
    assert sorted(repr(plain(row)) for row in rows) == sorted(repr(plain(row)) for row in stored)


def test_the_three_lines_of_the_readme_count_gold_in_duckdb(past: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block.replace("my-project", str(past)), "README.md", "exec"), {})
    assert re.search(r"refund\s*│\s*3 ", capsys.readouterr().out)


def test_duckdb_reads_times_and_what_is_nested(past: Path) -> None:
    store = table_store(open_workspace(past))
    tickets = DeltaTable(store.path(TICKETS_SILVER)).to_pyarrow_dataset()
    found = duckdb.sql(f"SELECT epoch(created_at), len(spans), spans[1].type FROM tickets WHERE record_id = '{LOST}'")
    assert found.fetchall() == [(record()["created_at"].timestamp(), 3, "PERSON")]
    assert tickets.count_rows() == 7
