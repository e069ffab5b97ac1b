"""Every table that flows: the one place where a column is declared.

Read it as the picture of the flow: bronze (what came), silver (what is safe to read), votes (who says which
label), decisions (what the gate made of it) and the places a record can be in.
"""

from pipelines.columns import (
    ALTERNATIVES,
    BINARY,
    CLUSTERING,
    DATE,
    DECISION_NO,
    DOUBLE,
    HEADERS,
    IDENTITY,
    INTEGER,
    KEY_PHRASES,
    LONG,
    PLACED,
    SENTENCES,
    SPANS,
    STRING,
    STRINGS,
    TIMESTAMP,
)
from pipelines.declaration import Table, column, declare
from pipelines.vocabulary import Place

CONTRACT_VERSION = 1

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
    1,
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
    column("file_modified_at", TIMESTAMP, "Modification time of the file"),
    column("ingested_at", TIMESTAMP, "When the micro-batch ran"),
    column("error_code", STRING, "Reason the row is no vote; null when it is one"),
)

TICKETS_SILVER = declare(
    "silver.tickets",
    2,
    ("record_id",),
    "silver",
    "One row a record: redacted, pseudonymised, clustered",
    *IDENTITY,
    column("source", STRING, "Channel or system the ticket came from"),
    column("subject", STRING, "Redacted subject"),
    column("text", STRING, "Redacted text; null when withheld"),
    column("created_at", TIMESTAMP, "When the customer wrote"),
    column("received_day", DATE, "Day of the Kafka timestamp (UTC): the day of the daily limit"),
    column("spans", SPANS, "What was redacted: type and place, never the value"),
    column("withheld", STRING, "Reason the record is not labelled; null when it is"),
    column("kept_record_id", STRING, "For a record over the daily limit: the first record with the same text"),
    *CLUSTERING[1:],
    column("position", STRING, "Sortable place in bronze order: batch, topic, partition, offset"),
    column("redaction_version", STRING, "Fingerprint of the redaction settings and model"),
)

CLUSTER_MERGES = declare(
    "silver.cluster_merges",
    1,
    ("absorbed_id", "cluster_id"),
    "silver",
    "Clusters that became one through a record: a row for each cluster that is part of an older one from then on",
    *IDENTITY,
    column("absorbed_id", STRING, "cluster_id that is no longer a cluster of its own"),
    column("absorbed_no", LONG, "Its number"),
    column("cluster_id", STRING, "Cluster that it is part of from then on; the row with the lowest cluster_no counts"),
    column("cluster_no", LONG, "That cluster's number, always lower than absorbed_no"),
    column("linked_record_id", STRING, "Member of the absorbed cluster that it resembles"),
    column("similarity", DOUBLE, "Jaccard similarity of the two, 0 to 1"),
)

ANNOTATIONS = declare(
    "silver.annotations",
    1,
    ("annotation_id",),
    "silver",
    "Rows of labelled files matched to their record",
    column("annotation_id", STRING, "SHA-256 (hex) of file path and row number", nullable=False),
    *IDENTITY,
    column("annotator_id", STRING, "HMAC-SHA-256 pseudonym of the annotator"),
    column("label", STRING, "Label given"),
    column("confidence", DOUBLE, "Annotator's confidence, 0 to 1; null when missing"),
    column("matched_by", STRING, "record_id, text_key, or new_record"),
)

TEXT_FEATURES = declare(
    "silver.text_features",
    1,
    ("record_id",),
    "features",
    "What the redacted text of a record is about; no row for a withheld record",
    *IDENTITY,
    column("sentences", SENTENCES, "Where the sentences of the redacted text stand"),
    column("tokens", INTEGER, "Words and numbers in the text; placeholders do not count"),
    column("stems", STRINGS, "Stems of the words without stop words, in their order"),
    column("key_phrases", KEY_PHRASES, "Key phrases (YAKE), best first; never a placeholder, nor across one"),
    column("features_version", STRING, "Fingerprint of the features settings and version of Spark NLP"),
)

