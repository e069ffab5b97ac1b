"""Who may do what: the one file of roles (`conf/roles.yml`), read and checked against the contracts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipelines.configuration import build, read_layer, table
from pipelines.contracts import TABLES, VIEWS
from pipelines.errors import SettingsError
from pipelines.settings_base import require

PLAIN_NAME = re.compile(r"[\w@.-]+( [\w@.-]+)*")
"""What a group or a hidden value may be called: nothing that could end a quoted word in SQL."""


class Level(StrEnum):
    """What a role may do with an object; writing includes reading."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class Mask:
    """Columns of a table that are null to all roles but some."""

    name: str
    table: str
    columns: tuple[str, ...]
    seen_by: tuple[str, ...]


@dataclass(frozen=True)
class RowFilter:
    """Rows of a table, by values of a column, that are not there to all roles but some."""

    name: str
    table: str
    column: str
    hidden: tuple[str, ...]
    seen_by: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """What it looks at."""
        return (self.column,)


@dataclass(frozen=True)
class Policies:
    """What is hidden within tables that can be read."""

    masks: tuple[Mask, ...] = ()
    row_filters: tuple[RowFilter, ...] = ()


Rights = Mapping[str, Mapping[str, Level]]
"""Level by role, by object (`schema.name`)."""


@dataclass(frozen=True)
class Access:
    """The file of roles, checked.

    Attributes:
        groups: account group of each role.
        tables: what each role may do with each table of the contracts.
        views: the same for views; they are only read.
        volumes: the same for volumes.
    """

    groups: Mapping[str, str]
    tables: Rights
    views: Rights
    volumes: Rights
    policies: Policies


def read_access(path: Path) -> Access:
    """Read a file of roles.

    Raises:
        SettingsError: naming what is unknown, missing, or said twice.
    """
    content = read_layer(path)
    groups = {role: read_name(group, f"roles.{role}") for role, group in table(content.pop("roles", None), "roles")}
    kinds = ("tables", "views", "volumes")
    tables, views, volumes = (read_rights(content.pop(kind, None), list(groups), kind) for kind in kinds)
    access = Access(groups, tables, views, volumes, build(Policies, content, ""))
    check_listed(tables, {one.full_name for one in TABLES}, "tables")
    check_listed(views, {one.full_name for one in VIEWS}, "views")
    check_read_only(views)
    check_policies(access)
    return access


def read_name(value: object, key: str) -> str:
    """Refuse a name that could not stand in SQL."""
    if not isinstance(value, str) or not PLAIN_NAME.fullmatch(value):
        raise SettingsError(f"Setting {key}: expected words of letters, digits and @ . - _")
    return value


def read_rights(listed: object, roles: list[str], key: str) -> Rights:
    """Read a matrix: a level for each role, in the order of the roles."""
    found = {}
    for name, levels in table(listed, key):
        known = [Level(level) for level in levels if level in set(Level)] if isinstance(levels, list) else []
        is_whole = isinstance(levels, list) and len(known) == len(levels) == len(roles)
        require(is_whole, f"{key}.{name}", f"must be a list of none, read or write, for {', '.join(roles)}")
        require(name.count(".") == 1, f"{key}.{name}", "must be SCHEMA.NAME")
        found[name] = dict(zip(roles, known, strict=True))
    return found


def check_listed(listed: Rights, declared: set[str], key: str) -> None:
    """Refuse a matrix that leaves a table or view out, or names one that is not there."""
    differing = sorted(declared ^ listed.keys())
    require(not differing, f"{key}.{', '.join(differing)}", "all of the contracts are listed, and no other")


def check_read_only(views: Rights) -> None:
    """Refuse a right to write to a view."""
    for name, levels in views.items():
        require(Level.WRITE not in levels.values(), f"views.{name}", "a view is only read: none or read")


def check_policies(access: Access) -> None:
    """Refuse a mask or filter of what is not there, and two masks of one column."""
    declared = {one.full_name: set(one.column_names) for one in TABLES}
    policies: tuple[Mask | RowFilter, ...] = (*access.policies.masks, *access.policies.row_filters)
    for policy in policies:
        missing = sorted(set(policy.columns) - declared.get(policy.table, set()))
        require(not missing, policy.name, f"{policy.table} has no column {', '.join(missing)}")
        strangers = sorted(set(policy.seen_by) - access.groups.keys())
        require(not strangers, policy.name, f"{', '.join(strangers)}: not among the roles")
    for rows in access.policies.row_filters:
        for value in rows.hidden:
            read_name(value, f"{rows.name}.hidden")
    masked = [(mask.table, column) for mask in access.policies.masks for column in mask.columns]
    require(len(set(masked)) == len(masked), "masks", "a column has one mask")
