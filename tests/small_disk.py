"""A disk of a few megabytes that a test can fill: a full disk is provoked, not pretended."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = "48m"
CHUNK = bytes(4096)


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system of its own."""

    root: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave not a byte free while the block runs."""
        ballast = self.root / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                while file.write(CHUNK) == len(CHUNK):
                    pass
        except OSError:
            assert ballast.stat().st_size > len(CHUNK)
        try:
            yield
        finally:
            ballast.unlink()


@contextmanager
def mounted(root: Path) -> Iterator[SmallDisk]:
    """Mount a small disk at `root`; skips, saying so, where that is not allowed."""
    root.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(root)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("a small disk cannot be mounted here (needs root and CAP_SYS_ADMIN)")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
