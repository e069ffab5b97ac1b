"""Clusters of a file: literal rows, and a report that adds up."""

import pandas as pd
import pytest

from pipelines.errors import SettingsError
from pipelines.jobs.clustering import Cluster, Effect, cluster_frame
from pipelines.settings import ClusterSettings

CARD = "my card was stolen yesterday in the train station and I need a new one quickly"
NEAR = CARD.replace("quickly", "soon")
FAR = CARD.replace("stolen yesterday in the train station", "lost")
SETTINGS = ClusterSettings(similarity_threshold=0.8)


def frame(*texts: str | None) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"t{number}" for number in range(len(texts))], "text": texts})


def test_rows_come_back_in_order_with_cluster_original_and_similarity() -> None:
    rows, _ = cluster_frame(frame("hi", CARD, NEAR, FAR, CARD.upper(), None, " "), SETTINGS)
    shingles = [{text[i : i + 5] for i in range(len(text) - 4)} for text in (CARD.lower(), NEAR.lower())]
    near = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    assert near > 0.8
    assert rows.to_numpy().tolist() == [
        ["t0", "t0", None, None],
        ["t1", "t1", None, None],
        ["t2", "t1", "t1", near],
        ["t3", "t3", None, None],
        ["t4", "t1", "t1", 1.0],
        ["t5", "t5", None, None],
        ["t6", "t5", "t5", 1.0],
    ]


def test_the_report_adds_up() -> None:
    _, report = cluster_frame(frame(CARD, "hi", NEAR, FAR, CARD, "hi", "alone"), SETTINGS)
    assert (report.texts, report.distinct, report.clusters, report.alone) == (7, 5, 2, 2)
    assert report.sizes == {"2": 1, "3-5": 1}
    assert report.biggest == (Cluster("t0", 3, 2, 0), Cluster("t1", 2, 1, 1))
    # Three couples of the card (one of equal texts), one of "hi"; nothing else is near.
    assert Effect(0.8, pairs=4, clusters=2, clustered=5, biggest=3) in report.effects
    assert [effect.threshold for effect in report.effects] == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert report.effects[-1] == Effect(0.9, pairs=2, clusters=2, clustered=4, biggest=2)
    assert (report.capped_buckets, report.capped_texts) == (0, 0)


def test_the_chosen_threshold_stands_among_the_usual_ones() -> None:
    _, report = cluster_frame(frame(CARD, NEAR), ClusterSettings(similarity_threshold=0.75))
    assert [effect.threshold for effect in report.effects] == [0.5, 0.6, 0.7, 0.75, 0.8, 0.9]
    assert report.threshold == 0.75


def test_lower_thresholds_are_left_out_where_their_search_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.jobs.clustering.MOST_TEXTS_BELOW", 1)
    _, report = cluster_frame(frame(CARD, NEAR), SETTINGS)
    assert [effect.threshold for effect in report.effects] == [0.8, 0.9]


def test_a_capped_bucket_is_reported() -> None:
    texts = [f"{CARD}, ticket number {number:04d}" for number in range(30)]
    _, report = cluster_frame(frame(*texts), ClusterSettings(similarity_threshold=0.7, max_bucket=5))
    assert report.capped_buckets > 0
    assert (report.capped_texts, report.biggest[0].texts) == (30, 30)


def test_a_file_without_texts_has_no_clusters() -> None:
    rows, report = cluster_frame(frame(), SETTINGS)
    assert rows.columns.tolist() == ["id", "cluster_id", "duplicate_of", "similarity"]
    assert (len(rows), report.texts, report.clusters, report.biggest) == (0, 0, 0, ())


@pytest.mark.parametrize("wrong", [{"max_miss": 0.0}, {"max_miss": 0.6}, {"max_bucket": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=f"clusters.{next(iter(wrong))}"):
        ClusterSettings(**wrong)
