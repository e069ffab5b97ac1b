"""Where the models of a worker run and in which numbers they are multiplied."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from pipelines.labelling_settings import CpuPrecision

if TYPE_CHECKING:
    import torch

Network = TypeVar("Network", bound="torch.nn.Module")


@dataclass(frozen=True)
class Place:
    """A device, and the type of the weights there; `name` is what votes say of it."""

    device: str
    dtype: "torch.dtype"
    name: str

    def take(self, network: Network) -> Network:
        """Bring a network here, ready to answer, not to learn."""
        return network.to(device=self.device, dtype=self.dtype).eval()


@cache
def choose_place(precision: CpuPrecision) -> Place:
    """Find the place of this worker's models: bf16 on a GPU; on a CPU as asked for.

    A worker is one of several processes that share the cores: with more threads each they would only wait for one
    another.

    Args:
        precision: on a CPU; `auto` is bf16 where it has units that multiply bf16 matrices, else fp32.
    """
    import torch

    torch.set_num_threads(1)
    if torch.cuda.is_available():
        return Place("cuda", torch.bfloat16, "cuda")
    if precision == "bf16" or (precision == "auto" and multiplies_bf16()):
        return Place("cpu", torch.bfloat16, "cpu-bf16")
    return Place("cpu", torch.float32, "cpu")


def multiplies_bf16() -> bool:
    """Tell whether the CPU has units for matrices of bf16 numbers (Intel AMX); emulated they would be slower."""
    import torch

    # It has no public name in all the versions of torch that will do; AMX without bf16 was never built.
    return bool(torch.cpu._is_amx_tile_supported())
