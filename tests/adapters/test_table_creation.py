"""What a table tells of itself: comments of the contract, and properties, as Delta has them."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.adapters.delta import TableStore
from pipelines.adapters.table_creation import ensure_tables
from pipelines.contracts import TABLES
from pipelines.declaration import Table


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> TableStore:
    made = TableStore("", str(tmp_path_factory.mktemp("described")), "")
    ensure_tables(spark, made)
    return made


def comments(columns: T.StructType, prefix: str = "") -> dict[str, str]:
    """Comment of every column, and of the parts of nested ones."""
    found = {}
    for field in columns:
        found[f"{prefix}{field.name}"] = str(field.metadata.get("comment", ""))
        kind = field.dataType.elementType if isinstance(field.dataType, T.ArrayType) else field.dataType
        if isinstance(kind, T.StructType):
            found |= comments(kind, f"{prefix}{field.name}.")
    return found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_comments_and_properties_of_the_contract_stand_in_delta(
    table: Table, spark: SparkSession, store: TableStore
) -> None:
    detail = spark.sql(f"DESCRIBE DETAIL {store.name(table)}").first()
    assert detail is not None
    assert detail["description"] == table.comment
    told = {name.removeprefix("lakehouse."): value for name, value in detail["properties"].items()}
    assert {name: told[name] for name in ("owner", "layer", "contractVersion")} == {
        "owner": table.writer,
        "layer": table.full_name.split(".")[0],
        "contractVersion": str(table.version),
    }
    stored = comments(spark.read.table(store.name(table)).schema)
    assert stored == comments(table.columns)
    assert [name for name, comment in stored.items() if not comment] == []
