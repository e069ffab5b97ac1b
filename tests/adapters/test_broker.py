import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from pipelines.adapters import broker
from pipelines.adapters.broker_process import BrokerFiles, BrokerRecord, has_users, locked, write_record
from pipelines.adapters.kafka import OutgoingMessage, end_offsets, produce
from pipelines.errors import ServiceUnavailableError, StorageError
from pipelines.settings import KafkaSettings

SETTINGS = KafkaSettings(topic="tickets", partitions=1)
# A command that uses the broker, says so, and then does whatever comes.
USER = """
import sys
from pathlib import Path
from pipelines.adapters.broker import running_broker
with running_broker(Path(sys.argv[1]), Path(sys.argv[2])) as servers:
    print(servers, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests that start a broker: each start is a restart on the data of the one before."""
    return tmp_path_factory.mktemp("embedded") / "kafka"


@pytest.fixture
def log(data: Path) -> Path:
    return data.parent / "logs" / "kafka.log"


@pytest.fixture
def user(data: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Another command that uses the broker."""
    command = [sys.executable, "-c", USER, str(data), str(log)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def broker_pid(data: Path) -> int:
    return int(json.loads((data / "broker.json").read_text())["pid"])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_topics_and_offsets_outlive_a_restart_on_another_port(data: Path, log: Path) -> None:
    with broker.running_broker(data, log) as first_servers:
        first_pid = broker_pid(data)
        for day in (0, 900, 30, 4_000):
            message = OutgoingMessage(value=b"x", timestamp_ms=1_300_000_000_000 + day * 86_400_000)
            produce(SETTINGS, first_servers, data, [message], lambda count: None)
    stopped = not is_alive(first_pid)
    with broker.running_broker(data, log) as servers:
        offsets = end_offsets(SETTINGS, servers, data)

    assert first_servers.startswith("127.0.0.1:")
    assert stopped
    assert servers != first_servers
    assert offsets == {0: 4}
    assert not (data / "broker.json").exists()
    # Old and jumping times do not break the log into pieces.
    assert len(list((data / "data" / "tickets-0").glob("*.log"))) == 1


def test_a_second_command_uses_the_running_broker_and_the_last_one_out_stops_it_even_by_ctrl_c(
    data: Path, log: Path, user: subprocess.Popen[str]
) -> None:
    with broker.running_broker(data, log) as servers:
        pid = broker_pid(data)
        assert first_line(user) == servers
    assert is_alive(pid)
    assert end_offsets(SETTINGS, servers, data) == {0: 4}

    user.send_signal(signal.SIGINT)
    _, stderr = user.communicate()

    assert "KeyboardInterrupt" in stderr
    assert not is_alive(pid)


def test_old_messages_are_never_deleted(data: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Kafka looks for messages to delete at once instead of every five minutes.
    eager = "log.initial.task.delay.ms=100\nlog.retention.check.interval.ms=100\n"
    monkeypatch.setattr(broker, "SERVER_PROPERTIES", broker.SERVER_PROPERTIES + eager)
    with broker.running_broker(data, log) as servers:
        time.sleep(1)
        consumer = Consumer({"bootstrap.servers": servers, "group.id": "test"})
        offsets = consumer.get_watermark_offsets(TopicPartition("tickets", 0), timeout=20)
        consumer.close()

    assert offsets == (0, 4)


def test_the_broker_dies_with_a_killed_command(data: Path, log: Path, user: subprocess.Popen[str]) -> None:
    first_line(user)
    pid = broker_pid(data)
    user.kill()
    user.wait()

    assert wait_until(lambda: not is_alive(pid))
    assert wait_until(lambda: not (data / "broker.json").exists())


def test_the_broker_dies_with_its_supervisor_and_producing_fails_until_the_next_start(data: Path, log: Path) -> None:
    settings = KafkaSettings(topic="cut", partitions=1, request_timeout_seconds=1)

    def messages() -> Iterator[OutgoingMessage]:
        yield from [OutgoingMessage(value=b"before")] * 10
        os.kill(record["supervisor_pid"], signal.SIGKILL)
        assert wait_until(lambda: not is_alive(record["pid"]))
        yield from [OutgoingMessage(value=b"after")] * 10

    with broker.running_broker(data, log) as servers:
        record = json.loads((data / "broker.json").read_text())
        with pytest.raises(ServiceUnavailableError, match=r"timed out after \d+ acknowledged messages"):
            produce(settings, servers, data, messages(), lambda count: None)
        with broker.running_broker(data, log) as restarted:
            assert end_offsets(SETTINGS, restarted, data) == {0: 4}


def test_a_stale_record_is_no_broker(tmp_path: Path) -> None:
    files = BrokerFiles(tmp_path)
    # The process number is a living one (ours): only the supervisor's lock counts.
    write_record(files, BrokerRecord(pid=os.getpid(), port=9092, supervisor_pid=os.getpid()))

    assert broker.find_running(files) is None


def test_a_record_counts_while_its_supervisor_lives(tmp_path: Path) -> None:
    files, record = BrokerFiles(tmp_path), BrokerRecord(pid=1, port=9092, supervisor_pid=1)
    write_record(files, record)

    with locked(files.alive):
        assert broker.find_running(files) == record


def test_a_command_counts_as_a_user_until_it_ends(tmp_path: Path) -> None:
    files = BrokerFiles(tmp_path)
    files.users.mkdir()
    with broker.registered_user(files):
        inside = has_users(files)

    assert (inside, has_users(files)) == (True, False)
    assert list(files.users.iterdir()) == []


def test_a_broker_that_does_not_come_up_is_an_error_with_its_log(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "SERVER_PROPERTIES", broker.SERVER_PROPERTIES + "node.id=nonsense\n")
    monkeypatch.setattr(broker, "START_ATTEMPTS", 1)
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "formatted").touch()
    log = tmp_path / "logs" / "kafka.log"
    with (
        pytest.raises(ServiceUnavailableError, match=rf"did not come up.*{log}"),
        broker.running_broker(tmp_path / "kafka", log),
    ):
        pass

    assert "nonsense" in log.read_text()
    assert not (tmp_path / "kafka" / "broker.json").exists()


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match="file/kafka/users"),
        broker.running_broker(tmp_path / "file" / "kafka", tmp_path / "kafka.log"),
    ):
        pass
