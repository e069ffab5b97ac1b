"""The SQL of a file of roles: for each role and object what is given and what is taken, masks and row filters.

Every cell has its statement, so that running all of them brings any catalog to what the file says.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.access import Access, Level, Mask, Rights, RowFilter
from pipelines.contracts import TABLES

OF_TABLES = {Level.READ: ("SELECT",), Level.WRITE: ("SELECT", "MODIFY")}
OF_VIEWS: dict[Level, tuple[str, ...]] = {Level.READ: ("SELECT",)}
OF_VOLUMES = {Level.READ: ("READ VOLUME",), Level.WRITE: ("READ VOLUME", "WRITE VOLUME")}
OF_SCHEMAS = {Level.READ: ("USE SCHEMA",), Level.WRITE: ("USE SCHEMA", "CREATE TABLE", "CREATE FUNCTION")}
OF_ALL_IN_A_SCHEMA = ("SELECT", "MODIFY", "READ VOLUME", "WRITE VOLUME")
"""Given for a schema, these would hold for all that is in it, whatever the file says of each."""


@dataclass(frozen=True)
class Names:
    """What objects are called in a catalog."""

    catalog: str
    schema_prefix: str

    def schema(self, schema: str) -> str:
        """Name of a schema."""
        return f"{self.catalog}.{self.schema_prefix}{schema}"

    def of(self, name: str) -> str:
        """Name of an object that the file calls `schema.name`."""
        schema, _, last = name.partition(".")
        return f"{self.schema(schema)}.{last}"


def statements(access: Access, names: Names) -> Iterator[str]:
    """Write every statement, in an order in which nobody ever sees more than the file says.

    Policies come before the grants: a table is not readable before its mask is there.
    """
    yield from mask_statements(access, names)
    yield from filter_statements(access, names)
    for role, group in access.groups.items():
        yield f"GRANT USE CATALOG ON CATALOG {names.catalog} TO `{group}`"
        for schema, level in schema_levels(access, role).items():
            name = names.schema(schema)
            yield f"REVOKE {', '.join(OF_ALL_IN_A_SCHEMA)} ON SCHEMA {name} FROM `{group}`"
            yield from cell("SCHEMA", name, group, level, OF_SCHEMAS)
        yield from cells("TABLE", access.tables, role, group, names, OF_TABLES)
        yield from cells("VIEW", access.views, role, group, names, OF_VIEWS)
        yield from cells("VOLUME", access.volumes, role, group, names, OF_VOLUMES)


def schema_levels(access: Access, role: str) -> dict[str, Level]:
    """Say what a role needs of each schema: nothing, its use, or, to write a table, to make tables."""
    found: dict[str, Level] = {}
    for listed in (access.tables, access.views, access.volumes):
        for name, levels in listed.items():
            schema, level = name.partition(".")[0], levels[role]
            # A volume is made by the bundle: to write to one, using the schema is enough.
            needed = min(level, Level.READ, key=list(Level).index) if listed is access.volumes else level
            found[schema] = max(found.get(schema, Level.NONE), needed, key=list(Level).index)
    return found


def cells(
    kind: str, listed: Rights, role: str, group: str, names: Names, privileges: dict[Level, tuple[str, ...]]
) -> Iterator[str]:
    """Write a role's statements for objects of one kind."""
    for name, levels in listed.items():
        yield from cell(kind, names.of(name), group, levels[role], privileges)


def cell(kind: str, name: str, group: str, level: Level, privileges: dict[Level, tuple[str, ...]]) -> Iterator[str]:
    """Write what one role gets of one object, and what it has to do without."""
    given = privileges.get(level, ())
    if not given:
        yield f"REVOKE ALL PRIVILEGES ON {kind} {name} FROM `{group}`"
        return
    taken = [privilege for privilege in privileges.get(Level.WRITE, given) if privilege not in given]
    if taken:
        yield f"REVOKE {', '.join(taken)} ON {kind} {name} FROM `{group}`"
    yield f"GRANT {', '.join(given)} ON {kind} {name} TO `{group}`"


def mask_statements(access: Access, names: Names) -> Iterator[str]:
    """Write a function for each masked column, and set it."""
    for mask in access.policies.masks:
        table, name = names.of(mask.table), mask.table.partition(".")[2]
        for column in mask.columns:
            function = f"{names.schema(mask.table.partition('.')[0])}.show_{name}_{column}"
            kind = column_type(mask, column)
            yield (
                f"CREATE OR REPLACE FUNCTION {function}(value {kind}) RETURNS {kind} "
                f"RETURN CASE WHEN {members(access, mask.seen_by)} THEN value END"
            )
            yield f"ALTER TABLE {table} ALTER COLUMN {column} SET MASK {function}"


def filter_statements(access: Access, names: Names) -> Iterator[str]:
    """Write a function for each row filter, and set it."""
    for rows in access.policies.row_filters:
        schema, _, name = rows.table.partition(".")
        function = f"{names.schema(schema)}.show_rows_of_{name}"
        hidden = ", ".join(f"'{value}'" for value in rows.hidden)
        kind = column_type(rows, rows.column)
        yield (
            f"CREATE OR REPLACE FUNCTION {function}({rows.column} {kind}) RETURNS BOOLEAN "
            f"RETURN {members(access, rows.seen_by)} OR {rows.column} NOT IN ({hidden})"
        )
        yield f"ALTER TABLE {names.of(rows.table)} SET ROW FILTER {function} ON ({rows.column})"


def members(access: Access, roles: tuple[str, ...]) -> str:
    """Ask whether whoever reads has one of the roles."""
    return " OR ".join(f"is_account_group_member('{access.groups[role]}')" for role in roles)


def column_type(policy: Mask | RowFilter, column: str) -> str:
    """Type of a table's column, in SQL."""
    (table,) = (one for one in TABLES if one.full_name == policy.table)
    return str(table.columns[column].dataType.simpleString()).upper()
