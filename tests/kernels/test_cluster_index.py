"""The stream's clusters: one partition whatever the order and the batches, ids for ever, the older cluster wins."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest

from pipelines.kernels.cluster_index import Assignment, ClusterIndex
from pipelines.kernels.links import Arrivals
from pipelines.kernels.segments import merge_segments
from pipelines.kernels.similarity import Search
from tests.kernels.near_duplicate_truth import (
    CORPORA,
    brute_force,
    components,
    corpus,
    made_up,
    needs_corpora,
    partition,
    similarity,
    texts_of,
)

A = "my card has not arrived although you sent it two weeks ago"
B = "the app closes itself whenever I try to open my statements"
Step = Callable[[ClusterIndex], ClusterIndex]


def record_id(name: object) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


def arrivals(texts: Sequence[str], names: Sequence[object], days: Sequence[int] | None = None) -> Arrivals:
    ids = np.frombuffer(b"".join(map(record_id, names)), dtype=np.uint8).reshape(-1, 32)
    return Arrivals(ids, np.array(days or [100] * len(texts), dtype=np.int32), texts_of(texts))


@dataclass
class Stream:
    """Sends batches through an index and notes what it says; `between` may change the index after each."""

    index: ClusterIndex
    between: Step = lambda index: index

    def send(self, texts: Sequence[str], names: Sequence[object], days: Sequence[int] | None = None) -> Assignment:
        assignment = self.index.assign(arrivals(texts, names, days))
        self.index = self.between(self.index.learn(assignment))
        return assignment

    def run(self, texts: Sequence[str], names: Sequence[object], cuts: Sequence[int]) -> list[int]:
        """Give each record's cluster as it is in the end."""
        bounds = [0, *cuts, len(texts)]
        clusters = [self.send(texts[a:b], names[a:b]).members.clusters for a, b in pairwise(bounds)]
        return self.index.merges.resolve_numbers(np.concatenate(clusters)).tolist()


def stream(threshold: float = 0.7, window_days: int = 30, between: Step = lambda index: index, **search: int) -> Stream:
    return Stream(ClusterIndex(Search(threshold, **search), window_days), between)


def ids(assignment: Assignment) -> list[bytes]:
    return [row.tobytes() for row in assignment.cluster_ids]


def as_one_segment(index: ClusterIndex) -> ClusterIndex:
    return replace(index, segments=(merge_segments(index.segments, 0, index.search),)) if index.segments else index


@pytest.mark.parametrize(
    ("threshold", "between"), [(0.7, lambda index: index), (0.8, as_one_segment)], ids=["as they come", "merged"]
)
def test_any_order_and_any_batches_give_the_single_link_partition(threshold: float, between: Step) -> None:
    texts = made_up(250, seed=3)
    truth = components(len(texts), brute_force(texts, threshold))
    generator = np.random.default_rng(8)
    for number in range(20):
        order = generator.permutation(len(texts)).tolist()
        cuts = np.sort(generator.integers(0, len(texts) + 1, (0, 1, 3, 12, 60)[number % 5])).tolist()
        found = stream(threshold, between=between).run([texts[place] for place in order], order, cuts)
        assert partition(found, order) == partition(truth, range(len(texts)))
    assert len(set(truth)) < 240


