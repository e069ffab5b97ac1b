"""Which GPU a worker takes, and how many there are; the real ones are met in `tests/kernels/test_gpu.py`."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pyspark import TaskContext

from pipelines.adapters import hardware
from pipelines.adapters.hardware import count_gpus, gpu_of_worker


def in_task(monkeypatch: pytest.MonkeyPatch, number: int, *addresses: str) -> None:
    dealt = {"gpu": SimpleNamespace(addresses=list(addresses))} if addresses else {}
    task = SimpleNamespace(resources=lambda: dealt, partitionId=lambda: number)
    monkeypatch.setattr(TaskContext, "get", lambda: task)


def test_a_worker_takes_the_gpu_that_spark_dealt_to_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    in_task(monkeypatch, 0, "3")
    assert gpu_of_worker(4) == 3
    # In a container it sees its own alone, whatever that is called outside.
    assert gpu_of_worker(1) == 0


def test_where_none_is_dealt_tasks_take_them_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for number in range(4):
        in_task(monkeypatch, number)
        taken.append(gpu_of_worker(2))
    assert taken == [0, 1, 0, 1]
    monkeypatch.setattr(TaskContext, "get", lambda: None)
    assert gpu_of_worker(2) == 0


def test_gpus_are_counted_that_torch_can_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "GPUS", tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    for usable, count in ((True, 3), (False, 0)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda usable=usable: usable)
        assert count_gpus() == count
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(hardware, "GPUS", tmp_path / "nowhere")
    assert count_gpus() == 0
