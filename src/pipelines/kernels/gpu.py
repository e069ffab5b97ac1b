"""How tensors come to a GPU, and whether kernels of our own run there or the plain steps."""

import logging
from collections.abc import Callable
from functools import wraps

import torch

Steps = Callable[..., torch.Tensor]
given_up = False


def ours_run_on(tensor: torch.Tensor) -> bool:
    """Say whether our own kernels are used where a tensor lies."""
    return tensor.device.type == "cuda" and not given_up


def give_up() -> None:
    """Use no kernel of our own in this process any more, and say so in its log."""
    global given_up
    given_up = True
    logging.getLogger(__name__).warning("Kernels of our own do not fit this GPU or machine; plain steps run instead.")


def carry(part: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Bring a tensor to a device; to a GPU out of memory that it reads by itself, so that nobody waits for it."""
    return part.to(device) if device.type == "cpu" else part.pin_memory().to(device, non_blocking=True)


def fused_on_gpu(steps: Steps) -> Steps:
    """Take the kernel of the same name from `gpu_steps` where the tensors lie on a GPU.

    Taken one by one, each step would bring all numbers from the GPU's memory and back.

    Args:
        steps: a function whose first argument is a tensor that tells where it runs.
    """

    @wraps(steps)
    def run(first: torch.Tensor, *others: object) -> torch.Tensor:
        if not ours_run_on(first):
            return steps(first, *others)
        # Only now: Triton is not installed everywhere.
        from pipelines.kernels import gpu_steps

        made: torch.Tensor = getattr(gpu_steps, steps.__name__)(first, *others)
        return made

    return run
