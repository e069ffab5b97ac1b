"""The embedded broker: a real one-node Kafka (KRaft) on loopback, run by the commands that need it.

Several commands may use it at once: the first starts it, the last one out stops it. `broker_process` watches over it
so that it never outlives them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGTERM

from pipelines.adapters.broker_process import BrokerFiles, BrokerRecord, has_users, locked, try_lock
from pipelines.adapters.jars import resolve_jars
from pipelines.adapters.java import find_java
from pipelines.errors import ServiceUnavailableError, StorageError

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
START_ATTEMPTS = 2
"""A free port can be taken by another program between our look and the broker's start."""
MAX_MESSAGE_BYTES = 10 * 1024 * 1024
MIN_FREE_BYTES = 1024 * 1024
# Half the compiler starts the broker in half the time and is fast enough for one machine.
JAVA_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)  # fmt: skip
# Nothing is ever deleted by age, nor a segment begun because of it: tickets carry old times.
SERVER_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
log.retention.ms=-1
log.retention.bytes=-1
log.roll.ms=9223372036854775807
message.max.bytes={max_message_bytes}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
offsets.retention.minutes=2147483647
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""


def stay_silent(message: str) -> None:
    """Take a progress line and show it to nobody."""


@contextmanager
def running_broker(data_dir: Path, log_file: Path, progress: Callable[[str], None] = stay_silent) -> Iterator[str]:
    """Have a broker over `data_dir` while the block runs; gives its bootstrap servers, `127.0.0.1:PORT`.

    A broker that another command runs over the same data is used as it is. Topics, messages and offsets stay in
    `data_dir` from run to run; the port changes.

    Raises:
        ServiceUnavailableError: when it does not come up; names `log_file`, where the broker says why.
        StorageError: when `data_dir` or `log_file` cannot be written.
        MissingDependencyError: when Java is missing.
    """
    files = BrokerFiles(data_dir.resolve())
    make_folders(files.users, log_file.parent)
    try:
        with registered_user(files):
            yield f"{HOST}:{join_or_start(files, log_file.resolve(), progress).port}"
    finally:
        stop_unused(files)


@contextmanager
def registered_user(files: BrokerFiles) -> Iterator[None]:
    """Count this command as a user of the broker until the block ends or the process dies, however it dies."""
    with locked(files.lock):
        descriptor, _ = tempfile.mkstemp(dir=files.users)
        try_lock(descriptor, wait=True)
    try:
        yield
    finally:
        os.close(descriptor)


def make_folders(*folders: Path) -> None:
    """Make the folders the broker writes to."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {folder} cannot be made ({error.strerror}).") from error


def join_or_start(files: BrokerFiles, log_file: Path, progress: Callable[[str], None]) -> BrokerRecord:
    """Use the broker that runs over this data, or start one; only one command at a time decides."""
    class_path = ":".join(str(jar) for jar in resolve_jars("broker", progress))
    with locked(files.lock):
        running = find_running(files)
        if running is not None:
            return running
        format_storage(files, log_file, class_path)
        for _ in range(START_ATTEMPTS):
            started = start(files, log_file, class_path)
            if started is not None:
                return started
    if shutil.disk_usage(files.folder).free < MIN_FREE_BYTES:
        raise StorageError(f"The disk of {files.folder} is full; Kafka cannot start. Free some space, then run again.")
    raise ServiceUnavailableError(
        f"The embedded Kafka broker did not come up (waited up to {START_SECONDS:.0f} seconds). "
        f"Its log says why: {log_file}. To check the machine, type: lakehouse doctor"
    )


def find_running(files: BrokerFiles) -> BrokerRecord | None:
    """Find the broker that serves this data; a record whose supervisor is dead counts for nothing."""
    return read_record(files) if is_supervised(files) else None


def is_supervised(files: BrokerFiles) -> bool:
    """Tell whether a supervisor lives: it holds a lock for its whole life."""
    with locked(files.alive, wait=False) as free:
        return not free


def read_record(files: BrokerFiles) -> BrokerRecord | None:
    """Read `broker.json`; None when there is none."""
    try:
        return BrokerRecord(**json.loads(files.record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def format_storage(files: BrokerFiles, log_file: Path, class_path: str) -> None:
    """Prepare the data folder for KRaft, once in its life."""
    done = files.folder / "formatted"
    if done.exists():
        return
    write_properties(files, port=find_free_port(), controller_port=find_free_port())
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", "IntentLakehouse0000001"]
    command = [*java_command(class_path), *tool, "-c", str(files.folder / "server.properties")]
    with log_file.open("ab") as log:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode
    if code != 0:
        raise ServiceUnavailableError(
            f"The embedded Kafka broker could not prepare {files.folder}. Its log says why: {log_file}"
        )
    done.touch()


def start(files: BrokerFiles, log_file: Path, class_path: str) -> BrokerRecord | None:
    """Start a supervisor with its broker and wait until the broker answers; None when it does not."""
    port = find_free_port()
    write_properties(files, port, find_free_port())
    broker = [*java_command(class_path), "kafka.Kafka", str(files.folder / "server.properties")]
    # -P: files in the current folder must not pass for modules. A session of its own: Ctrl-C in the terminal is for
    # the command, which ends its work before the broker goes.
    command = [sys.executable, "-P", "-m", "pipelines.adapters.broker_process", str(files.folder), str(port), *broker]
    with log_file.open("ab") as log:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=files.folder,
            start_new_session=True,
            check=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and is_supervised(files):
        record = read_record(files)
        if record is not None and answers(port):
            return record
        time.sleep(POLL_SECONDS)
    stop(files)
    return None


def java_command(class_path: str) -> list[str]:
    """The Java command up to the main class."""
    return [str(find_java().executable), *JAVA_OPTIONS, "-cp", class_path]


def write_properties(files: BrokerFiles, port: int, controller_port: int) -> None:
    """Write the broker's settings for this start; the ports are new each time."""
    values = {"host": HOST, "port": port, "controller_port": controller_port, "data": files.folder / "data"}
    text = SERVER_PROPERTIES.format(**values, max_message_bytes=MAX_MESSAGE_BYTES)
    (files.folder / "server.properties").write_text(text, encoding="utf-8")


def find_free_port() -> int:
    """Ask the kernel for a free port on loopback."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether a broker speaks Kafka on this port: an open port alone may still be starting."""
    from pipelines.adapters.kafka_topics import answers_metadata

    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return answers_metadata(f"{HOST}:{port}", timeout_seconds=5)
    return False


def stop_unused(files: BrokerFiles) -> None:
    """Stop the broker when nobody uses it; the last one out waits until it is gone."""
    with locked(files.lock):
        if not has_users(files):
            stop(files)


def stop(files: BrokerFiles) -> None:
    """Ask the supervisor to stop its broker and wait, a bounded time, until both are gone."""
    record = read_record(files)
    if record is None or not is_supervised(files):
        return
    with suppress(ProcessLookupError):
        os.kill(record.supervisor_pid, SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_supervised(files) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
