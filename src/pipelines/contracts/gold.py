"""What the gate made of the votes: decisions, and the places a record can be in."""

from pyspark.sql import types as T

from pipelines.columns import (
    ALTERNATIVES,
    DATE,
    DECISION_NO,
    DOUBLE,
    IDENTITY,
    LONG,
    PLACED,
    STRING,
    STRINGS,
    TIMESTAMP,
)
from pipelines.declaration import column, declare

DECISIONS = declare(
    "gold.decisions",
    3,
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
    column(
        "second_label", STRING, "The next likely label, where it is likely enough that the text has several intents"
    ),
    column("second_confidence", DOUBLE, "Mean over the models of their probability of it; null without one"),
    column("labels", STRINGS, "Labels of the standing votes, sorted"),
    column("parts", ALTERNATIVES, "What each voter gives the label: voter in `label`, its probability"),
    column("versions", STRINGS, "Voter versions, sorted: voter=model@version/prompt@version"),
    column("leads", T.BooleanType(), "True where people are asked about it for its unconfirmed look-alikes; else null"),
    column("gate_version", STRING, "Fingerprint of the gate's settings"),
    column("decided_at", TIMESTAMP, "When the micro-batch ran"),
)

TRAINING_EXAMPLES = declare(
    "gold.training_examples",
    2,
    ("record_id", "decision_no"),
    "gate",
    "Records whose label was accepted",
    *PLACED,
    column("second_label", STRING, "Second intent of the text; null where it seems to have one only: the row's flag"),
    column("second_confidence", DOUBLE, "Mean over the models of their probability of it; null without one"),
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

THRESHOLDS = T.ArrayType(
    T.StructType(
        [
            column("threshold", DOUBLE, "Least calibrated confidence"),
            column("records", LONG, "Records of known intents that reach it"),
            column("audited", LONG, "Of these, how many people checked"),
            column("errors", LONG, "Of these, how many had another label"),
            column("precision", DOUBLE, "Share of the checked ones that was right; null without any"),
            column("error_bound", DOUBLE, "Upper bound of the share of wrong labels, at the confidence level"),
            column("coverage", DOUBLE, "Share of all judged records that reach it"),
        ]
    ),
    containsNull=False,
)
LABEL_STANDING = T.ArrayType(
    T.StructType(
        [
            column("label", STRING, "Label; rare ones are grouped as `other labels`"),
            column("audited", LONG, "Accepted records of it that people checked"),
            column("errors", LONG, "Of these, how many had another label"),
            column("error_bound", DOUBLE, "Upper bound of its share of wrong labels, at the confidence level"),
            column("precision_floor", DOUBLE, "Least precision that intents.yml asks for; null when it asks for none"),
            column("suspended", T.BooleanType(), "Whether models alone bring nothing into gold under it"),
        ]
    ),
    containsNull=False,
)

CERTIFICATES = declare(
    "gold.certificates",
    1,
    ("certificate_id",),
    "certify",
    "What was promised of gold, and on what evidence; the newest row is in force",
    column("certificate_id", STRING, "Fingerprint of everything it says", nullable=False),
    column("status", STRING, "certified, not_certified, or suspended"),
    column("issued_at", TIMESTAMP, "When it was issued"),
    column("target_error", DOUBLE, "Share of wrong labels that is promised not to be passed"),
    column("confidence_level", DOUBLE, "How sure the promise is"),
    column("threshold", DOUBLE, "Least confidence that it holds for; null when nothing was certified"),
    column("error_bound", DOUBLE, "Greatest upper bound of the share of wrong labels on the way down to it"),
    column("coverage", DOUBLE, "Share of all judged records that reach it"),
    column("audited", LONG, "Records that people checked, of all thresholds"),
    column("votes_spent", LONG, "Votes of people that this took, further ones included"),
    column("labels_needed", LONG, "Further checked records it would take at the rate of errors seen; null when none"),
    column("thresholds", THRESHOLDS, "What was found at each threshold, strictest first"),
    column("labels", LABEL_STANDING, "What was found for each label"),
    column("calibration", STRING, "Calibration that the confidence is of, NAME@VERSION; it holds for no other"),
    column("gate_version", STRING, "Fingerprint of the gate's settings"),
    column("label_set_hash", STRING, "Fingerprint of the intents"),
    column("alarm", STRING, "Why it was suspended; null while it holds"),
    column("suspect_since", TIMESTAMP, "Gold decided from then on is suspect; null while it holds"),
    column("table_versions", STRING, "Version of each table that was read, as JSON"),
)
