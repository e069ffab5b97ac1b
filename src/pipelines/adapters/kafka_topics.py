"""Questions to Kafka: does it answer, is the topic there, how far does it go?"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.adapters.kafka_options import LOGGER, connection_options
from pipelines.errors import ServiceUnavailableError
from pipelines.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient


def answers_metadata(servers: str, timeout_seconds: float) -> bool:
    """Tell whether a PLAINTEXT broker answers."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        AdminClient({"bootstrap.servers": servers}, logger=LOGGER).list_topics(timeout=timeout_seconds)
    except KafkaException:
        return False
    return True


def check_reachable(settings: KafkaSettings, servers: str, base: Path) -> None:
    """Ask Kafka for its topics.

    Raises:
        ServiceUnavailableError: when it does not answer within the request time-out.
    """
    fetch_partitions(open_admin(settings, servers, base), settings, servers)


def ensure_topic(settings: KafkaSettings, servers: str, base: Path) -> int:
    """Make the topic if it is not there; gives its number of partitions, which is left as it is.

    Raises:
        ServiceUnavailableError: when Kafka does not answer or refuses.
    """
    admin = open_admin(settings, servers, base)
    partitions = fetch_partitions(admin, settings, servers)
    if not partitions:
        create_topic(admin, settings, servers)
    deadline = time.monotonic() + settings.request_timeout_seconds
    while not partitions and time.monotonic() < deadline:
        partitions = fetch_partitions(admin, settings, servers)
    if not partitions:
        raise unavailable(servers, f"topic {settings.topic} was made and is still not known to it")
    return len(partitions)


def end_offsets(settings: KafkaSettings, servers: str, base: Path) -> dict[int, int]:
    """Give, for each partition of the topic, the offset its next message will get; empty when there is no topic.

    Raises:
        ServiceUnavailableError: when Kafka does not answer.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    options = connection_options(settings, servers, base)
    partitions = fetch_partitions(open_admin(settings, servers, base), settings, servers)
    # A consumer must name a group; this one never subscribes, so no group comes to be.
    consumer = Consumer({**options, "group.id": "lakehouse-offsets"}, logger=LOGGER)
    try:
        return {
            number: consumer.get_watermark_offsets(
                TopicPartition(settings.topic, number), timeout=settings.request_timeout_seconds
            )[1]
            for number in partitions
        }
    except KafkaException as error:
        raise unavailable(servers, describe(error)) from error
    finally:
        consumer.close()


def open_admin(settings: KafkaSettings, servers: str, base: Path) -> "AdminClient":
    """Open a client for questions about topics."""
    from confluent_kafka.admin import AdminClient

    return AdminClient(connection_options(settings, servers, base), logger=LOGGER)


def fetch_partitions(admin: "AdminClient", settings: KafkaSettings, servers: str) -> list[int]:
    """Fetch the numbers of the topic's partitions; empty when there is no such topic."""
    from confluent_kafka import KafkaException

    try:
        # All topics: asking for one by name makes some brokers create it.
        topics = admin.list_topics(timeout=settings.request_timeout_seconds).topics
    except KafkaException as error:
        raise unavailable(servers, describe(error)) from error
    return sorted(topics[settings.topic].partitions) if settings.topic in topics else []


def create_topic(admin: "AdminClient", settings: KafkaSettings, servers: str) -> None:
    """Make the topic with the broker's own replication; that another did so meanwhile is fine."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.cimpl import NewTopic

    topic = NewTopic(settings.topic, num_partitions=settings.partitions, replication_factor=-1)
    answer = admin.create_topics([topic], request_timeout=settings.request_timeout_seconds)[settings.topic]
    try:
        answer.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise unavailable(servers, f"topic {settings.topic} cannot be made, {describe(error)}") from error


def describe(error: Exception) -> str:
    """Say a Kafka error in its own words; they speak of brokers and topics, never of a message's content."""
    return str(error.args[0].str()) if error.args and hasattr(error.args[0], "str") else type(error).__name__


def unavailable(servers: str, problem: str) -> ServiceUnavailableError:
    """Build the error that says which Kafka failed and what to do."""
    return ServiceUnavailableError(
        f"Kafka at {servers} cannot be used: {problem}. Check that it runs and that kafka.bootstrap_servers and "
        "kafka.security_protocol fit it; to check, type: lakehouse doctor"
    )
