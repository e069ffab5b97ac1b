"""Several small steps as one kernel of a GPU, where Triton can make it; elsewhere the steps one by one."""

from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from subprocess import SubprocessError

import torch

Steps = Callable[..., torch.Tensor]


def fused_on_gpu(steps: Steps) -> Steps:
    """Take the kernel of the same name from `gpu_kernels` where the tensors lie on a GPU.

    Taken one by one, each step would bring all numbers from the GPU's memory and back. Kernels are compiled at their
    first call; where that cannot be (no Triton, or no C compiler on the machine), the steps are taken from then on.

    Args:
        steps: a function whose first argument is a tensor that tells where it runs.
    """
    given_up = False

    @cache
    def fused() -> Steps:
        found: Steps = getattr(import_module("pipelines.kernels.gpu_kernels"), steps.__name__)
        return found

    @wraps(steps)
    def run(first: torch.Tensor, *others: object) -> torch.Tensor:
        nonlocal given_up
        if given_up or first.device.type == "cpu":
            return steps(first, *others)
        try:
            return fused()(first, *others)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ImportError, OSError, SubprocessError):
            given_up = True
            return steps(first, *others)

    return run
