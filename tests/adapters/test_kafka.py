import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from pipelines.adapters.broker import running_broker
from pipelines.adapters.kafka import (
    OutgoingMessage,
    ProduceCount,
    check_reachable,
    connection_options,
    end_offsets,
    ensure_topic,
    produce,
    spark_options,
)
from pipelines.errors import ServiceUnavailableError, SettingsError
from pipelines.settings import KafkaSettings

EVENT_HUBS = KafkaSettings(
    bootstrap_servers="namespace.servicebus.windows.net:9093",
    security_protocol="SASL_SSL",
    sasl_mechanism="PLAIN",
    sasl_username="$ConnectionString",
    sasl_password_ref="env:KAFKA_PASSWORD",
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("kafka")
    with running_broker(folder / "kafka", folder / "kafka.log") as found:
        yield found


@pytest.fixture
def closed_port() -> str:
    """Servers where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def ignore(count: int) -> None:
    """Take progress and do nothing."""


def read_back(servers: str, topic: str, partition: int, count: int) -> list[OutgoingMessage]:
    """Read the first messages of a partition as they stand on the broker."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    read = consumer.consume(count, timeout=20)
    consumer.close()
    return [
        OutgoingMessage(message.value(), message.key(), tuple(message.headers() or ()), message.timestamp()[1])
        for message in read
    ]


def test_options_for_event_hubs_hold_the_secret_and_not_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "Endpoint=sb://x;Key=a")

    assert connection_options(EVENT_HUBS, EVENT_HUBS.bootstrap_servers, Path("unused")) == {
        "bootstrap.servers": "namespace.servicebus.windows.net:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "$ConnectionString",
        "sasl.password": "Endpoint=sb://x;Key=a",
        "socket.timeout.ms": 20_000,
        "allow.auto.create.topics": False,
    }


def test_spark_options_for_event_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setenv("KAFKA_PASSWORD", "Endpoint=sb://x;Key=a")

    assert spark_options(EVENT_HUBS, EVENT_HUBS.bootstrap_servers, Path("unused")) == {
        "kafka.bootstrap.servers": "namespace.servicebus.windows.net:9093",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "PLAIN",
        "kafka.sasl.jaas.config": (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            'username="$ConnectionString" password="Endpoint=sb://x;Key=a";'
        ),
        "kafka.request.timeout.ms": "20000",
        "kafka.default.api.timeout.ms": "20000",
        "subscribe": "tickets",
        "startingOffsets": "earliest",
        "maxOffsetsPerTrigger": "5000",
        "failOnDataLoss": "true",
        "includeHeaders": "true",
    }


def test_scram_on_databricks_logs_in_through_the_renamed_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    monkeypatch.setenv("KAFKA_PASSWORD", 'quote " and \\ backslash')
    scram = KafkaSettings(
        bootstrap_servers="broker:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="lakehouse",
        sasl_password_ref="env:KAFKA_PASSWORD",
    )

    assert spark_options(scram, "broker:9093", Path("unused"))["kafka.sasl.jaas.config"] == (
        "kafkashaded.org.apache.kafka.common.security.scram.ScramLoginModule required "
        'username="lakehouse" password="quote \\" and \\\\ backslash";'
    )


def test_a_password_that_is_not_there_is_refused_by_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_PASSWORD", raising=False)
    with pytest.raises(SettingsError, match="env:KAFKA_PASSWORD"):
        spark_options(EVENT_HUBS, EVENT_HUBS.bootstrap_servers, Path("unused"))


def test_messages_arrive_byte_for_byte_in_order_with_headers_and_times(servers: str, tmp_path: Path) -> None:
    settings = KafkaSettings(topic="exact", partitions=1)
    messages = [
        OutgoingMessage(
            b'{"text": "\xff\x00 broken"}', b"key", (("trace", b"\x00\x01"), ("trace", b"2")), 1_300_000_000_000
        ),
        OutgoingMessage(b"", b"", (), 1_200_000_000_000),
        OutgoingMessage(None, b"tombstone", (), 1_400_000_000_000),
        OutgoingMessage(b"no key", None, (), 1_400_000_000_001),
    ]
    seen: list[int] = []

    assert produce(settings, servers, tmp_path, iter(messages), seen.append) == ProduceCount(4)
    assert read_back(servers, "exact", 0, 4) == messages
    assert seen[-1] == 4


def test_equal_messages_go_to_equal_partitions_with_and_without_a_key(servers: str, tmp_path: Path) -> None:
    counts = []
    for topic in ("first", "second"):
        settings = KafkaSettings(topic=topic, partitions=3)
        keyed = [OutgoingMessage(b"v", str(number).encode()) for number in range(300)]
        keyless = [OutgoingMessage(str(number).encode()) for number in range(300)]
        produce(settings, servers, tmp_path, keyed + keyless, ignore)
        counts.append(end_offsets(settings, servers, tmp_path))

    assert counts[0] == counts[1] == {0: 219, 1: 195, 2: 186}


def test_a_message_too_large_for_kafka_is_counted_and_the_rest_goes_in(servers: str, tmp_path: Path) -> None:
    settings = KafkaSettings(topic="large", partitions=1)
    messages = [OutgoingMessage(b"a"), OutgoingMessage(b"x" * 11_000_000), OutgoingMessage(b"b" * 2_000_000)]

    assert produce(settings, servers, tmp_path, messages, ignore) == ProduceCount(2, too_large=(1,))
    assert end_offsets(settings, servers, tmp_path) == {0: 2}


def test_a_topic_is_made_once_and_keeps_its_partitions(servers: str, tmp_path: Path) -> None:
    assert ensure_topic(KafkaSettings(topic="made", partitions=2), servers, tmp_path) == 2
    assert ensure_topic(KafkaSettings(topic="made", partitions=5), servers, tmp_path) == 2


def test_a_topic_that_is_not_there_has_no_offsets_and_is_not_made_by_asking(servers: str, tmp_path: Path) -> None:
    settings = KafkaSettings(topic="absent")

    assert end_offsets(settings, servers, tmp_path) == {}
    assert end_offsets(settings, servers, tmp_path) == {}


def test_a_running_kafka_is_reachable(servers: str, tmp_path: Path) -> None:
    check_reachable(KafkaSettings(), servers, tmp_path)


def test_a_kafka_that_is_down_is_an_error_within_the_time_out(
    closed_port: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = KafkaSettings(bootstrap_servers=closed_port, request_timeout_seconds=1)
    began = time.monotonic()
    with pytest.raises(ServiceUnavailableError, match=rf"Kafka at {closed_port} .*lakehouse doctor"):
        produce(settings, closed_port, tmp_path, [OutgoingMessage(b"x")], ignore)

    assert time.monotonic() - began < 5
    assert capfd.readouterr().err == ""
