"""How a table and a view are declared: columns with their meaning; and what may run over a table's batches."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import types as T

MapBatches = Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]
"""How a model enters a transform: a function that runs on the workers, over the batches of one task."""


def column(name: str, kind: T.DataType, comment: str, nullable: bool = True) -> T.StructField:
    """Declare one column with its meaning (units included)."""
    return T.StructField(name, kind, nullable, {"comment": comment})


def uncommented(fields: Iterable[T.StructField]) -> T.StructType:
    """Make a type of declared columns without their comments: what Python workers give back has none."""
    return T.StructType([T.StructField(field.name, bare(field.dataType), field.nullable) for field in fields])


def bare(kind: T.DataType) -> T.DataType:
    """Give a type without the comments of its parts."""
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(bare(kind.elementType), kind.containsNull)
    return uncommented(kind.fields) if isinstance(kind, T.StructType) else kind


@dataclass(frozen=True)
class Table:
    """A declared table: where it stands, what identifies a row, who alone writes it."""

    schema: str
    name: str
    version: int
    key: tuple[str, ...]
    writer: str
    comment: str
    columns: T.StructType

    @property
    def full_name(self) -> str:
        """`schema.name`, as analysts type it."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> list[str]:
        """Column names in their declared order: what a transform selects at its end."""
        return [str(name) for name in self.columns.fieldNames()]

    @property
    def payload_names(self) -> list[str]:
        """Columns a transform delivers: all but the two the writer adds."""
        return self.column_names[: -len(WRITE_TRACE)]


@dataclass(frozen=True)
class View:
    """A declared view: an answer that analysts need daily, kept as SQL so that a catalog can hold it for everybody.

    Attributes:
        columns: name and meaning of each, in the order of the query.
        query: a SELECT over tables and earlier views by their full names.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[tuple[str, str], ...]
    query: str

    @property
    def full_name(self) -> str:
        """`schema.name`, as analysts type it."""
        return f"{self.schema}.{self.name}"


def declare_view(full_name: str, comment: str, query: str, **columns: str) -> View:
    """Declare a view; each column by its meaning, units included."""
    schema, name = full_name.split(".")
    return View(schema, name, comment, tuple(columns.items()), query)


def declare(
    full_name: str, version: int, key: Sequence[str], writer: str, comment: str, *columns: T.StructField
) -> Table:
    """Declare a table; every one ends with the two columns that make its writes traceable and idempotent."""
    schema, name = full_name.split(".")
    return Table(schema, name, version, tuple(key), writer, comment, T.StructType([*columns, *WRITE_TRACE]))


WRITE_TRACE = (
    column(
        "query_epoch", T.StringType(), "Life of the checkpoint that wrote the row; a new one starts with --new-epoch"
    ),
    column("batch_id", T.LongType(), "Micro-batch that wrote the row, counted from 0 in its epoch"),
)
