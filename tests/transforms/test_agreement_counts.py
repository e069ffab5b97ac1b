"""What votes count as: by hand."""

from datetime import datetime, timedelta

from pyspark.sql import SparkSession

from pipelines.contracts import AGREEMENT, AGREEMENT_COUNTS, LABELS
from pipelines.transforms.agreement_counts import (
    add_up,
    cast_through,
    count_votes,
    counted_rows,
    less,
    newest_measures,
    texts_between,
)
from tests.builders import NOON, Values, frame, vote

Cell = tuple[object, ...]
LATER = NOON + timedelta(days=1)
MEMORY = "memory=ticket-encoder@1"


def person(name: str | None, label: str, at: datetime = NOON, **changes: object) -> Values:
    return vote(label, 1.0, annotator_id=name, voted_at=at, **changes)


def count(spark: SparkSession, *votes: Values) -> dict[Cell, int]:
    """Counts with the month left out of the day."""
    cells = frame(spark, LABELS, *votes).transform(count_votes).transform(add_up).collect()
    return {
        tuple(str(one)[-2:] if name == "day" else one for name, one in row.asDict().items() if name != "n"): row["n"]
        for row in cells
    }


def of_kind(counts: dict[Cell, int], counted: str) -> dict[Cell, int]:
    return {tuple(one for one in cell[1:] if one is not None): n for cell, n in counts.items() if cell[0] == counted}


def test_a_rater_is_compared_with_what_most_of_the_other_people_say(any_zone: SparkSession) -> None:
    early = datetime.fromisoformat("2026-01-05T02:30:00+00:00")
    counts = count(
        any_zone,
        vote("a", 0.9, "memory", voted_at=early),
        person("ann", "a"),
        person("bob", "a", LATER),
        person("cleo", "b"),
        person(None, "b", text="of nobody in particular"),
        vote("b", 0.9, "memory", text="of nobody in particular"),
        vote("b", 0.9, "memory", text="of no people"),
    )
    assert of_kind(counts, "rater_and_people") == {
        # Of ann's and bob's others one says a, one b.
        ("human", "cleo", "05", "b", "a"): 1,
        ("memory", MEMORY, "05", "a", "a"): 1,
        ("memory", MEMORY, "05", "b", "b"): 1,
    }
    assert of_kind(counts, "votes") == {
        ("human", "ann", "05", "a"): 1,
        ("human", "bob", "06", "a"): 1,
        ("human", "cleo", "05", "b"): 1,
        ("human", "05", "b"): 1,
        ("memory", MEMORY, "05", "a"): 1,
        ("memory", MEMORY, "05", "b"): 2,
    }
    # Six ordered pairs of three people, on the day of the last vote.
    assert of_kind(counts, "people") == {
        ("human", "06", "a", "a", 3): 2,
        ("human", "06", "a", "b", 3): 2,
        ("human", "06", "b", "a", 3): 2,
    }


def test_of_one_rater_the_newest_vote_on_a_text_is_compared_and_a_failure_is_none(spark: SparkSession) -> None:
    counts = count(
        spark,
        person("ann", "a", LATER),
        person("ann", "b", NOON),
        vote("c", 0.9, "memory", voted_at=LATER, record_id="a copy"),
        vote("b", 0.9, "memory"),
        vote(None, None, "memory", voted_at=LATER + timedelta(days=1), failure="model_failed"),
        vote("b", 0.9, "memory", model_version="2"),
    )
    assert of_kind(counts, "rater_and_people") == {
        ("memory", MEMORY, "06", "c", "a"): 1,
        ("memory", "memory=ticket-encoder@2", "05", "b", "a"): 1,
    }
    assert of_kind(counts, "people") == {}
    assert sum(of_kind(counts, "votes").values()) == 5


def test_what_a_newer_vote_changes_is_what_is_said_now_less_what_was_said(spark: SparkSession) -> None:
    first = [person("ann", "a"), vote("a", 0.9, "memory")]
    before, now = (frame(spark, LABELS, *votes) for votes in (first, [*first, person("ann", "b", LATER)]))
    news = now.transform(count_votes).transform(less, before.transform(count_votes))
    told = {(row["counted"], row["label"], row["other_label"]): row["n"] for row in news.collect()}
    assert told == {
        ("votes", "b", None): 1,
        ("rater_and_people", "a", "a"): -1,
        ("rater_and_people", "a", "b"): 1,
    }
    rows = news.transform(counted_rows, {"labels/1": 4, "relabel/1": 0}, NOON)
    assert rows.columns == AGREEMENT_COUNTS.payload_names
    assert [row["votes_through"] for row in rows.collect()] == [{"labels/1": 4, "relabel/1": 0}] * 3


def test_votes_are_new_by_the_micro_batch_that_wrote_them(spark: SparkSession) -> None:
    places = [("labels/1", 0), ("labels/1", 1), ("labels/1", 2), ("labels_again/1", 0)]
    rows = [
        vote("a", 0.9, "memory", text=str(place), query_epoch=query, batch_id=batch)
        for place, (query, batch) in enumerate(places)
    ]
    votes = frame(spark, LABELS, *rows)
    before, through = {"labels/1": 0}, {"labels/1": 1, "labels_again/1": 0}
    assert {row["text_key"] for row in votes.transform(texts_between, before, through).collect()} == {
        "key of 1",
        "key of 3",
    }
    assert votes.transform(cast_through, through).count() == 3
    assert votes.transform(cast_through, {}).count() == 0


def test_the_newest_row_of_a_measure_counts_and_one_of_nothing_is_none(spark: SparkSession) -> None:
    def row(label: str | None, batch: int, votes: int, items: int) -> Values:
        told = {"compared": "people", "voter": "human", "label": label, "votes": votes, "items": items}
        return {**told, "batch_id": batch, "measured_at": NOON}

    rows = [row(None, 0, 5, 1), row(None, 2, 9, 4), row(None, 1, 7, 3), row("gone", 0, 1, 0), row("gone", 1, 0, 0)]
    found = frame(spark, AGREEMENT, *rows).transform(newest_measures)
    assert found.columns == AGREEMENT.column_names
    assert [(one["label"], one["votes"], one["items"]) for one in found.collect()] == [(None, 9, 4)]
