"""`sql`: rows for people and programs, what a statement may do, and what is said of a wrong one."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import read_table
from pipelines.cli.app import run
from pipelines.cli.opening import table_store
from pipelines.contracts import DECISIONS
from pipelines.workspace import open_workspace

NESTED = (
    "select named_struct('label', 'a, b', 'n', array(1, 2)) as told, true as yes, null as nothing, 1.50 as price, "
    "timestamp'2026-01-05 12:00:00' as at, x'00ff' as bytes, 'two\nlines' as text"
)
Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(past: Path, capsys: pytest.CaptureFixture[str]) -> Asked:
    def ask(query: str, *options: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["sql", query, *options, "--workspace", str(past)])
        printed = capsys.readouterr()
        return code, printed.out, " ".join(printed.err.split())

    return ask


def test_csv_can_be_read_back_and_is_what_a_pipe_gets(asked: Asked) -> None:
    code, out, _ = asked(NESTED)
    assert (code, list(csv.DictReader(io.StringIO(out)))) == (
        0,
        [
            {
                "told": '{"label": "a, b", "n": [1, 2]}',
                "yes": "true",
                "nothing": "",
                "price": "1.5",
                "at": "2026-01-05 12:00:00+00:00",
                "bytes": "00ff",
                "text": "two\nlines",
            }
        ],
    )


def test_json_keeps_the_names_of_what_is_nested(asked: Asked) -> None:
    code, out, _ = asked(NESTED, "--format", "json")
    (row,) = json.loads(out)
    assert (code, row["told"], row["yes"], row["nothing"]) == (0, {"label": "a, b", "n": [1, 2]}, True, None)
    assert asked(NESTED, "--json")[1] == out
    code, _, told = asked("select 1 as a, 2 as a", "--json")
    assert (code, "Several columns are called a" in told) == (64, True)
    code, _, told = asked(NESTED, "--json", "--format", "csv")
    assert (code, "--json and --format csv" in told) == (64, True)
    code, _, told = asked(NESTED, "--format", "xml")
    assert (code, "'pretty', 'csv', 'json'" in told) == (2, True)


def test_a_terminal_gets_a_table(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.cli.querying.os.isatty", lambda number: True)
    _, out, _ = asked("select label, n from values ('card', 12345) as told(label, n)")
    assert out.splitlines()[0].strip() == "1 rows"
    assert "│ card  │ 12,345 │" in out


def test_rows_that_are_not_shown_are_told(asked: Asked) -> None:
    code, out, told = asked("select id from range(3) order by id", "--limit", "2")
    assert (code, out, "more rows than these 2" in told) == (0, "id\n0\n1\n", True)
    assert asked("select id from range(2) order by id", "--limit", "2")[1:] == ("id\n0\n1\n", "")


def test_describe_says_what_tables_views_and_columns_mean(asked: Asked) -> None:
    _, out, _ = asked("describe gold.decisions")
    assert "reason,string,Finer reason code; null when accepted\n" in out
    _, out, _ = asked("desc gold.accepted_by_day")
    assert 'accepted_share,double,"accepted / decided, 0 to 1"\n' in out
    _, out, _ = asked("describe extended gold.decisions")
    assert "Comment,Append-only log of verdicts: the truth about where every record is" in out
    _, out, _ = asked("show tblproperties gold.decisions")
    assert "lakehouse.layer,gold\n" in out
    assert "lakehouse.owner,gate\n" in out


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("drop table gold.decisions", "Only reading is allowed here"),
        ("with a as (select 1) insert into gold.decisions table a", "Only reading is allowed here"),
        ("/* reads */ with a as (select 1) delete from gold.decisions", "Only reading is allowed here"),
        # A pattern that tries every way to cut comments would not come to an end.
        ("/* a */ " * 60 + "drop table gold.decisions", "Only reading is allowed here"),
        ("select nope from gold.decisions", "`nope` cannot be resolved"),
        ("select nope from gold.decisions", 'What columns there are: lakehouse sql "describe gold.decisions"'),
        ("select * from gold.nothing", 'What is there: lakehouse sql "show tables in gold"'),
        ("select label form gold.decisions group", "Syntax error at or near"),
        ("select 1; select 2", "Expected: one statement of Spark SQL."),
        ("select raise_error(label) from gold.decisions", "stopped by a value that does not fit"),
        ("select element_at(array(label), 0) from gold.decisions", "INVALID_INDEX_OF_ZERO"),
    ],
)
def test_a_wrong_statement_is_told_in_one_sentence_without_a_value(query: str, words: str, asked: Asked) -> None:
    code, out, told = asked(query)
    assert (code, out) == (64, "")
    assert words in told
    assert "refund" not in told
    for trace in ("Traceback", "py4j", "JVM", "org.apache"):
        assert trace not in told


def test_what_only_reads_may_name_a_write(asked: Asked, past: Path, spark: SparkSession) -> None:
    code, out, _ = asked("/* of deletes */\nwith a as (select 'delete from' as told) select told from a;")
    assert (code, out) == (0, "told\ndelete from\n")
    assert read_table(spark, table_store(open_workspace(past)), DECISIONS).count() == 7
