"""What audit votes tell of a label, of each label, and of the stream."""

import numpy as np
import pytest

from pipelines.kernels.audits import MISSING, MOST_VOTES, Outcome, Watch, decide_audit, label_bounds, watch_errors

GOLD = 7


@pytest.mark.parametrize(
    ("votes", "outcome", "truth", "spent"),
    [
        ([MISSING, MISSING, MISSING], Outcome.OPEN, -1, 0),
        ([GOLD, MISSING, MISSING], Outcome.RIGHT, GOLD, 1),
        ([2, MISSING, MISSING], Outcome.OPEN, -1, 1),
        ([2, 2, MISSING], Outcome.WRONG, 2, 2),
        ([2, GOLD, MISSING], Outcome.OPEN, -1, 2),
        ([2, GOLD, GOLD], Outcome.RIGHT, GOLD, 3),
        ([2, GOLD, 2], Outcome.WRONG, 2, 3),
        ([2, 3, GOLD], Outcome.UNDECIDED, -1, 3),
        ([2, 3, 4], Outcome.UNDECIDED, -1, 3),
        ([2, 3, 3], Outcome.WRONG, 3, 3),
    ],
)
def test_one_vote_confirms_and_two_of_three_overrule(votes: list[int], outcome: int, truth: int, spent: int) -> None:
    found = decide_audit([GOLD], [votes])
    assert (found.outcomes[0], found.truth[0], found.spent[0]) == (outcome, truth, spent)
    assert found.errors[0] == (outcome in (Outcome.WRONG, Outcome.UNDECIDED))


def test_an_annotator_who_errs_does_not_show_as_errors_of_the_labels() -> None:
    draw = np.random.default_rng(4)
    labels = draw.integers(0, 77, 20_000)
    slips, others = draw.random((20_000, MOST_VOTES)) < 0.05, draw.integers(0, 77, (20_000, MOST_VOTES))
    said = np.where(slips, others, labels[:, None])
    # One vote alone would count nearly 5 %. Three: .05 * (1 - .95 ** 2). Five: that two of three more err as well.
    assert decide_audit(labels, said[:, :3]).errors.mean() == pytest.approx(0.05 * (1 - 0.95**2), abs=0.0015)
    found = decide_audit(labels, said)
    assert found.errors.mean() < 0.0015
    assert found.spent.mean() < 1.11


@pytest.mark.parametrize(
    ("votes", "outcome", "spent"),
    [
        ([2, 3, GOLD, MISSING, MISSING], Outcome.OPEN, 3),
        ([2, 3, GOLD, GOLD, MISSING], Outcome.RIGHT, 4),
        ([2, 3, GOLD, 4, 3], Outcome.WRONG, 5),
        ([2, 3, GOLD, 4, 5], Outcome.UNDECIDED, 5),
        ([2, 3, 3, GOLD, GOLD], Outcome.WRONG, 3),
    ],
)
def test_people_are_asked_until_two_agree(votes: list[int], outcome: int, spent: int) -> None:
    found = decide_audit([GOLD], [votes])
    assert (found.outcomes[0], found.spent[0]) == (outcome, spent)


def test_each_label_has_its_bound_and_rare_ones_share_one() -> None:
    found = label_bounds([100, 5, 59, 3, 0], [3, 0, 0, 1, 0])
    assert [each.labels for each in found] == [(0,), (2,), (1, 3, 4)]
    assert [(each.audited, each.errors) for each in found] == [(100, 3), (59, 0), (8, 1)]
    assert found[0].bound == pytest.approx(0.07571, abs=5e-6)
    assert found[1].bound == pytest.approx(1 - 0.05 ** (1 / 59))
    assert (found[1].more_if_right, found[2].more_if_right) == (0, 93 - 8)


def test_the_alarm_is_silent_while_errors_stay_at_the_target() -> None:
    draw = np.random.default_rng(6)
    alarms = sum(watch_errors(draw.random(2000) < 0.05, Watch()).alarmed() for _ in range(300))
    assert alarms <= 0.05 * 300 + 3 * np.sqrt(0.05 * 0.95 * 300)


def test_the_alarm_hears_a_change_after_a_good_past() -> None:
    draw = np.random.default_rng(7)
    delays = []
    for _ in range(60):
        state, after = watch_errors(draw.random(1000) < 0.01, Watch()), 0
        assert not state.alarmed()
        while not state.alarmed() and after < 2000:
            state, after = watch_errors(draw.random(10) < 0.2, state), after + 10
        delays.append(after)
    assert np.median(delays) <= 120


def test_micro_batches_of_any_size_leave_the_same_state() -> None:
    wrong = np.random.default_rng(9).random(200) < 0.1
    state = Watch()
    for part in (wrong[:1], wrong[1:77], wrong[77:77], wrong[77:]):
        state = watch_errors(part, state)
    assert state == watch_errors(wrong, Watch())


def test_the_first_audits_by_hand() -> None:
    # Twice the target alone would be: 1 + (.1 - .05) / (.05 * .95) * .95 = 2 times the stake for an error.
    assert watch_errors([], Watch()) == Watch()
    one = watch_errors([True], Watch())
    spent = 1 - 1 / (1 + np.log(2))
    assert one.stakes[2] == pytest.approx(2 * spent)
    assert one.evidence == pytest.approx(spent * np.mean([1.25, 1.5, 2, 3, 5, 10]) + 1 - spent)
