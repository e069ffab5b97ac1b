"""Where the models of a worker run and in which numbers they are multiplied."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipelines.labelling_settings import CpuPrecision

if TYPE_CHECKING:
    import torch

GPUS = Path("/proc/driver/nvidia/gpus")
"""The folder that the driver of NVIDIA's GPUs makes."""
Network = TypeVar("Network", bound="torch.nn.Module")


@dataclass(frozen=True)
class Place:
    """A device, and the type of the weights there; `name` is what votes say of it.

    Attributes:
        int8: whether a language model multiplies in whole numbers of 8 bits, where it can.
    """

    device: str
    dtype: "torch.dtype"
    name: str
    int8: bool = False

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device.startswith("cuda")

    def take(self, network: Network) -> Network:
        """Bring a network here, ready to answer, not to learn."""
        return network.to(device=self.device, dtype=self.dtype).eval()


@cache
def choose_place(precision: CpuPrecision) -> Place:
    """Find the place of this worker's models: bf16 on a GPU; on a CPU as asked for.

    A worker is one of several processes that share the cores: with more threads each they would only wait for one
    another.

    Args:
        precision: on a CPU; `auto` is bf16 where it has units that multiply bf16 matrices, int8 where it has
            instructions for bytes, else fp32. With int8 all that is no language model stays in fp32.
    """
    import torch

    torch.set_num_threads(1)
    if torch.cuda.is_available():
        own = gpu_of_worker(torch.cuda.device_count())
        # Kernels of our own run on the current one.
        torch.cuda.set_device(own)
        return Place(f"cuda:{own}", torch.bfloat16, "cuda")
    if precision == "bf16" or (precision == "auto" and multiplies_bf16()):
        return Place("cpu", torch.bfloat16, "cpu-bf16")
    int8 = precision == "int8" or (precision == "auto" and multiplies_bytes())
    return Place("cpu", torch.float32, "cpu", int8)


def gpu_of_worker(count: int) -> int:
    """Say which of the GPUs it sees is this process's.

    It is the one that Spark dealt to the first task of the process that asks; where it dealt none by a number, tasks
    take them by their own. Models stay where they are: a later task of this process uses the same.

    Args:
        count: how many there are.
    """
    from pyspark import TaskContext

    task = TaskContext.get()
    dealt = task.resources().get("gpu") if task else None
    if dealt and dealt.addresses and dealt.addresses[0].isdigit():
        return int(dealt.addresses[0]) % count
    return task.partitionId() % count if task else 0


def count_gpus() -> int:
    """Count the GPUs of this machine that models can run on; torch is loaded only where there is any."""
    if not GPUS.is_dir():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def multiplies_bf16() -> bool:
    """Tell whether the CPU has units for matrices of bf16 numbers (Intel AMX); emulated they would be slower."""
    import torch

    # It has no public name in all the versions of torch that will do; AMX without bf16 was never built.
    return bool(torch.cpu._is_amx_tile_supported())


def multiplies_bytes() -> bool:
    """Tell whether the CPU adds up products of bytes in one instruction (VNNI); without it they are no faster."""
    import torch

    return bool(torch.cpu._is_vnni_supported())
