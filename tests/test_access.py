"""Roles and rights: the SQL is parsed, and every cell of role x object is what the file of roles says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.simplify import simplify

from pipelines.access import Level, Mask, read_access
from pipelines.configuration import conf_dir
from pipelines.contracts import TABLES, VIEWS
from pipelines.errors import SettingsError
from pipelines.grants import Names, statements
from pipelines.jobs.exports import EXPORTED

FILE = conf_dir() / "roles.yml"
ACCESS = read_access(FILE)
NAMES = Names("main", "intent_")
SQL = list(statements(ACCESS, NAMES))
ROLES = list(ACCESS.groups)
RIGHT = re.compile(
    r"(?P<verb>GRANT|REVOKE) (?P<what>[A-Z ,]+) ON (?P<kind>CATALOG|SCHEMA|TABLE|VIEW|VOLUME) (?P<object>[a-z_.]+) "
    r"(?:TO|FROM) `(?P<group>[^`]+)`"
)
LISTED = {"TABLE": ACCESS.tables, "VIEW": ACCESS.views, "VOLUME": ACCESS.volumes}
SEEN_OBJECTS = [(kind, name) for kind, listed in LISTED.items() for name in listed]
CELLS = [(role, kind, name) for role in ROLES for kind, name in SEEN_OBJECTS]
ALL = {"SELECT", "MODIFY", "READ VOLUME", "WRITE VOLUME", "USE SCHEMA", "CREATE TABLE", "CREATE FUNCTION"}


@dataclass(frozen=True)
class Right:
    gives: bool
    privileges: frozenset[str]
    kind: str
    object: str
    group: str


def rights() -> Iterator[Right]:
    for statement in SQL:
        if statement.startswith(("GRANT", "REVOKE")):
            found = RIGHT.fullmatch(statement)
            assert found, statement
            what = frozenset(found["what"].split(", "))
            yield Right(found["verb"] == "GRANT", what, found["kind"], found["object"], found["group"])


def held(group: str, kind: str, name: str, before: set[str]) -> set[str]:
    """What a group has on an object after all statements, when it had something before."""
    has = set(before)
    for right in rights():
        if (right.kind, right.object, right.group) == (kind, name, group):
            what = set(ALL) if right.privileges == {"ALL PRIVILEGES"} else set(right.privileges)
            has = has | what if right.gives else has - what
    return has


EXPECTED = {
    "TABLE": {Level.NONE: set(), Level.READ: {"SELECT"}, Level.WRITE: {"SELECT", "MODIFY"}},
    "VIEW": {Level.NONE: set(), Level.READ: {"SELECT"}, Level.WRITE: {"SELECT"}},
    "VOLUME": {Level.NONE: set(), Level.READ: {"READ VOLUME"}, Level.WRITE: {"READ VOLUME", "WRITE VOLUME"}},
}


@pytest.mark.parametrize(("role", "kind", "name"), CELLS, ids=lambda part: str(part))
def test_every_cell_is_as_declared_whatever_was_there_before(role: str, kind: str, name: str) -> None:
    expected = EXPECTED[kind][LISTED[kind][name][role]]
    everything = EXPECTED[kind][Level.WRITE]
    for before in (set[str](), everything):
        assert held(ACCESS.groups[role], kind, NAMES.of(name), before) == expected
    usable = "USE SCHEMA" in held(ACCESS.groups[role], "SCHEMA", NAMES.schema(name.split(".")[0]), set())
    assert usable or not expected


def test_the_matrix_has_every_table_view_and_role() -> None:
    assert ROLES == ["analyst", "annotator", "ml_engineer", "platform", "privacy_officer"]
    assert set(ACCESS.tables) == {table.full_name for table in TABLES}
    assert set(ACCESS.views) == {view.full_name for view in VIEWS}
    assert len(CELLS) == len(ROLES) * (len(TABLES) + len(VIEWS) + 4) == 210


def test_raw_text_is_for_jobs_and_the_privacy_officer_alone() -> None:
    readers = {
        role
        for role in ROLES
        for name in ACCESS.tables
        if "SELECT" in of_table(role, name) and name.startswith("bronze.")
    }
    assert readers == {"platform", "privacy_officer"}
    assert held(ACCESS.groups["analyst"], "SCHEMA", "main.intent_bronze", set(ALL)) == set()
    writers = {role for role in ROLES for name in ACCESS.tables if "MODIFY" in of_table(role, name)}
    assert writers == {"platform"}


def test_a_view_on_raw_messages_shows_their_coordinates_only() -> None:
    readers = [view for view in VIEWS if "bronze." in view.query]
    assert [view.full_name for view in readers] == ["gold.lineage"]
    (query,) = (view.query for view in readers)
    (of_bronze,) = (part for part in query.split("UNION ALL") if "bronze." in part)
    named = {column.name for column in sqlglot.parse_one(of_bronze, dialect="databricks").find_all(exp.Column)}
    assert named == {"record_id", "ingested_at", "topic", "partition", "offset", "error_code"}


def of_table(role: str, name: str) -> set[str]:
    return held(ACCESS.groups[role], "TABLE", NAMES.of(name), set())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("schema", ["bronze", "silver", "gold", "quarantine"])
def test_no_right_on_a_schema_reaches_what_is_in_it(role: str, schema: str) -> None:
    has = held(ACCESS.groups[role], "SCHEMA", NAMES.schema(schema), {"SELECT", "MODIFY", "READ VOLUME", "WRITE VOLUME"})
    assert has <= {"USE SCHEMA", "CREATE TABLE", "CREATE FUNCTION"}
    assert ("CREATE TABLE" in has) == (role == "platform")


def test_rights_are_sql_as_far_as_sqlglot_knows_databricks() -> None:
    for statement in SQL:
        if re.match(r"(GRANT|REVOKE) (SELECT|MODIFY|ALL PRIVILEGES|SELECT, MODIFY) ON TABLE", statement):
            parsed = sqlglot.parse_one(statement, dialect="databricks")
            assert isinstance(parsed, exp.Grant | exp.Revoke), statement
            assert parsed.sql(dialect="databricks") == statement
        else:
            assert list(sqlglot.tokenize(statement, dialect="databricks"))


def functions() -> dict[str, exp.Create]:
    found = {}
    for statement in SQL:
        if statement.startswith("CREATE OR REPLACE FUNCTION"):
            parsed = sqlglot.parse_one(statement, dialect="databricks")
            assert isinstance(parsed, exp.Create)
            found[parsed.this.this.sql()] = parsed
    return found


def asked(function: exp.Create, role: str | None) -> str:
    """What a function returns to whoever has a role, or none."""
    group = ACCESS.groups[role] if role else "strangers"
    returned = function.expression.this.copy()
    for call in returned.find_all(exp.Anonymous):
        assert call.name == "is_account_group_member"
        call.replace(exp.true() if call.expressions[0].this == group else exp.false())
    return str(simplify(returned).sql())


@pytest.mark.parametrize("mask", ACCESS.policies.masks, ids=lambda mask: mask.name)
@pytest.mark.parametrize("role", [*ROLES, None])
def test_a_masked_column_is_seen_by_whom_the_file_names(mask: Mask, role: str | None) -> None:
    for column in mask.columns:
        function = f"main.intent_gold.show_review_queue_{column}"
        shown = asked(functions()[function], role)
        is_seen = role in mask.seen_by
        assert shown == ("CASE WHEN TRUE THEN value END" if is_seen else "CASE WHEN FALSE THEN value END") or (
            shown == ("value" if is_seen else "NULL")
        )
        assert f"ALTER TABLE {NAMES.of(mask.table)} ALTER COLUMN {column} SET MASK {function}" in SQL


@pytest.mark.parametrize("role", [*ROLES, None])
def test_hidden_rows_are_there_for_whom_the_file_names(role: str | None) -> None:
    (rows,) = ACCESS.policies.row_filters
    function = "main.intent_gold.show_rows_of_review_queue"
    shown = asked(functions()[function], role)
    assert shown == ("TRUE" if role in rows.seen_by else "task <> 'audit_sample'") or (
        role not in rows.seen_by and shown == "NOT task IN ('audit_sample')"
    )
    assert f"ALTER TABLE {NAMES.of(rows.table)} SET ROW FILTER {function} ON (task)" in SQL


def test_who_tunes_models_sees_no_audits_and_who_votes_no_label() -> None:
    (rows,) = ACCESS.policies.row_filters
    assert "ml_engineer" not in rows.seen_by
    (blind,) = (mask for mask in ACCESS.policies.masks if "label" in mask.columns)
    assert "annotator" not in blind.seen_by
    assert {"label", "confidence"} <= set(blind.columns)


def test_policies_come_before_the_grants_and_functions_before_their_use() -> None:
    kinds = [statement.split()[0] for statement in SQL]
    assert max(i for i, kind in enumerate(kinds) if kind in {"CREATE", "ALTER"}) < kinds.index("GRANT")
    for number, statement in enumerate(SQL):
        if statement.startswith("ALTER"):
            assert SQL[number - 1].startswith(f"CREATE OR REPLACE FUNCTION {statement.split(' ON (')[0].split()[-1]}(")


def test_no_table_with_a_policy_is_streamed_or_read_at_a_version() -> None:
    # Databricks allows neither on such tables.
    with_policy = {policy.table for policy in (*ACCESS.policies.masks, *ACCESS.policies.row_filters)}
    jobs = Path(__file__).parents[1] / "src" / "pipelines" / "jobs"
    streamed = {
        word
        for path in jobs.glob("*.py")
        for call in re.findall(r"(?:read_appends\(|sources = \()([^)]*)\)", path.read_text(encoding="utf-8"))
        for word in re.findall(r"tables\.([A-Z_]+)", call)
    }
    assert "TICKETS_SILVER" in streamed
    assert with_policy == {"gold.review_queue"}
    assert "REVIEW_QUEUE" not in streamed
    assert with_policy & {table.full_name for table in EXPORTED} == set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file["tables"].pop("gold.decisions"), "tables.gold.decisions: all of the contracts are listed"),
        (lambda file: file["tables"].update({"gold.extra": ["none"] * 5}), "tables.gold.extra: all of the contracts"),
        (lambda file: file["views"].pop("gold.lineage"), "views.gold.lineage: all of the contracts are listed"),
        (lambda file: file["views"].update({"gold.lineage": ["write"] * 5}), "views.gold.lineage: a view is only read"),
        (lambda file: file["tables"].update({"gold.decisions": ["read"] * 4}), "tables.gold.decisions: must be a list"),
        (lambda file: file["tables"].update({"gold.decisions": ["own"] * 5}), "tables.gold.decisions: must be a list"),
        (lambda file: file["roles"].update(analyst="x`; DROP"), "roles.analyst: expected words"),
        (lambda file: file["masks"]["pseudonym"].update(columns=["nothing"]), "pseudonym: gold.review_queue has no"),
        (lambda file: file["masks"]["pseudonym"].update(seen_by=["boss"]), "pseudonym: boss: not among the roles"),
        (lambda file: file["masks"]["pseudonym"].update(columns=["label"]), "masks: a column has one mask"),
        (lambda file: file["row_filters"]["blind_audit"].update(hidden=["a'b"]), "blind_audit.hidden: expected words"),
        (lambda file: file["masks"].update(more={"table": "x"}), "Setting masks.more.columns is missing"),
        (lambda file: file.update(mask={}), "Setting mask is not known"),
        (lambda file: file.pop("roles"), "Setting roles: expected a section of names"),
    ],
)
def test_a_wrong_file_of_roles_is_refused_by_what_is_wrong(change: object, words: str, tmp_path: Path) -> None:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert callable(change)
    change(content)
    broken = tmp_path / "roles.yml"
    broken.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(words)):
        read_access(broken)
