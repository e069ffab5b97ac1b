"""What the gate made of the votes: decisions, and the places a record can be in."""

from pipelines.columns import ALTERNATIVES, DATE, DECISION_NO, DOUBLE, IDENTITY, PLACED, STRING, STRINGS, TIMESTAMP
from pipelines.declaration import column, declare

DECISIONS = declare(
    "gold.decisions",
    2,
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
