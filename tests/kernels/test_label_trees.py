import numpy as np
import pytest
import torch

from pipelines.kernels.label_trees import ClosedSet, pick_tokens, plant_tree, to_log_probabilities


def test_shared_beginnings_stand_once_and_last_tokens_are_not_read() -> None:
    tree = plant_tree([[20, 21, 1], [20, 22, 1], [23, 1], [1]])
    assert tree.nodes == ((20,), (20, 21), (20, 22), (23,))
    assert tree.lasts.tolist() == [2, 1, 2, 3]
    assert tree.depths.tolist() == [1, 2, 2, 1]


@pytest.mark.parametrize("codes", [(), ((),), ((1,), (1,)), ((1,), (1, 2)), ((1, 2, 3), (1, 2))])
def test_codes_that_could_not_be_told_apart_are_refused(codes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"code"):
        ClosedSet(codes)


def test_codes_of_one_token_need_their_own_rows_only() -> None:
    labels = ClosedSet(((7,), (3,)))
    assert labels.rows is not None
    assert labels.rows.tolist() == [7, 3]
    logs = to_log_probabilities(np.array([[0.0, np.log(3.0)], [5.0, 5.0]]))
    assert np.exp(logs) == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))


def test_a_distribution_over_codes_is_the_models_own_given_that_one_of_them_follows() -> None:
    labels = ClosedSet(((0,), (1, 0), (1, 1)))
    assert labels.rows is None
    # After the prompt: .2 .3 .5. After token 1: .1 .4 .5.
    logits = torch.log(torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.4, 0.5]])) + torch.tensor([[3.0], [-2.0]])
    expected = np.array([0.2, 0.3 * 0.1, 0.3 * 0.4])
    picked = pick_tokens(logits.repeat(2, 1), [labels] * 2).numpy().reshape(2, -1)
    assert np.exp(labels.log_likelihoods(picked)) == pytest.approx(np.array([expected, expected]))
    assert np.exp(to_log_probabilities(labels.log_likelihoods(picked)))[1] == pytest.approx(expected / expected.sum())


def test_logits_so_far_apart_that_a_probability_is_zero_still_add_up() -> None:
    logs = to_log_probabilities(np.array([[0.0, -3000.0]]))
    assert np.exp(logs).sum() == 1
    assert logs[0, 1] == -3000
