"""Several small steps as one kernel of a GPU, where torch finds a compiler for it."""

from collections.abc import Callable
from functools import cache, wraps

import torch

Steps = Callable[..., torch.Tensor]


def fused_on_gpu(steps: Steps) -> Steps:
    """Make one kernel of a function's steps where its tensors lie on a GPU; elsewhere it stays as it is written.

    Taken one by one, each step would bring all numbers from the GPU's memory and back. The kernel is compiled at the
    first call; where that cannot be (no C compiler on the machine, say), the steps are taken one by one from then on.

    Args:
        steps: a function of tensors, the first of which tells where it runs, that changes none of them.
    """
    given_up = False

    @cache
    def fused() -> Steps:
        return torch.compile(steps, dynamic=True)

    @wraps(steps)
    def run(*tensors: torch.Tensor) -> torch.Tensor:
        nonlocal given_up
        if given_up or tensors[0].device.type == "cpu":
            return steps(*tensors)
        try:
            return fused()(*tensors)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ImportError, OSError):
            given_up = True
            return steps(*tensors)

    return run
