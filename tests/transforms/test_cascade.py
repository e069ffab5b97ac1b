"""Whom the language model is asked about, and who takes its answer over."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from pipelines.columns import VECTOR
from pipelines.contracts import LABELS
from pipelines.jobs.labelling import vote
from pipelines.labelling_settings import LabellingSettings
from pipelines.transforms.labelling import CAST
from tests.builders import NOON, frame, voters
from tests.builders import vote as stored_vote

AUTO = LabellingSettings(slm_audit_share=0.0, slm_cluster_audit_share=0.0)
SEEN = T.StructType(
    [
        *(T.StructField(name, T.StringType()) for name in ("text_hash", "voter_text", "cluster_id", "position")),
        T.StructField("vector", VECTOR),
        T.StructField("latency_ms", T.DoubleType()),
    ]
)


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def cast(frame: pd.DataFrame, voter: str, answers: Sequence[tuple[str | None, float | None]]) -> pd.DataFrame:
    rows = pd.DataFrame([dict.fromkeys(CAST.fieldNames())] * len(frame), dtype=object)
    rows["text_hash"], rows["voter"], rows["model_version"] = frame["text_hash"].to_numpy(), voter, "1"
    rows["label"], rows["confidence"] = zip(*answers, strict=True) if answers else ([], [])
    rows["alternatives"] = [[{"label": label, "probability": number}] for label, number in answers]
    return rows.assign(
        tier="model", latency_ms=7.0, tokens_in=30, tokens_out=1, confidence=rows["confidence"].astype(float)
    )


def by_number(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The memory of these tests: a text says what it thinks of it, as `label .75 number`."""
    for texts in frames:
        said = [str(text).split() for text in texts["voter_text"]]
        yield cast(texts, "memory", [(None, None) if label == "none" else (label, float(n)) for label, n, *_ in said])


