"""What came: messages and labelled files as they are, readable by few."""

from pipelines.columns import BINARY, DOUBLE, HEADERS, IDENTITY, INTEGER, LONG, STRING, TIMESTAMP
from pipelines.declaration import column, declare

TICKETS_BRONZE = declare(
    "bronze.tickets",
    1,
    ("topic", "partition", "offset"),
    "bronze",
    "Every Kafka message as it came, invalid ones too",
    column("topic", STRING, "Kafka topic"),
    column("partition", INTEGER, "Kafka partition"),
    column("offset", LONG, "Kafka offset"),
    column("key", BINARY, "Message key, byte-identical"),
    column("value", BINARY, "Message value, byte-identical"),
    column("headers", HEADERS, "Message headers, byte-identical"),
    column("kafka_time", TIMESTAMP, "Kafka timestamp of the message"),
    column("ingested_at", TIMESTAMP, "When the micro-batch ran"),
    column("record_id", STRING, "See DESIGN: content id with a ticket_id, coordinate id without"),
    column("contract_version", INTEGER, "Version of the payload contract that judged the message"),
    column("error_code", STRING, "Reason the message is no ticket; null when it is one"),
)

LANDED_FILES = declare(
    "bronze.landed_files",
    1,
    ("file_key",),
    "bronze",
    "Every labelled file seen under landing/labeled: the only list of their names, each to be read once",
    column("file_key", STRING, "HMAC-SHA-256 pseudonym of the file's path", nullable=False),
    column("path", STRING, "Where it lies, relative to the landing folder"),
    column("found_at", TIMESTAMP, "When it was first seen there"),
)

LABEL_FILES = declare(
    "bronze.label_files",
    2,
    ("path", "row_number"),
    "bronze",
    "Every row of every labelled file; a file that is not there any more, or has no rows, is one invalid row",
    column("path", STRING, "File the row came from, relative to the landing folder"),
    column("row_number", LONG, "Row in the file, counted from 1 after the header"),
    column("raw", STRING, "The row as JSON object of its cells by header name"),
    column("text", STRING, "Ticket text as the annotator saw it"),
    column("annotator_id", STRING, "Who labelled"),
    column("label", STRING, "Label given"),
    column("confidence_score", DOUBLE, "Annotator's confidence, 0 to 1; null when missing or not a number"),
    column("record_id", STRING, "Record the row names; null when it names none"),
    column("annotated_at", TIMESTAMP, "When the annotator labelled, as the file says; null where it does not"),
    column("file_modified_at", TIMESTAMP, "Modification time of the file"),
    column("ingested_at", TIMESTAMP, "When the micro-batch ran"),
    column("error_code", STRING, "Reason the row is no vote; null when it is one"),
)

COMMANDS = declare(
    "bronze.commands",
    1,
    ("command_id", "record_id"),
    "bronze",
    "What people asked the gate to do: a row for each record that was chosen when they asked; the newest one rules",
    column("command_id", STRING, "SHA-256 (hex) of the whole request and its time", nullable=False),
    *IDENTITY,
    column("action", STRING, "replay: judge anew by the settings of today; discard: take out of every place"),
    column("because", STRING, "Why, in the words of who asked; a discard has it"),
    column("version", STRING, "Version that voted anew for a replay, NAME@NUMBER; null when none was named"),
    column("requested_at", TIMESTAMP, "When it was asked for"),
)
