"""What a promise costs in labels, and where they are worth most."""

import numpy as np
import pytest

from pipelines.kernels.audit_planning import first_test, labels_needed, lowest_hopeful, most_errors, power


def test_no_number_of_labels_helps_when_every_tenth_is_wrong() -> None:
    assert labels_needed(10, 100, 0.1) is None
    # All right from now on: 10 of 336 are few enough, 10 of 335 are not.
    assert labels_needed(10, 100, 0.0) == 236


def test_the_sequence_starts_where_the_confidences_promise_most() -> None:
    # 30 perfect ones cannot pass; of 400 with 6 % doubt hardly any test passes.
    assert first_test([30, 200, 300, 400], [0.3, 2.0, 9.0, 24.0]) == 1


def test_without_hope_the_sequence_starts_where_most_is_audited() -> None:
    assert first_test([10, 20, 30], [0.1, 0.2, 0.3]) == 2


def test_audits_go_where_their_test_may_pass() -> None:
    stream = np.concatenate([np.full(100, 0.99), np.full(100, 0.95), np.full(100, 0.85)])
    # Expected errors of the first 200: 3 %; of all 300: 7 %. Of 60 audits none may be wrong: 0.97 ** 60 = .16.
    assert lowest_hopeful(stream, 1000, (0.98, 0.9, 0.8)) == 0.9
    assert lowest_hopeful(stream, 60, (0.98, 0.9, 0.8)) == 0.98
    assert lowest_hopeful(np.full(100, 0.5), 100, (0.98, 0.9, 0.8)) == 0.98


def test_most_errors_is_where_the_bound_meets_the_target() -> None:
    assert [most_errors(audited) for audited in (58, 59, 92, 93, 124, 400)] == [-1, 0, 0, 1, 2, 12]
    assert power(58, 0.0) == 0.0
    assert power(59, 0.0) == 1.0
    assert power(93, 0.01) == pytest.approx(0.99**93 + 93 * 0.01 * 0.99**92)
