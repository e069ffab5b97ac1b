"""The contracts are a promise: a changed column needs a raised version, and shows in the snapshot's diff."""

import json
import os
from pathlib import Path

import pytest

from pipelines.columns import IDENTITY
from pipelines.contracts import AGREEMENT, AGREEMENT_COUNTS, ANNOTATOR_QUALITY, CERTIFICATES, PLACES, TABLES
from pipelines.declaration import WRITE_TRACE, Table
from pipelines.vocabulary import Place, Reason, Verdict

SNAPSHOT = Path(__file__).parent / "golden" / "contracts.json"


def described(table: Table) -> dict[str, object]:
    columns = {
        field.name: f"{field.dataType.simpleString()}{'' if field.nullable else ' not null'}" for field in table.columns
    }
    return {"version": table.version, "key": list(table.key), "writer": table.writer, "columns": columns}


def test_tables_equal_the_snapshot() -> None:
    now = {table.full_name: described(table) for table in TABLES}
    if os.environ.get("UPDATE_CONTRACTS"):
        SNAPSHOT.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    pinned = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    changed = [name for name in now if name in pinned and now[name] != pinned[name]]
    silent = [name for name in changed if now[name]["version"] == pinned[name]["version"]]
    assert silent == [], "raise the version of these tables, then run the tests once with UPDATE_CONTRACTS=1"
    assert now == pinned, "run the tests once with UPDATE_CONTRACTS=1 and commit the new snapshot"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_every_column_says_what_it_means(table: Table) -> None:
    assert [field.name for field in table.columns if not field.metadata.get("comment")] == []
    assert set(table.key) <= set(table.column_names)
    assert table.column_names[-2:] == [field.name for field in WRITE_TRACE]


# They count records, and name none.
OF_NO_RECORD = {CERTIFICATES.full_name} | {
    table.full_name for table in (AGREEMENT_COUNTS, AGREEMENT, ANNOTATOR_QUALITY)
}
OF_RECORDS = [table for table in TABLES if table.schema != "bronze" and table.full_name not in OF_NO_RECORD]


@pytest.mark.parametrize("table", OF_RECORDS, ids=lambda table: table.full_name)
def test_one_persons_rows_can_be_found_in_every_table_from_silver_on(table: Table) -> None:
    assert {field.name for field in IDENTITY} <= set(table.column_names)


def test_codes_are_snake_case_and_mean_one_thing() -> None:
    codes = [str(code) for kind in (Reason, Verdict, Place) for code in kind]
    assert [code for code in codes if code != code.lower() or " " in code] == []
    assert len(set(map(str, Reason))) == len(Reason)
    assert set(PLACES) == {Place.GOLD, Place.QUARANTINE, Place.SHED}
