"""Kernels of GPUs say what their plain forms say, by Triton's interpreter; `test_gpu` runs them on a GPU."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")


def test_kernels_of_gpus_say_what_their_plain_forms_say() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.kernels.interpreted_kernels"],
        env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    far = json.loads(told.stdout.splitlines()[-1])
    assert len(far) == 21
    assert {name: distance for name, distance in far.items() if not distance < 1e-5} == {}
