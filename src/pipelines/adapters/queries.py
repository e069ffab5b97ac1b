"""A person's own query: what may be asked, what came of it as plain values, and what was wrong with it."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import DataType, TimestampNTZType

from pipelines.adapters.failures import find_cause
from pipelines.errors import PipelineError, UsageError

COMMENT = r"--[^\n]*\n|/\*(?:(?!\*/).)*\*/"
READS = re.compile(rf"(\s|\(|{COMMENT})*(select|with|values|table|show|desc|describe|explain)\b", re.I | re.S)
WITH_WRITE = re.compile(r".*\bwith\b.*\b(insert|update|delete|merge)\b", re.I | re.S)
ONLY_READING = "Only reading is allowed here: begin with SELECT, WITH, SHOW, DESCRIBE or EXPLAIN."
HINTS = {
    "TABLE_OR_VIEW_NOT_FOUND": 'What is there: lakehouse sql "show tables in gold".',
    "UNRESOLVED_COLUMN": 'What columns there are: lakehouse sql "describe gold.decisions".',
    "PARSE_SYNTAX_ERROR": "Expected: one statement of Spark SQL.",
}
"""What to do, by the first part of Spark's error class."""

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True)
class Answer:
    """Rows of a query.

    Attributes:
        rows: values of types that JSON has; times are ISO 8601 in UTC, bytes are hexadecimal.
        is_cut: whether there are more rows than were asked for.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    is_cut: bool


def run_query(spark: SparkSession, query: str, most: int) -> Answer:
    """Run one query that reads.

    Args:
        spark: a session in which tables and views have their names.
        query: one statement of Spark SQL.
        most: how many rows to give at most.

    Raises:
        UsageError: when it would write, cannot be run, or stops on a value; the value is not told.
    """
    if not READS.match(query):
        raise UsageError(ONLY_READING)
    try:
        if WITH_WRITE.match(query):
            refuse_writing(spark, query)
        frame = spark.sql(query)
        rows = frame.limit(most + 1).collect()
    except (PySparkException, Py4JJavaError) as error:
        raise explain_query(error) from error
    kinds = [field.dataType for field in frame.schema.fields]
    told = [tuple(plain_of(*pair) for pair in zip(kinds, row, strict=True)) for row in rows[:most]]
    return Answer(frame.columns, told, len(rows) > most)


def refuse_writing(spark: SparkSession, query: str) -> None:
    """Refuse a WITH that leads to a write: only what can stand in parentheses is a query.

    Raises:
        UsageError: when it is no query.
    """
    inner = query.rstrip("; \n")
    try:
        spark.range(0).where(f"EXISTS (\n{inner}\n)")
    except ParseException as error:
        raise UsageError(f"{ONLY_READING} This is no query that reads, or no SQL.") from error


def explain_query(error: Exception) -> PipelineError:
    """Say what was wrong with a query; of one that had begun only Spark's name for it: a message may hold a value."""
    text = str(error).strip()
    named = re.search(r"\[(([A-Z0-9_]+)[A-Z0-9_.]*)\]", text)
    if isinstance(error, ParseException | AnalysisException):
        hint = HINTS.get(named[2], "") if named else ""
        return UsageError(" ".join(f"The query cannot be run: {text.splitlines()[0]} {hint}".split()))
    kinds = re.findall(r"\b\w+(?:Error|Exception)\b", text)
    what = named[1] if named else kinds[-1] if kinds else type(error).__name__
    return find_cause("The query", error) or UsageError(
        f"The query began and was stopped by a value that does not fit what is done with it ({what}). Expected: values "
        "that every function and cast can take; try_cast, try_divide and try_element_at give null for others."
    )


def plain_of(kind: DataType, value: object) -> Value:
    """Make the value of a column of a type that JSON has; a time without a zone is told without one."""
    if isinstance(kind, TimestampNTZType) and isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return plain(value)


def plain(value: object) -> Value:
    """Make a value, and what is nested in it, of types that JSON has."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "asDict"):
        return {name: plain(part) for name, part in value.asDict().items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        # Spark gives times in the zone of this machine, without saying so.
        return value.astimezone(UTC).isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
