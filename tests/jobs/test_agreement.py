"""Agreement kept up batch by batch, against a recomputation from all votes that shares no code with it."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count, permutations
from pathlib import Path

import numpy as np
import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from sklearn.metrics import cohen_kappa_score

from pipelines.adapters.delta import BatchWrite, TableStore, append_once, read_table
from pipelines.adapters.table_creation import ensure_tables
from pipelines.contracts import AGREEMENT, AGREEMENT_COUNTS, ANNOTATOR_QUALITY, LABELS, TABLES
from pipelines.faults import InjectedFaultError
from pipelines.intents import LabelSet
from pipelines.jobs.agreement import measure_agreement, read_measured
from tests.builders import NOON, Values, frame, vote
from tests.crashes import failing_at

NAMES = list("abc")
TEXTS = 30
ANNOTATORS = {"ann": 0.95, "bob": 0.8, "cleo": 0.6, "dan": 0.3}
"""How often each is right."""
VERSIONS = {"memory": "memory=ticket-encoder@{}", "slm": "slm=intent-slm@{}/intent-prompt@1"}
Measures = dict[tuple[object, ...], tuple[object, ...]]


@dataclass
class Lake:
    """Votes that arrive, and what is measured of them."""

    spark: SparkSession
    store: TableStore
    batches: Iterable[int]

    def arrive(self, votes: list[Values], query: str = "labels") -> None:
        append_once(frame(self.spark, LABELS, *votes), self.store, LABELS, BatchWrite(query, 1, next(self.batches)))

    def measure(self, labels: LabelSet = LabelSet()) -> int:  # noqa: B008 a frozen value
        return measure_agreement(self.spark, self.store, labels, datetime.now(UTC))

    def agreement(self) -> Measures:
        return {
            tuple(row[name] for name in ("compared", "voter", "rater", "label", "day")): (
                *(row[name] for name in ("votes", "items", "observed_agreement", "cohen_kappa")),
                *(row[name] for name in ("fleiss_kappa", "krippendorff_alpha")),
            )
            for row in read_measured(self.spark, self.store, 0).agreement
        }

    def annotators(self) -> dict[str, dict[str, object]]:
        return {row["annotator_id"]: row for row in read_measured(self.spark, self.store, 0).annotators}

    def rows(self, *tables: object) -> list[int]:
        return [read_table(self.spark, self.store, table).count() for table in tables]


@pytest.fixture
def make_lake(spark: SparkSession, empty_tables: Path, tmp_path: Path) -> Callable[[], Lake]:
    numbers = count()

    def make() -> Lake:
        folder = shutil.copytree(empty_tables, tmp_path / f"tables-{next(numbers)}")
        return Lake(spark, TableStore("", str(folder), ""), count())

    return make


def all_votes() -> list[Values]:
    """Votes of two models and four people on thirty texts, over three days, in an order of arrival.

    People skip texts, change their minds (the later one by the file's time may arrive first), and some are nameless;
    a version of the memory is followed by another, a text has a copy, and a model fails.
    """
    draw = np.random.default_rng(5)
    truth = draw.choice(NAMES, TEXTS, p=[0.5, 0.3, 0.2])

    def says(number: int, right: float) -> str:
        return str(truth[number] if draw.random() < right else draw.choice(NAMES))

    def cast(number: int, voter: str, right: float, place: int, **changes: object) -> Values:
        at = NOON + timedelta(hours=float(draw.integers(0, 60)), seconds=place)
        said = {"text": f"text {number}", "record_id": f"r{number}", "voted_at": at, **changes}
        return vote(says(number, right), 0.9, voter, vote_id=f"{voter} {number} {place} {sorted(changes)}", **said)

    votes = []
    for number in range(TEXTS):
        votes.append(cast(number, "memory", 0.8, 0))
        if number % 3 == 0:
            votes.append(cast(number, "memory", 0.9, 1, model_version="2"))
            votes.append(cast(number, "memory", 0.8, 2, record_id=f"copy of r{number}"))
        if number % 2:
            votes.append(cast(number, "slm", 0.6, 3))
        for place, (name, right) in enumerate(ANNOTATORS.items(), 4):
            if draw.random() < 0.6:
                votes.append(cast(number, "human", right, place, annotator_id=name))
            if draw.random() < 0.2:
                later = NOON + timedelta(hours=float(draw.integers(0, 60)))
                votes.append(cast(number, "human", right, place + 10, annotator_id=name, annotated_at=later))
        if number % 7 == 0:
            votes.append(cast(number, "human", 0.9, 30))
    votes.append({**cast(1, "slm", 0.5, 40), "label": None, "failure": "model_failed"})
    return [votes[place] for place in draw.permutation(len(votes))]


def said_at(one: Values) -> datetime:
    return one.get("annotated_at") or one["voted_at"]


def rater_of(one: Values) -> str | None:
    if one["voter"] == "human":
        return one.get("annotator_id")
    return VERSIONS[one["voter"]].format(one["model_version"])


def newest_only(votes: list[Values]) -> list[Values]:
    """Each rater once a text; nameless people all."""
    newest: dict[tuple[object, ...], Values] = {}
    for one in sorted(votes, key=lambda one: (said_at(one), one["voted_at"], one["vote_id"])):
        newest[one["text_key"], one["voter"], rater_of(one) or one["vote_id"]] = one
    return list(newest.values())


def kappa_of(first: list[object], second: list[object]) -> tuple[object, ...]:
    if not first:
        return 0, None, None
    value = float(cohen_kappa_score(first, second)) if len({*first, *second}) > 1 else float("nan")
    return len(first), np.mean([a == b for a, b in zip(first, second, strict=True)]), none_if_nan(value)


def none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else value


def people_of(texts: list[list[str]]) -> tuple[object, ...]:
    several = [said for said in texts if len(said) > 1]
    votes = Counter(label for said in several for label in said)
    total = votes.total()
    if not total:
        return 0, None, None, None
    same = sum((a == b) / (len(said) - 1) for said in several for a, b in permutations(said, 2))
    observed, expected = same / total, sum((number / total) ** 2 for number in votes.values())
    by_chance = sum(number * (total - number) for number in votes.values()) / (total * (total - 1))
    if by_chance == 0:
        return len(several), observed, None, None
    return len(several), observed, (observed - expected) / (1 - expected), 1 - (1 - observed) / by_chance


def recompute(votes: list[Values]) -> Measures:
    """Everything from all votes, the slow way."""
    labelled = [one for one in votes if one["label"] is not None]
    newest = newest_only(labelled)
    by_text: dict[str, list[Values]] = defaultdict(list)
    for one in newest:
        if one["voter"] == "human":
            by_text[one["text_key"]].append(one)
    beside: dict[tuple[object, ...], list[tuple[date, str, str]]] = defaultdict(list)
    for one in newest:
        others = Counter(other["label"] for other in by_text[one["text_key"]] if other is not one)
        leading = [label for label, number in others.items() if number * 2 > others.total()]
        if rater_of(one) and leading:
            beside[one["voter"], rater_of(one)].append((said_at(one).date(), one["label"], leading[0]))
    given = Counter(
        (*rater, *scope)
        for one in labelled
        for rater in raters_of(one)
        for scope in ((None, None), (one["label"], None), (None, said_at(one).date()))
    )
    found: Measures = {}
    for (voter, rater), rows in beside.items():
        compared = "annotator_and_others" if voter == "human" else "model_and_people"
        for label, day in {
            (None, None),
            *((name, None) for row in rows for name in row[1:]),
            *((None, row[0]) for row in rows),
        }:
            chosen = [row[1:] for row in rows if day in (None, row[0])]
            told = [[one == label if label else one for one in side] for side in zip(*chosen, strict=True)]
            found[compared, voter, rater, label, day] = (*kappa_of(*told), None, None)
    texts = [
        (max(said_at(one).date() for one in said), [one["label"] for one in said]) for said in by_text.values() if said
    ]
    several = [(day, said) for day, said in texts if len(said) > 1]
    for label, day in {
        (None, None),
        *((name, None) for _, said in several for name in said),
        *((None, day) for day, _ in several),
    }:
        chosen = [
            [one if label in (None, one) else "rest" for one in said] for when, said in several if day in (None, when)
        ]
        items, observed, fleiss, alpha = people_of(chosen)
        found["people", "human", None, label, day] = (items, observed, None, fleiss, alpha)
    nothing = (0, None, None, None, None)
    return {key: (given[key], *found.get(key, nothing)) for key in {*given, *found}}


def raters_of(one: Values) -> list[tuple[object, ...]]:
    if one["voter"] != "human":
        return [("model_and_people", one["voter"], rater_of(one))]
    own = [("annotator_and_others", "human", rater_of(one))] if rater_of(one) else []
    return [("people", "human", None), *own]


def assert_equal(found: Measures, expected: Measures) -> None:
    assert set(found) == set(expected)
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, abs=1e-8), key


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_however_votes_arrive_the_figures_are_those_of_all_votes(make_lake: Callable[[], Lake], batches: int) -> None:
    lake, votes = make_lake(), all_votes()
    for number, part in enumerate(np.array_split(np.arange(len(votes)), batches)):
        lake.arrive([votes[place] for place in part], ("labels", "labels_again", "reprocess")[number % 3])
        assert lake.measure() > 0
    assert_equal(lake.agreement(), recompute(votes))
    before = lake.rows(AGREEMENT_COUNTS, AGREEMENT, ANNOTATOR_QUALITY)
    assert lake.measure() == 0
    assert lake.rows(AGREEMENT_COUNTS, AGREEMENT, ANNOTATOR_QUALITY) == before


def test_what_is_counted_says_how_often_people_agree_and_who_is_good(make_lake: Callable[[], Lake]) -> None:
    lake = make_lake()
    # Who errs takes cleo's labels one further, bob's one back; texts on which bob errs cleo errs on as well.
    right = {"ann": (30, 0), "dan": (30, 0), "bob": (27, -1), "cleo": (12, 1)}
    votes = [
        vote(NAMES[(number + (apart if number >= known else 0)) % 3], 1.0, text=f"{number}", annotator_id=name)
        for name, (known, apart) in right.items()
        for number in range(30)
    ]
    lake.arrive([{**one, "vote_id": str(number)} for number, one in enumerate(votes)])
    lake.measure()
    found = lake.annotators()
    assert {name: row["votes"] for name, row in found.items()} == dict.fromkeys(right, 30)
    assert found["ann"]["accuracy"] > found["bob"]["accuracy"] > 0.8 > 0.6 > found["cleo"]["accuracy"]
    # Of the others of ann on the last three texts, dan, bob and cleo, each says another label.
    told = {name: (row["compared"], row["majority_agreement"]) for name, row in found.items()}
    assert told == {"ann": (27, 1.0), "dan": (27, 1.0), "bob": (30, 0.9), "cleo": (30, 0.4)}
    mistakes = {name: {(one["true_label"], one["said"]) for one in row["mistakes"]} for name, row in found.items()}
    assert mistakes["cleo"] == {("a", "b"), ("b", "c"), ("c", "a")}
    assert mistakes["bob"] == {("a", "c"), ("b", "a"), ("c", "b")}
    assert mistakes["ann"] == mistakes["dan"] == set()
    assert [round(one["votes"]) for one in found["cleo"]["mistakes"]] == [6, 6, 6]


def test_a_run_that_was_cut_off_is_finished_by_the_next_one(make_lake: Callable[[], Lake]) -> None:
    lake, votes = make_lake(), all_votes()
    points = ("after_annotator_quality", "after_agreement", "after_agreement_counts")
    for point, part in zip(points, np.array_split(np.arange(len(votes)), 3), strict=True):
        lake.arrive([votes[place] for place in part])
        with failing_at(point), pytest.raises(InjectedFaultError, match=point):
            lake.measure()
    lake.measure()
    assert_equal(lake.agreement(), recompute(votes))
    assert set(lake.annotators()) == set(ANNOTATORS)


def test_votes_that_are_gone_are_taken_off_again(make_lake: Callable[[], Lake]) -> None:
    lake, votes = make_lake(), all_votes()
    lake.arrive(votes[:60])
    lake.arrive(votes[60:])
    lake.measure()
    DeltaTable.forPath(lake.spark, lake.store.path(LABELS)).delete("batch_id = 1")
    lake.measure()
    assert_equal(lake.agreement(), recompute(votes[:60]))
    DeltaTable.forPath(lake.spark, lake.store.path(LABELS)).delete()
    lake.measure()
    assert lake.agreement() == {}


def test_renamed_labels_are_told_by_their_names_of_today(make_lake: Callable[[], Lake]) -> None:
    lake = make_lake()
    lake.arrive([vote("old", 1.0, annotator_id="ann"), vote("new", 0.9, "memory")])
    lake.measure()
    rater = ("model_and_people", "memory", "memory=ticket-encoder@1")
    assert lake.agreement()[(*rater, None, None)][:3] == (1, 1, 0.0)
    lake.arrive([vote("new", 1.0, text="another", annotator_id="bob")])
    lake.measure(LabelSet(("new",), renamed={"old": "new"}))
    found = lake.agreement()
    assert found[(*rater, None, None)][:3] == (1, 1, 1.0)
    assert {key[3] for key in found} == {None, "new"}


def test_an_old_workspace_gets_the_tables(spark: SparkSession, tmp_path: Path) -> None:
    new = {AGREEMENT, AGREEMENT_COUNTS, ANNOTATOR_QUALITY}
    store = TableStore("", str(tmp_path), "")
    ensure_tables(spark, store, tuple(table for table in TABLES if table not in new))
    with pytest.raises(Exception, match="agreement_counts"):
        measure_agreement(spark, store, LabelSet(), NOON)
    ensure_tables(spark, store)
    assert measure_agreement(spark, store, LabelSet(), NOON) == 0