LABELS = declare(
    "silver.labels",
    1,
    ("vote_id",),
    "labels",
    "One row a vote; never changed",
    column("vote_id", STRING, "SHA-256 (hex) of record, voter, annotation and versions", nullable=False),
    *IDENTITY,
    column("voter", STRING, "memory, slm or human"),
    column("annotator_id", STRING, "Pseudonym of the person; null for models"),
    column("label", STRING, "Label voted for"),
    column("confidence", DOUBLE, "Voter's probability that the label is right, 0 to 1"),
    column("second_label", STRING, "Second-best label; null when there is none"),
    column("second_confidence", DOUBLE, "Probability of the second-best label"),
    column("alternatives", ALTERNATIVES, "Most probable labels, best first"),
    column("latency_ms", DOUBLE, "Time this vote took on its worker, milliseconds"),
    column("model_name", STRING, "Registered model, or file for human votes"),
    column("model_version", STRING, "Version in the registry"),
    column("model_hash", STRING, "SHA-256 (hex) of the weights"),
    column("prompt_name", STRING, "Registered prompt; null when none was used"),
    column("prompt_version", STRING, "Version in the prompt registry"),
    column("prompt_hash", STRING, "SHA-256 (hex) of the template"),
    column("label_set_hash", STRING, "Fingerprint of the intents that could be chosen"),
    column("examples_hash", STRING, "Fingerprint of the verified examples that were shown"),
    column("decoding", STRING, "Settings that decide the answer, as JSON"),
    column("voted_at", TIMESTAMP, "When the micro-batch ran"),
)

DECISIONS = declare(
    "gold.decisions",
    1,
    ("record_id", "decision_no"),
    "gate",
    "Append-only log of verdicts: the truth about where every record is",
    *IDENTITY,
    DECISION_NO,
    column("verdict", STRING, "accepted, or why not"),
    column("reason", STRING, "Finer reason code; null when accepted"),
    column("place", STRING, "gold, quarantine, shed or discarded"),
    column("label", STRING, "Agreed label, or the best guess when there is none"),
    column("confidence", DOUBLE, "Probability that the label is right, 0 to 1; null without a vote"),
    column("labels", STRINGS, "Labels of the standing votes, sorted"),
    column("parts", ALTERNATIVES, "What each voter gives the label: voter in `label`, its probability"),
    column("versions", STRINGS, "Voter versions, sorted: voter=model@version/prompt@version"),
    column("gate_version", STRING, "Fingerprint of the gate's settings"),
    column("decided_at", TIMESTAMP, "When the micro-batch ran"),
)

TRAINING_EXAMPLES = declare(
    "gold.training_examples",
    1,
    ("record_id", "decision_no"),
    "gate",
    "Records whose label was accepted",
    *PLACED,
    column("voters", STRINGS, "Who voted, sorted"),
    column("versions", STRINGS, "Voter versions, sorted"),
)
QUARANTINE = declare(
    "quarantine.tickets",
    1,
    ("record_id", "decision_no"),
    "gate",
    "Records whose label was not accepted, with the reason",
    *PLACED,
    column("verdict", STRING, "Why the record is here"),
    column("reason", STRING, "Finer reason code"),
    column("labels", STRINGS, "Labels of the standing votes, sorted"),
)
SHED = declare(
    "quarantine.shed",
    1,
    ("record_id", "decision_no"),
    "gate",
    "Pointers of exact duplicates over the daily limit",
    *IDENTITY,
    DECISION_NO,
    column("kept_record_id", STRING, "First record with the same text"),
    column("received_day", DATE, "Day whose limit was reached"),
)
REVIEW_QUEUE = declare(
    "gold.review_queue",
    1,
    ("record_id", "decision_no"),
    "gate",
    "Tasks for people; a task is no place",
    *PLACED,
    column("task", STRING, "Reason a person is asked: a reason code, or audit_sample"),
    column("labels", STRINGS, "Labels to choose among, sorted"),
)

TABLES: tuple[Table, ...] = (
    TICKETS_BRONZE,
    LANDED_FILES,
    LABEL_FILES,
    TICKETS_SILVER,
    CLUSTER_MERGES,
    ANNOTATIONS,
    TEXT_FEATURES,
    LABELS,
    DECISIONS,
    TRAINING_EXAMPLES,
    QUARANTINE,
    SHED,
    REVIEW_QUEUE,
)
PLACES: dict[Place, Table] = {Place.GOLD: TRAINING_EXAMPLES, Place.QUARANTINE: QUARANTINE, Place.SHED: SHED}
