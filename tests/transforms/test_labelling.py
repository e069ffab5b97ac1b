from collections.abc import Iterable, Iterator, Sequence

import pandas as pd
import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.contracts import ANNOTATIONS, LABELS, TICKETS_SILVER
from pipelines.transforms.labelling import CAST, cast_votes, distinct_texts, voter_texts
from tests.builders import NOON, Values, frame, record

ANNOTATION: Values = {
    "annotation_id": "a1", "record_id": "r1", "text_key": "key of where is my card?", "annotator_id": "p1",
    "label": "card_arrival", "confidence": 0.95, "matched_by": "record_id",
}  # fmt: skip


def echo(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Two votes a text: what was shown, and how many texts were shown before it in this partition."""
    shown = 0
    for texts in frames:
        rows = []
        for key, text in zip(texts["text_hash"], texts["voter_text"], strict=True):
            base = dict.fromkeys(CAST.fieldNames())
            rows.append(
                {**base, "text_hash": key, "voter": "memory", "label": text, "confidence": 0.9, "model_version": "1"}
            )
            rows.append({**base, "text_hash": key, "voter": "slm", "label": str(shown), "alternatives": []})
            shown += 1
        yield pd.DataFrame(rows)


def cast(spark: SparkSession, records: list[Values], annotations: Sequence[Values] = ()) -> DataFrame:
    texts = frame(spark, TICKETS_SILVER, *records).transform(voter_texts)
    votes = texts.transform(distinct_texts).mapInPandas(echo, CAST)
    return votes.transform(cast_votes, texts, frame(spark, ANNOTATIONS, *annotations), NOON)


def votes(frame: DataFrame) -> list[Row]:
    return sorted(frame.collect(), key=lambda row: (row.record_id, row.voter))


@pytest.fixture
def one_partition(spark: SparkSession) -> Iterator[None]:
    before = str(spark.conf.get("spark.sql.shuffle.partitions"))
    spark.conf.set("spark.sql.shuffle.partitions", 1)
    yield
    spark.conf.set("spark.sql.shuffle.partitions", before)


@pytest.mark.usefixtures("one_partition")
def test_each_text_is_shown_once_and_every_record_of_it_gets_the_votes(spark: SparkSession) -> None:
    records = [
        record("r1", text="same", subject="Hello"),
        record("r2", text="same", subject="Hello"),
        record("r3", text="same"),
        record("r4", text="same", subject=""),
        record("r5", text=None, withheld="text_too_long"),
        record("r6", text="kept from labelling", withheld="over_daily_limit"),
    ]
    result = cast(spark, records)
    assert result.columns == LABELS.payload_names
    rows = votes(result)
    assert [(row.record_id, row.label) for row in rows if row.voter == "memory"] == [
        ("r1", "Hello\nsame"),
        ("r2", "Hello\nsame"),
        ("r3", "same"),
        ("r4", "same"),
    ]
    # Two distinct texts: none was shown a third time.
    assert {row.label for row in rows if row.voter == "slm"} == {"0", "1"}
    assert {row.voted_at.replace(tzinfo=NOON.tzinfo) for row in rows} == {NOON}


def test_votes_are_named_by_record_voter_and_versions(spark: SparkSession) -> None:
    first = votes(cast(spark, [record("r1"), record("r2")], [ANNOTATION, {**ANNOTATION, "annotation_id": "a2"}]))
    again = votes(cast(spark, [record("r2"), record("r1")], [ANNOTATION]))
    assert len({row.vote_id for row in first}) == 6
    assert {row.vote_id for row in again} < {row.vote_id for row in first}


def test_an_annotation_is_a_vote_of_a_person_with_the_confidence_of_the_file(spark: SparkSession) -> None:
    (row,) = votes(cast(spark, [], [{**ANNOTATION, "confidence": 0.7000001}]))
    assert (row.record_id, row.voter, row.annotator_id) == ("r1", "human", "p1")
    assert (row.label, row.confidence, row.model_name) == ("card_arrival", pytest.approx(0.7000001, abs=0), "file")
    assert (row.model_version, row.alternatives, row.decoding) == (None, None, None)
    assert (row.tier, row.text_hash, row.cluster_id) == ("person", None, None)
