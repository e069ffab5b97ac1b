"""The contracts as a page for people: what every table and exported file holds."""

from collections.abc import Iterable, Iterator, Sequence

from pyspark.sql import types as T

from pipelines.contracts.exports import Layer
from pipelines.declaration import Table, View

HEAD = """# What flows

Every table, view and exported file, column by column. This page is made of the contracts in `src/pipelines/contracts/`
by `lakehouse contracts --out docs/contracts.md`; the same comments stand on the tables themselves. A table's `owner` is
the one job that writes it. A view holds nothing of its own: its query stands with it.
"""


def write_page(tables: Sequence[Table], views: Sequence[View], layers: Sequence[Layer]) -> str:
    """Write the page, in Markdown."""
    overview = rows(
        ("table", "a row is", "owner", "key", "version"),
        (
            (f"[{one.full_name}](#{anchor(one.full_name)})", one.comment, one.writer, key_of(one), str(one.version))
            for one in tables
        ),
    )
    answers = rows(
        ("view", "what it tells"), ((f"[{one.full_name}](#{anchor(one.full_name)})", one.comment) for one in views)
    )
    sections = (*map(describe_table, tables), *map(describe_view, views), *map(describe_layer, layers))
    parts = [HEAD, overview, answers, *sections]
    return "\n".join(parts)


def describe_table(table: Table) -> str:
    """Write the section of one table."""
    facts = f"{table.comment}. Version {table.version}, key {key_of(table)}, written by the job `{table.writer}`.\n"
    return "\n".join((f"## {table.full_name}\n", facts, columns_of(table.columns)))


def describe_view(view: View) -> str:
    """Write the section of one view, with its query."""
    columns = rows(("column", "meaning"), ((f"`{name}`", meaning) for name, meaning in view.columns))
    return "\n".join((f"## {view.full_name}\n", f"{view.comment}.\n", columns, f"```sql{view.query}\n```\n"))


def describe_layer(layer: Layer) -> str:
    """Write the section of one exported file."""
    text = f"A line is text of the form `{layer.pattern}`.\n"
    form = text if layer.columns is None else columns_of(layer.columns)
    return "\n".join((f"## {layer.file}\n", f"{layer.comment} Version {layer.version}.\n", form))


def columns_of(columns: T.StructType) -> str:
    """Write a table of columns; parts of nested ones follow them."""
    return rows(("column", "type", "meaning"), flatten(columns))


def flatten(columns: T.StructType, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Give each column, and behind it the parts it is made of: name, type, meaning."""
    for field in columns:
        name, kind = f"{prefix}{field.name}", field.dataType
        inner = kind.elementType if isinstance(kind, T.ArrayType) else kind
        parts = inner if isinstance(inner, T.StructType) else None
        shown = kind.simpleString() if parts is None else "array" if inner is not kind else "struct"
        never = "" if field.nullable else ", never null"
        yield f"`{name}`", f"`{shown}`{never}", field.metadata.get("comment", "")
        if parts is not None:
            yield from flatten(parts, f"{name}[]." if inner is not kind else f"{name}.")


def rows(headers: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    written = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    rule = "|" + "---|" * len(headers)
    return "\n".join(("| " + " | ".join(headers) + " |", rule, *written, ""))


def key_of(table: Table) -> str:
    """Write a table's key."""
    return ", ".join(f"`{name}`" for name in table.key)


def anchor(title: str) -> str:
    """Name a heading as GitHub does in links to it."""
    return title.lower().replace(".", "")
