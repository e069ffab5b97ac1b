"""People's votes out of a file into the landing folder, where the bronze job takes them from."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from pyspark.sql import SparkSession

from pipelines import contracts as tables
from pipelines.adapters.delta import TableStore, read_table
from pipelines.adapters.row_files import SourceRow
from pipelines.adapters.storage import Folder, open_folder, publish, store
from pipelines.intents import LabelSet
from pipelines.transforms.annotation import GIVEN, GivenVote, Refusal, known_texts, read_vote, repeated_votes
from pipelines.vocabulary import Reason

IMPORTED = "imported"
"""Folder in the landing folder that imported votes are written to."""


@dataclass(frozen=True)
class Imported:
    """What became of the rows of a file.

    Attributes:
        votes: rows that were written for the bronze job.
        repeated: rows that it has already, or will have.
        unfilled: rows that nobody has labelled yet.
        refused: rows that are no votes, in the file's order.
        file: what was written, relative to the landing folder; empty when nothing was.
    """

    votes: int = 0
    repeated: int = 0
    unfilled: int = 0
    refused: list[Refusal] = field(default_factory=list)
    file: str = ""

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Stood:
    """What the tables say of a file's votes: texts by record, why records are withheld, lines that stand already."""

    texts: dict[str, str | None]
    withheld: dict[str, str]
    repeated: set[int]


def import_votes(
    spark: SparkSession, at: TableStore, landing_uri: str, judged: Sequence[GivenVote | Refusal]
) -> Imported:
    """Write the votes of a file that are new as a labelled file of its own; the same votes make the same file.

    Args:
        spark: the session.
        at: where the tables stand.
        landing_uri: where labelled files are dropped.
        judged: what `judge_row` made of the file's rows.
    """
    votes = [vote for vote in judged if isinstance(vote, GivenVote)]
    no_votes = [one for one in judged if isinstance(one, Refusal)]
    unfilled = sum(one.reason is Reason.LABEL_EMPTY for one in no_votes)
    refused = [one for one in no_votes if one.reason is not Reason.LABEL_EMPTY]
    stood = look_up(spark, at, votes)
    new, problems = list[str](), [refuse_record(vote, stood) for vote in votes]
    for vote, problem in zip(votes, problems, strict=True):
        if problem is None and vote.line not in stood.repeated:
            new.append(vote.as_line(stood.texts.get(vote.about)))
    refused += [problem for problem in problems if problem]
    refused.sort(key=lambda one: one.line)
    name = write_new(open_folder(f"{landing_uri.rstrip('/')}/{IMPORTED}", spark), new)
    written = len(new) if name else 0
    repeated = len(votes) - written - sum(problem is not None for problem in problems)
    return Imported(written, repeated, unfilled, refused, name and f"{IMPORTED}/{name}")


def look_up(spark: SparkSession, at: TableStore, votes: Sequence[GivenVote]) -> Stood:
    """Ask the tables about a file's votes."""
    given = spark.createDataFrame([vote.as_row() for vote in votes], GIVEN)
    records = read_table(spark, at, tables.TICKETS_SILVER).transform(known_texts, given).collect()
    rows = given.transform(repeated_votes, read_table(spark, at, tables.LABEL_FILES)).collect()
    texts = {row["record_id"]: row["text"] for row in records}
    withheld = {row["record_id"]: row["withheld"] for row in records if row["withheld"]}
    return Stood(texts, withheld, {int(row["line"]) for row in rows})


def refuse_record(vote: GivenVote, stood: Stood) -> Refusal | None:
    """Refuse a vote on a record that is not there, or that nobody can read."""
    if vote.record_id is None:
        return None
    if vote.record_id not in stood.texts:
        return Refusal(vote.line, Reason.RECORD_UNKNOWN, "record_id")
    withheld = stood.withheld.get(vote.record_id)
    return Refusal(vote.line, Reason(withheld), "record_id") if withheld else None


def write_new(folder: Folder, lines: Sequence[str]) -> str:
    """Write lines as a file that is named after its content; empty when there are none, or it lies there already."""
    content = "\n".join(lines)
    name = f"{hashlib.sha256(content.encode()).hexdigest()}.jsonl"
    if not lines or lies_there(folder, name):
        return ""
    store(folder, name, lines)
    publish(folder, [name])
    return name


def lies_there(folder: Folder, name: str) -> bool:
    """Tell whether a file was written already."""
    try:
        return next(iter(folder.read(name)), None) is not None
    except FileNotFoundError:
        return False


def judge_row(row: SourceRow, labels: LabelSet, annotator: str | None) -> GivenVote | Refusal:
    """Judge one row of a file; a broken one is refused with its own reason."""
    if row.fields is None:
        return Refusal(row.line, row.problem or Reason.ROW_MALFORMED)
    return read_vote(row.line, row.fields, labels, annotator)
