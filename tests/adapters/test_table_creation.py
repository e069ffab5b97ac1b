"""What a table tells of itself: comments of the contract, and properties, as Delta has them."""

from dataclasses import replace

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_table, table_version
from pipelines.adapters.table_creation import ensure_tables
from pipelines.contracts import LABELS, TABLES
from pipelines.declaration import Table
from pipelines.errors import WorkspaceError
from tests.builders import frame, vote


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


def without(table: Table, *names: str) -> Table:
    return replace(
        table, version=1, columns=T.StructType([field for field in table.columns if field.name not in names])
    )


def test_a_table_of_an_earlier_contract_gets_what_came_since_and_keeps_its_rows(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, old = TableStore("", str(tmp_path_factory.mktemp("earlier")), ""), without(LABELS, "similarities", "tier")
    ensure_tables(spark, store, (old,))
    append_once(frame(spark, old, vote("card", 0.9)), store, old, BatchWrite("test", 1, 0))
    before = table_version(spark, store, LABELS)
    ensure_tables(spark, store, (LABELS,))
    assert spark.read.table(store.name(LABELS)).columns == LABELS.column_names
    assert comments(spark.read.table(store.name(LABELS)).schema) == comments(LABELS.columns)
    detail = spark.sql(f"DESCRIBE DETAIL {store.name(LABELS)}").first()
    assert detail is not None
    assert detail["properties"]["lakehouse.contractVersion"] == str(LABELS.version)
    for version in (None, before):
        (row,) = read_table(spark, store, LABELS, version).collect()
        assert (row["label"], row["similarities"], row["tier"]) == ("card", None, None)


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        (LABELS, without(LABELS, "similarities")),
        (without(LABELS, "vote_id"), LABELS),
        (replace(LABELS, columns=T.StructType([*LABELS.columns[1:], LABELS.columns[0]])), LABELS),
    ],
    ids=["a column too many", "a key is missing", "another order"],
)
def test_a_table_that_differs_in_another_way_is_refused(
    stored: Table, declared: Table, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = TableStore("", str(tmp_path_factory.mktemp("other")), "")
    ensure_tables(spark, store, (replace(stored, key=("record_id",)),))
    with pytest.raises(WorkspaceError, match=r"silver\.labels has not the columns of contract version"):
        ensure_tables(spark, store, (declared,))
