"""The alarm on the audit stream: what it waits for, and what it does not."""

import numpy as np
import pytest

from pipelines.gate_settings import GateSettings
from pipelines.jobs.audits import Audits, find_alarm
from pipelines.kernels.audits import Outcome


def audits(first: Outcome, spent: int) -> Audits:
    """One record of some outcome, then 60 of which every second one is wrong."""
    later = [Outcome.WRONG if number % 2 else Outcome.RIGHT for number in range(60)]
    outcomes = np.array([first, *later], dtype=np.int64)
    many = len(outcomes)
    votes = np.array([spent, *[1] * 60], dtype=np.int64)
    return Audits(np.full(many, "card"), np.full(many, 0.9), outcomes, np.full(many, None, dtype=object), votes)


@pytest.mark.parametrize(("spent", "is_heard"), [(1, False), (2, False), (3, True)])
def test_the_alarm_waits_for_a_third_person_and_for_no_fourth(spent: int, is_heard: bool) -> None:
    heard = find_alarm(audits(Outcome.OPEN, spent), [], GateSettings())
    assert (heard is not None) is is_heard
    assert find_alarm(audits(Outcome.RIGHT, 1), [], GateSettings()) is not None