def model(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The language model of these tests: it answers with the last word; `fails` makes no answer."""
    for texts in frames:
        said = [str(text).split()[-1] for text in texts["voter_text"]]
        yield cast(texts, "slm", [(None, None) if word == "fails" else (word, 0.9) for word in said])


def ask(
    spark: SparkSession,
    texts: Sequence[tuple[str, str | None]],
    settings: LabellingSettings = AUTO,
    past: DataFrame | None = None,
) -> dict[str, tuple[str, str | None, float | None]]:
    rows = [(hash_of(text), text, cluster, f"{place:03d}", [1.0], 0.0) for place, (text, cluster) in enumerate(texts)]
    nothing = frame(spark, LABELS)
    votes = vote(spark.createDataFrame(rows, SEEN), voters(by_number, model), settings, past or nothing).collect()
    assert sorted(row.text_hash for row in votes if row.voter == "memory") == sorted(row[0] for row in rows)
    texts_of = {row[0]: row[1] for row in rows}
    return {texts_of[row.text_hash]: (row.tier, row.label, row.latency_ms) for row in votes if row.voter == "slm"}


def test_the_model_is_asked_where_it_can_change_the_verdict(spark: SparkSession) -> None:
    texts = [f"refund {number} a" for number in ("0.69", "0.7", "0.79", "0.8")]
    asked = ask(spark, [(text, None) for text in [*texts, "unknown 0.79 a", "none 0 a"]])
    assert set(asked) == {"refund 0.7 a", "refund 0.79 a"}
    everywhere = ask(
        spark, [("refund 0.1 a", None), ("unknown 0.9 a", None), ("none 0 a", None)], replace(AUTO, slm="all")
    )
    assert set(everywhere) == {"refund 0.1 a", "unknown 0.9 a"}


def test_the_student_has_its_part_in_the_doubt(spark: SparkSession) -> None:
    """The gate takes the mean over all voters, so the doubt is that of all who voted so far."""

    def both(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for texts in frames:
            said = [str(text).split() for text in texts["voter_text"]]
            for place, voter in ((0, "memory"), (2, "student")):
                yield cast(texts, voter, [(words[place], float(words[place + 1])) for words in said])

    doubtful = ["refund 0.6 refund 0.81", "refund 0.9 refund 0.5"]
    beyond = ["refund 0.7 refund 0.9", "refund 0.6 refund 0.7", "login 0.9 refund 0.9", "unknown 0.7 refund 0.6"]
    texts = [*doubtful, *beyond]
    rows = [(hash_of(text), text, None, f"{place:03d}", [1.0], 0.0) for place, text in enumerate(texts)]
    seen, nothing = spark.createDataFrame(rows, SEEN), frame(spark, LABELS)
    votes = vote(seen, voters(both, model), AUTO, nothing).collect()
    assert {row.text_hash for row in votes if row.voter == "slm"} == {hash_of(text) for text in doubtful}


def test_a_share_of_the_sure_texts_is_asked_all_the_same(spark: SparkSession) -> None:
    texts = [(f"refund 0.9 {number} a", None) for number in range(1000)]
    unsure = [("unknown 0.9 a", None)]
    asked = ask(spark, [*texts, *unsure], replace(AUTO, slm_audit_share=0.1))
    assert 70 <= len(asked) <= 130
    assert asked == ask(spark, [*unsure, *reversed(texts)], replace(AUTO, slm_audit_share=0.1))


def test_one_text_of_a_cluster_is_asked_and_the_others_take_its_vote_over(spark: SparkSession) -> None:
    texts = [("refund 0.7 first", "c"), ("refund 0.7 second", "c"), ("login 0.7 third", "c"), ("login 0.7 alone", None)]
    assert ask(spark, texts) == {
        "refund 0.7 first": ("model", "first", 7.0),
        "refund 0.7 second": ("cluster", "first", 0.0),
        "login 0.7 third": ("cluster", "first", 0.0),
        "login 0.7 alone": ("model", "alone", 7.0),
    }
    assert {tier for tier, _, _ in ask(spark, texts, replace(AUTO, slm_clusters=False)).values()} == {"model"}


def test_a_sample_of_the_followers_is_asked_and_leads_nobody(spark: SparkSession) -> None:
    texts = [(f"refund 0.7 x{number}", "c") for number in range(400)]
    votes = ask(spark, texts, replace(AUTO, slm_cluster_audit_share=0.1))
    own = {text for text, (tier, _, _) in votes.items() if tier == "model"}
    assert 25 <= len(own) - 1 <= 60
    (led_by,) = {label for tier, label, _ in votes.values() if tier == "cluster"}
    sampled = {text for text, _ in texts if int(hash_of(text)[8:16], 16) < 0.1 * 16**8}
    assert own == sampled | {f"refund 0.7 {led_by}"}
    assert f"refund 0.7 {led_by}" == next(text for text, _ in texts if text not in sampled)


EARLIER = {
    "same text": ({}, "cache"),
    "same text, taken over then": ({"tier": "cluster"}, "cache"),
    "same cluster": ({"text_hash": hash_of("another")}, "cluster"),
    "same cluster, taken over then": ({"text_hash": hash_of("another"), "tier": "cluster"}, "model"),
    "another cluster": ({"text_hash": hash_of("another"), "cluster_id": "other"}, "model"),
    "another version": ({"model_version": "2"}, "model"),
    "no answer then": ({"label": None}, "model"),
    "another voter": ({"voter": "memory"}, "model"),
}


@pytest.fixture
def earlier(spark: SparkSession) -> DataFrame:
    rows = []
    for number, (changes, _) in enumerate(EARLIER.values()):
        own = {"text_hash": hash_of(f"refund 0.7 now{number}"), "cluster_id": f"c{number}", "tier": "model"}
        rows.append({**stored_vote("before", 0.9, "slm", **own), **changes})
    return frame(spark, LABELS, *rows)


def test_an_earlier_vote_of_the_same_versions_is_taken_over(spark: SparkSession, earlier: DataFrame) -> None:
    texts = [(f"refund 0.7 now{number}", f"c{number}") for number in range(len(EARLIER))]
    votes = ask(spark, texts, AUTO, earlier)
    assert [votes[text][0] for text, _ in texts] == [tier for _, tier in EARLIER.values()]
    assert [votes[text][1] for text, _ in texts] == [
        f"now{number}" if tier == "model" else "before" for number, (_, tier) in enumerate(EARLIER.values())
    ]
    uncached = ask(spark, texts, replace(AUTO, slm_cache=False), earlier)
    assert [uncached[text][0] for text, _ in texts[:2]] == ["cluster", "model"]


def test_a_text_that_got_no_answer_leads_nobody_and_who_would_have_followed_says_so(spark: SparkSession) -> None:
    votes = ask(spark, [("refund 0.7 fails", "c"), ("refund 0.7 second", "c")])
    assert votes == {"refund 0.7 fails": ("model", None, 7.0), "refund 0.7 second": ("cluster", None, None)}


def test_votes_do_not_depend_on_how_texts_are_batched(spark: SparkSession) -> None:
    texts = [(f"refund 0.7 x{number}", f"c{number % 3}") for number in range(30)]
    settings = replace(AUTO, slm_cluster_audit_share=0.2)
    at_once = ask(spark, texts, settings)
    in_parts, past = {}, []
    for start in range(0, 30, 10):
        part = texts[start : start + 10]
        votes = ask(spark, part, settings, frame(spark, LABELS, *past))
        in_parts |= votes
        past += [
            stored_vote(
                label, 0.9, "slm", text_hash=hash_of(text), cluster_id=dict(part)[text], tier=tier, voted_at=NOON
            )
            for text, (tier, label, _) in votes.items()
        ]
    assert in_parts == at_once
