"""Kafka, as the rest of the product uses it: connect, look at topics, and produce exactly what is given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from pipelines.adapters.kafka_options import LOGGER, connection_options, spark_options
from pipelines.adapters.kafka_topics import check_reachable, end_offsets, ensure_topic, unavailable
from pipelines.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

__all__ = [
    "OutgoingMessage", "ProduceCount", "check_reachable", "connection_options", "end_offsets",
    "ensure_topic", "produce", "spark_options",
]  # fmt: skip

MAX_MESSAGE_BYTES = 10_000_000
QUEUED_MESSAGES = 20_000
QUEUED_KILOBYTES = 64 * 1024
DELIVERY_TIMEOUTS = 4
"""A message may wait this many request time-outs: room for retries, and yet an end."""
PROGRESS_EVERY = 250
"""Messages between two calls of `on_progress`."""


@dataclass(frozen=True)
class OutgoingMessage:
    """One Kafka record to be: key and value byte for byte, headers in order, the ticket's own time (UTC ms)."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None


@dataclass(frozen=True)
class ProduceCount:
    """What came of a run of messages: how many Kafka acknowledged, and which it refused as too large (0-based)."""

    acknowledged: int
    too_large: tuple[int, ...] = ()


class Delivery:
    """Takes the broker's answers to one run of messages."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.too_large: list[int] = []
        self.failure: KafkaError | None = None

    def take(self, number: int, error: "KafkaError | None", message: "Message | None" = None) -> None:
        """Note what became of message `number`; librdkafka calls this once for each."""
        from confluent_kafka import KafkaError

        if error is None:
            self.acknowledged += 1
        elif error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE):
            self.too_large.append(number)
        else:
            self.failure = self.failure or error


def produce(
    settings: KafkaSettings,
    servers: str,
    base: Path,
    messages: Iterable[OutgoingMessage],
    on_progress: Callable[[int], None],
) -> ProduceCount:
    """Produce messages in order and wait until Kafka has acknowledged every one; makes the topic if need be.

    Equal messages go to equal partitions: by key as Java's clients do (murmur2), without a key by the value.
    `on_progress` is called with the number of messages acknowledged so far.

    Raises:
        ServiceUnavailableError: when Kafka does not answer, or does not take all messages in a bounded time; what it
            had taken stays, and producing the same messages again is safe (records have ids of their own).
    """
    partitions = ensure_topic(settings, servers, base)
    producer = open_producer(settings, servers, base)
    delivery = Delivery()
    for number, message in enumerate(messages):
        enqueue(
            producer, settings.topic, message, choose_partition(message, partitions), partial(delivery.take, number)
        )
        if number % PROGRESS_EVERY == 0:
            producer.poll(0)
            on_progress(delivery.acknowledged)
        if delivery.failure is not None:
            break
    wait_for_acknowledgements(producer, delivery, on_progress)
    if delivery.failure is not None:
        problem = f"{delivery.failure.str()} after {delivery.acknowledged} acknowledged messages"
        raise unavailable(servers, problem)
    return ProduceCount(delivery.acknowledged, tuple(sorted(delivery.too_large)))


def open_producer(settings: KafkaSettings, servers: str, base: Path) -> "Producer":
    """Open a producer that neither loses, doubles nor reorders what it retries."""
    from confluent_kafka import Producer

    return Producer(
        {
            **connection_options(settings, servers, base),
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": DELIVERY_TIMEOUTS * settings.request_timeout_seconds * 1_000,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "queue.buffering.max.messages": QUEUED_MESSAGES,
            "queue.buffering.max.kbytes": QUEUED_KILOBYTES,
            "linger.ms": 20,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
        },
        logger=LOGGER,
    )


def choose_partition(message: OutgoingMessage, partitions: int) -> int:
    """Choose the partition of a message without a key by its value; with a key the partitioner does (-1)."""
    return -1 if message.key is not None else crc32(message.value or b"") % partitions


def enqueue(
    producer: "Producer",
    topic: str,
    message: OutgoingMessage,
    partition: int,
    on_delivery: "Callable[[KafkaError | None, Message | None], None]",
) -> None:
    """Hand one message to the producer; waits while its queue is full, which ends as messages time out."""
    from confluent_kafka import KafkaException

    while True:
        try:
            producer.produce(
                topic, message.value, message.key, partition, on_delivery=on_delivery,
                timestamp=message.timestamp_ms or 0, headers=list(message.headers),
            )  # fmt: skip
        except BufferError:
            producer.poll(0.5)
        except KafkaException as error:
            # Refused before it was queued: too large for any broker.
            return on_delivery(error.args[0], None)
        else:
            return None


def wait_for_acknowledgements(producer: "Producer", delivery: Delivery, on_progress: Callable[[int], None]) -> None:
    """Wait until every queued message is acknowledged or given up."""
    if delivery.failure is not None:
        producer.purge()
    while producer.flush(0.5) > 0:
        on_progress(delivery.acknowledged)
    on_progress(delivery.acknowledged)
