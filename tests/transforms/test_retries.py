"""Whom a text is shown to again, and how that is counted."""

from pyspark.sql import SparkSession

from pipelines.contracts import LABELS
from pipelines.transforms.labelling import CAST
from pipelines.transforms.retries import MOST_TRIES, failed_pairs, records_of, tried_again
from tests.builders import Values, frame, vote


def failure(text: str, voter: str = "slm", try_no: int = 1, **changes: object) -> Values:
    told = {"text_hash": text, "failure": "endpoint_timeout", "try_no": try_no, "record_id": f"record of {text}"}
    return vote(None, None, voter, alternatives=[], **told | changes)


def answer(text: str, voter: str = "slm") -> Values:
    return vote("refund", 0.9, voter, text_hash=text, try_no=1)


STORED = [
    failure("once"),
    failure("twice", try_no=1),
    failure("twice", try_no=2, record_id="another copy"),
    failure("last", try_no=MOST_TRIES),
    failure("answered since"), answer("answered since"),
    failure("by another", "memory"), answer("by another", "student"),
    vote(None, None, "slm", text_hash="says nothing, without a failure"),
    failure("redacted again", text_hash=None),
]  # fmt: skip


def test_what_a_voter_failed_on_and_has_not_answered_is_open_until_the_last_try(spark: SparkSession) -> None:
    stored = frame(spark, LABELS, *STORED)
    failed = stored.transform(failed_pairs)
    assert sorted(map(tuple, failed.collect())) == [
        ("by another", "memory", 1),
        ("once", "slm", 1),
        ("twice", "slm", 2),
    ]
    assert sorted(row[0] for row in stored.transform(records_of, failed).collect()) == [
        "another copy", "record of by another", "record of once", "record of twice",
    ]  # fmt: skip


def test_only_what_was_open_is_kept_and_who_is_not_asked_any_more_has_failed_once_more(spark: SparkSession) -> None:
    stored = frame(spark, LABELS, *STORED)
    new = [
        {**answer("once", "memory"), "text_hash": "once"},
        answer("by another", "student"),
        answer("by another", "memory"),
        answer("by another"),
        failure("twice"),
    ]
    told = frame(spark, LABELS, *new).select(*CAST.names)
    kept = told.transform(tried_again, stored.transform(failed_pairs), stored)
    rows = kept.select("text_hash", "voter", "try_no", "label", "failure").collect()
    assert kept.columns == CAST.names
    assert sorted(map(tuple, rows)) == [
        ("by another", "memory", 2, "refund", None),
        ("by another", "slm", 1, "refund", None),
        ("once", "memory", 1, "refund", None),
        ("once", "slm", 2, None, "not_asked"),
        ("twice", "slm", 3, None, "endpoint_timeout"),
    ]
