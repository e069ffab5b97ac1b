"""Columns that several tables share, and the types of nested ones."""

from pyspark.sql import types as T

from pipelines.declaration import column

STRING, BINARY, LONG, INTEGER = T.StringType(), T.BinaryType(), T.LongType(), T.IntegerType()
DOUBLE, TIMESTAMP, DATE = T.DoubleType(), T.TimestampType(), T.DateType()
STRINGS = T.ArrayType(STRING, containsNull=False)
VECTOR = T.ArrayType(T.FloatType(), containsNull=False)


IDENTITY = (
    column("record_id", STRING, "SHA-256 (hex) that names the record; the same for every re-delivery", nullable=False),
    column("ticket_key", STRING, "HMAC-SHA-256 pseudonym of source and ticket_id; null without a ticket_id"),
    column("subject_key", STRING, "HMAC-SHA-256 pseudonym of the customer; null when none was named"),
    column("text_key", STRING, "HMAC-SHA-256 of the normalised unredacted text: equal texts, equal keys"),
)
DECISION_NO = column("decision_no", INTEGER, "1 for a record's first decision, +1 each time evidence changes it")

HEADERS = T.ArrayType(T.StructType([column("key", STRING, "Header name"), column("value", BINARY, "Header bytes")]))
SPANS = T.ArrayType(
    T.StructType(
        [
            column("field", STRING, "subject or text"),
            column("type", STRING, "Entity type, e.g. PERSON"),
            column("start", INTEGER, "First code point in the normalised field, before redaction"),
            column("end", INTEGER, "One past the last code point"),
            column("score", DOUBLE, "Detector's score, 0 to 1"),
        ]
    ),
    containsNull=False,
)
ALTERNATIVES = T.ArrayType(
    T.StructType([column("label", STRING, "Label"), column("probability", DOUBLE, "Voter's probability, 0 to 1")]),
    containsNull=False,
)
SIMILARITIES = T.ArrayType(
    T.StructType(
        [
            column("label", STRING, "Label, or unknown"),
            column("similarity", DOUBLE, "Cosine to its nearest verified example, -1 to 1"),
        ]
    )
)
LINKS = T.ArrayType(
    T.StructType(
        [
            column("record_id", STRING, "Earlier record that this one resembles"),
            column("similarity", DOUBLE, "Jaccard similarity of their shingles, 0 to 1"),
            column("cluster_id", STRING, "Cluster the earlier record was part of; null for one of the same batch"),
            column("cluster_no", LONG, "That cluster's number"),
        ]
    ),
    containsNull=False,
)
CLUSTERING = (
    column("record_id", STRING, "Record that was clustered"),
    column("arrival_no", LONG, "Number of the record in the order of arrival, from 1; null when withheld"),
    column("cluster_id", STRING, "record_id of the cluster's first member when this one came; null when withheld"),
    column("cluster_no", LONG, "arrival_no of the cluster's first member: the older cluster has the lower number"),
    column("links", LINKS, "Earlier records through which it belongs to the cluster; null when withheld"),
    column("links_capped", T.BooleanType(), "Whether a crowded LSH bucket kept it from being compared with all"),
)
SENTENCES = T.ArrayType(
    T.StructType(
        [
            column("start", INTEGER, "First code point in the redacted text"),
            column("end", INTEGER, "One past the last code point"),
        ]
    ),
    containsNull=False,
)
KEY_PHRASES = T.ArrayType(
    T.StructType(
        [
            column("phrase", STRING, "The words, in lower case"),
            column("score", DOUBLE, "YAKE's score of the phrase in its text: the lower, the more telling"),
        ]
    ),
    containsNull=False,
)
PLACED = (
    *IDENTITY,
    DECISION_NO,
    column("source", STRING, "Channel or system the ticket came from"),
    column("subject", STRING, "Redacted subject"),
    column("text", STRING, "Redacted text"),
    column("label", STRING, "Label, or best guess"),
    column("confidence", DOUBLE, "Probability that the label is right, 0 to 1"),
    column("cluster_id", STRING, "Near-duplicate cluster"),
    column("created_at", TIMESTAMP, "When the customer wrote"),
)
