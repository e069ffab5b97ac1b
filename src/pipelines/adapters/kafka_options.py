"""How to connect to Kafka: one set of settings, said to librdkafka (confluent-kafka) and to Spark's Kafka source."""

import logging
from pathlib import Path

from pipelines.adapters.secrets import read_secret
from pipelines.adapters.spark import kafka_package
from pipelines.settings import KafkaSettings

Options = dict[str, str | int | float | bool]

# Without a logger librdkafka writes every lost connection to stderr, across the progress bar; without a handler Python
# would do the same. Whoever sets up logging still gets the lines.
LOGGER = logging.getLogger("pipelines.librdkafka")
LOGGER.addHandler(logging.NullHandler())


def connection_options(settings: KafkaSettings, servers: str, base: Path) -> Options:
    """Options every confluent-kafka client takes; the password is read through its reference, here and now.

    Raises:
        SettingsError: when the reference to the password leads nowhere.
    """
    options: Options = {
        "bootstrap.servers": servers,
        "security.protocol": settings.security_protocol,
        "socket.timeout.ms": settings.request_timeout_seconds * 1_000,
        "allow.auto.create.topics": False,
    }
    if settings.security_protocol.startswith("SASL"):
        options["sasl.mechanism"] = settings.sasl_mechanism
        options["sasl.username"] = settings.sasl_username
        options["sasl.password"] = read_secret(settings.sasl_password_ref, base)
    return options


def spark_options(settings: KafkaSettings, servers: str, base: Path) -> dict[str, str]:
    """Options of Spark's Kafka source: every message with its headers, and a loud stop if some have gone.

    Raises:
        SettingsError: when the reference to the password leads nowhere.
    """
    timeout_ms = str(settings.request_timeout_seconds * 1_000)
    options = {
        "kafka.bootstrap.servers": servers,
        "kafka.security.protocol": settings.security_protocol,
        "kafka.request.timeout.ms": timeout_ms,
        "kafka.default.api.timeout.ms": timeout_ms,
        "subscribe": settings.topic,
        "startingOffsets": settings.starting_offsets,
        "maxOffsetsPerTrigger": str(settings.max_messages_per_batch),
        "failOnDataLoss": "true",
        "includeHeaders": "true",
    }
    if settings.security_protocol.startswith("SASL"):
        options["kafka.sasl.mechanism"] = settings.sasl_mechanism
        options["kafka.sasl.jaas.config"] = jaas_config(settings, read_secret(settings.sasl_password_ref, base))
    return options


def jaas_config(settings: KafkaSettings, password: str) -> str:
    """Write the login line of Java's Kafka client."""
    module = "plain.PlainLoginModule" if settings.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
    return (
        f"{kafka_package()}.common.security.{module} required "
        f"username={jaas_quote(settings.sasl_username)} password={jaas_quote(password)};"
    )


def jaas_quote(word: str) -> str:
    """Quote a word for a login line."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