@needs_corpora
@pytest.mark.parametrize("threshold", [0.7, pytest.param(0.8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CORPORA)
def test_twenty_orders_and_splits_of_a_corpus_give_the_partition_of_the_truth(name: str, threshold: float) -> None:
    texts, truth = corpus(name)
    true = [couple for couple, value in truth.items() if value >= threshold]
    expected = partition(components(len(texts), true), range(len(texts)))
    generator = np.random.default_rng(4)
    for number in range(20):
        order = generator.permutation(len(texts)).tolist()
        cuts = np.sort(generator.integers(0, len(texts), number % 4)).tolist()
        found = stream(threshold).run([texts[place] for place in order], order, cuts)
        assert partition(found, order) == expected


def test_a_cluster_is_named_by_its_first_member_and_grows() -> None:
    tickets = stream()
    assert ids(tickets.send([A, B], "ab")) == [record_id("a"), record_id("b")]
    second = tickets.send([A.upper(), A + " now", "quite another text"], "cde")
    assert ids(second) == [record_id("a"), record_id("a"), record_id("e")]
    # The link says which record is resembled, and how much.
    assert second.links.row.tolist() == [0, 1]
    assert [row.tobytes() for row in second.links.other_ids] == [record_id("a")] * 2
    assert second.links.similarity.tolist() == [1.0, similarity(A, A + " now")]
    assert second.links.clusters.tolist() == [1, 1]


def test_equal_texts_of_one_batch_are_linked_to_the_first() -> None:
    assignment = stream().send([A, B, A, A], "abcd")
    assert ids(assignment) == [record_id(name) for name in "abaa"]
    assert [row.tobytes() for row in assignment.links.other_ids] == [record_id("a")] * 2
    assert assignment.links.clusters.tolist() == [-1, -1]
    assert len(assignment.segment) == 2, "an equal text costs the index nothing"


BRIDGE = ["abcdefghijklmnopqrstuvwxyz0123", "defghijklmnopqrstuvwxyz0123456", "ghijklmnopqrstuvwxyz0123456789"]
"""The ends resemble the middle one, and not each other at .7."""


def test_of_two_clusters_that_become_one_the_older_wins_and_no_given_id_changes() -> None:
    assert similarity(BRIDGE[0], BRIDGE[2]) < 0.7 <= min(similarity(*BRIDGE[:2]), similarity(*BRIDGE[1:]))
    tickets = stream()
    # The younger cluster's number is higher, although its id is lower or higher by chance.
    assert ids(tickets.send([BRIDGE[2]], ["old"])) == [record_id("old")]
    assert ids(tickets.send([BRIDGE[0]], ["young"])) == [record_id("young")]
    both = tickets.send([BRIDGE[1]], ["bridge"])
    assert ids(both) == [record_id("old")]
    assert both.links.row.tolist() == [0, 0]
    assert sorted(both.links.clusters.tolist()) == [1, 2]
    assert tickets.index.merges.resolve_numbers(np.array([1, 2, 3])).tolist() == [1, 1, 3]
    # Whoever resembles a member of the absorbed cluster belongs to the survivor, which the link names.
    late = tickets.send([BRIDGE[0] + "!"], ["late"])
    assert ids(late) == [record_id("old")]
    assert [row.tobytes() for row in late.links.cluster_ids] == [record_id("old")]


def test_what_an_absorbed_cluster_had_taken_in_moves_along() -> None:
    letters = "".join(chr(97 + code) for code in np.random.default_rng(1).integers(0, 26, 130))
    # Neighbours are similar by .75, the next but one by .56.
    chain = [letters[8 * place : 8 * place + 60] for place in range(9)]
    texts = [chain[8], chain[0], chain[2], chain[4], chain[6]]
    tickets = stream(0.6)
    tickets.send(texts[:1], ["oldest"])
    for number, text in enumerate(texts[1:]):
        tickets.send([text], [number])
    # One by one the gaps between 0, 2, 4, 6 and 8 are closed, the one to the oldest last.
    for place in (1, 3, 5, 7):
        tickets.send([chain[place]], [f"bridge {place}"])
    assert set(tickets.index.merges.resolve_numbers(np.arange(1, 6)).tolist()) == {1}


def test_a_batch_that_joins_clusters_through_its_own_records_says_so() -> None:
    middle = [BRIDGE[1], BRIDGE[1][3:] + "456"]
    tickets = stream(0.7)
    tickets.send([BRIDGE[0], middle[1][3:] + "zzz"], ["left", "right"])
    assignment = tickets.send([*middle], ["m1", "m2"])
    assert ids(assignment) == [record_id("left")] * 2
    assert tickets.index.merges.resolve_numbers(np.array([2])).tolist() == [1]


@pytest.mark.parametrize(("day", "cluster"), [(130, "first"), (131, "later")])
def test_the_window_ends_after_so_many_days(day: int, cluster: str) -> None:
    tickets = stream(window_days=30)
    tickets.send([A], ["first"], [100])
    assert ids(tickets.send([A], ["later"], [day])) == [record_id(cluster)]


@pytest.mark.parametrize("between", [lambda index: index, as_one_segment], ids=["as they come", "merged"])
def test_a_text_that_keeps_coming_keeps_its_cluster_open(between: Step) -> None:
    tickets = stream(window_days=30, between=between)
    for day in (100, 125, 150):
        tickets.send([A], [day], [day])
    assert ids(tickets.send([A + " now"], ["near"], [175])) == [record_id(100)]


def test_expired_members_are_dropped_and_their_clusters_keep_their_name() -> None:
    tickets = stream(window_days=30)
    tickets.send([A, B], ["first", "other"], [100, 100])
    tickets.send([A + " now"], ["second"], [125])
    merged = merge_segments(tickets.index.segments, 110, tickets.index.search)
    assert len(merged) == 1
    tickets.index = replace(tickets.index, segments=(merged,))
    assert ids(tickets.send([A + " now!"], ["third"], [140])) == [record_id("first")]


def test_who_meets_a_crowded_bucket_is_marked() -> None:
    crowd = [f"{A} and the number is {number}" for number in range(100, 140)]
    free, narrow = stream(max_bucket=100), stream(max_bucket=5)
    for tickets in (free, narrow):
        tickets.send(crowd, range(40))
    assert not free.send([crowd[0] + "."], ["new"]).capped.any()
    assert narrow.send([crowd[0] + ".", B], ["new", "other"]).capped.tolist() == [True, False]
    assert ids(narrow.send([crowd[0] + ","], ["newer"])) == [record_id(0)]


def test_nothing_is_remembered_before_it_is_learnt() -> None:
    tickets = stream()
    first = tickets.index.assign(arrivals([A], ["a"]))
    again = tickets.index.assign(arrivals([A], ["a"]))
    assert ids(first) == ids(again) == [record_id("a")]
    assert first.members.numbers.tolist() == again.members.numbers.tolist() == [1]


def test_an_empty_batch_is_fine() -> None:
    tickets = stream()
    for _ in range(2):
        assignment = tickets.send([], [])
        assert (len(assignment.members), len(assignment.links.row), len(assignment.segment)) == (0, 0, 0)
        tickets.send([A], ["a"])
    assert tickets.index.next_number == 3
