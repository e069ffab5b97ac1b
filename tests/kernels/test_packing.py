import numpy as np
import torch

from pipelines.kernels.label_trees import Tree, plant_tree
from pipelines.kernels.packing import pack, take_batch

TEXTS, START = [[10, 11, 7], [7], [12, 13, 14, 7]], 5
NONE = Tree(())


def test_texts_stand_end_to_end_with_their_places_in_their_own_prompts() -> None:
    packed = pack(TEXTS, [plant_tree([[1], [2]])] * 3, START)
    assert packed.tokens.tolist() == [10, 11, 7, 7, 12, 13, 14, 7]
    assert packed.positions.tolist() == [5, 6, 7, 5, 5, 6, 7, 8]
    assert packed.read.tolist() == [2, 3, 7]
    assert packed.everyone.grid.tolist() == [[0, 1, 2, 0], [3, 3, 3, 3], [4, 5, 6, 7]]
    assert packed.everyone.cells.tolist() == [0, 1, 2, 4, 8, 9, 10, 11]


def test_a_token_sees_its_text_up_to_itself_and_of_the_tree_its_ancestors() -> None:
    packed = pack([[10, 7], [7]], [plant_tree([[1, 2, 0], [3, 0]])] * 2, START)
    assert packed.tokens.tolist() == [10, 7, 1, 2, 3, 7, 1, 2, 3]
    assert packed.positions.tolist() == [5, 6, 7, 8, 7, 5, 6, 7, 6]
    assert packed.read.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    seen = (packed.everyone.bias == 0).int()
    assert seen[0].tolist() == [
        [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1],
    ]  # fmt: skip
    assert seen[1, :4, :4].tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]
    assert torch.equal(packed.readers.bias[0], packed.everyone.bias[0, 1:])


def test_each_text_may_have_a_tree_of_its_own() -> None:
    packed = pack(TEXTS, [plant_tree([[1, 2, 0]]), NONE, plant_tree([[3, 0], [4, 0]])], START)
    assert packed.tokens.tolist() == [10, 11, 7, 1, 2, 7, 12, 13, 14, 7, 3, 4]
    assert packed.positions.tolist() == [5, 6, 7, 8, 9, 5, 5, 6, 7, 8, 9, 9]
    assert packed.read.tolist() == [2, 3, 4, 5, 9, 10, 11]
    assert packed.readers.grid.tolist() == [[2, 3, 4], [5, 5, 5], [9, 10, 11]]
    assert packed.readers.cells.tolist() == [0, 1, 2, 3, 6, 7, 8]
    seen = (packed.readers.bias == 0).int()
    assert seen[0].tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]]
    assert seen[1, 0].tolist() == [1, 0, 0, 0, 0, 0]
    assert seen[2].tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 1]]


def test_a_batch_holds_what_the_budget_allows_and_one_text_at_least() -> None:
    lengths = np.array([50, 40, 30, 1])
    assert [take_batch(lengths, budget) for budget in (10, 99, 100, 199, 1000)] == [1, 1, 2, 3, 4]
