"""The process that keeps the embedded broker: alive while a command uses it, stopped when none does.

Commands only hold locks; this process looks at the locks. So the broker stops however a command ends (return, error,
Ctrl-C, SIGTERM, SIGKILL), and one command's end does not take the broker from another. Only the standard library is
imported: it starts in a moment and stays small.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

POLL_SECONDS = 0.3
STOP_SECONDS = 20.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class BrokerRecord:
    """What a command must know to use a broker that another one started (`broker.json`)."""

    pid: int
    port: int
    supervisor_pid: int


@dataclass(frozen=True)
class BrokerFiles:
    """The files beside the broker's data by which commands find each other."""

    folder: Path

    @property
    def record(self) -> Path:
        """Where the running broker is; gone when there is none."""
        return self.folder / "broker.json"

    @property
    def lock(self) -> Path:
        """Locked while somebody starts, joins, leaves or stops the broker."""
        return self.folder / "broker.lock"

    @property
    def alive(self) -> Path:
        """Locked by the supervisor for as long as it lives: a process number could be somebody else's by now."""
        return self.folder / "broker.alive"

    @property
    def users(self) -> Path:
        """Folder with one locked file for each command that uses the broker."""
        return self.folder / "users"


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold an exclusive lock on a file; the kernel frees it when the process dies. Gives whether it was got."""
    with path.open("a") as file:
        yield try_lock(file.fileno(), wait)


def try_lock(descriptor: int, wait: bool) -> bool:
    """Lock an open file; False when another holds it and `wait` is off. Closing the file unlocks it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def has_users(files: BrokerFiles) -> bool:
    """Tell whether a living command uses the broker; files of dead ones are removed on the way."""
    used = False
    for user in files.users.iterdir():
        with locked(user, wait=False) as abandoned:
            if abandoned:
                user.unlink(missing_ok=True)
            used = used or not abandoned
    return used


def supervise(files: BrokerFiles, port: int, command: list[str]) -> None:
    """Run the broker until it ends by itself, SIGTERM comes, or nobody uses it any more."""
    stopping = StopRequest()
    signal.signal(signal.SIGTERM, stopping)
    broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=DieWithParent(os.getpid()))
    try:
        write_record(files, BrokerRecord(broker.pid, port, os.getpid()))
        while broker.poll() is None and not stopping.came:
            time.sleep(POLL_SECONDS)
            stop_unused(files, broker)
    finally:
        stop(broker)
        files.record.unlink(missing_ok=True)


class StopRequest:
    """Remembers that SIGTERM came; the loop looks at it, so that no step is torn apart."""

    came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take the signal."""
        self.came = True


def stop_unused(files: BrokerFiles, broker: subprocess.Popen[bytes]) -> None:
    """Stop the broker when nobody uses it; the lock keeps a command from joining it meanwhile."""
    with locked(files.lock, wait=False) as got:
        if got and not has_users(files):
            stop(broker)
            files.record.unlink(missing_ok=True)


def stop(broker: subprocess.Popen[bytes]) -> None:
    """End the broker in good order, or by force when that takes too long."""
    broker.terminate()
    try:
        broker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait()


def write_record(files: BrokerFiles, record: BrokerRecord) -> None:
    """Say where the broker is, in one step: no reader sees half a file."""
    aside = files.record.with_suffix(".new")
    aside.write_text(json.dumps(asdict(record)), encoding="utf-8")
    aside.rename(files.record)


class DieWithParent:
    """Has the kernel kill the broker when this process is killed (Linux; elsewhere it does nothing)."""

    def __init__(self, parent_pid: int) -> None:
        self.parent_pid = parent_pid
        self.library = ctypes.CDLL(None)

    def __call__(self) -> None:
        """Run in the child, between fork and exec."""
        if hasattr(self.library, "prctl"):
            self.library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.parent_pid:
            os._exit(1)


def main() -> None:
    """Take the folder, the port, then the broker's command; return at once and go on in the background.

    The lock is taken before the fork and passes on to the child: whoever started us finds it taken when we return.
    """
    files = BrokerFiles(Path(sys.argv[1]))
    with locked(files.alive):
        if os.fork() == 0:
            supervise(files, int(sys.argv[2]), sys.argv[3:])


if __name__ == "__main__":
    main()
