"""The code words: reasons, verdicts, places, voters. One meaning each, used by every layer."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a message, row or record is not in gold. One vocabulary for all layers."""

    # Bronze: the message is no ticket.
    VALUE_MISSING = "value_missing"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    FIELD_MISSING = "field_missing"
    FIELD_INVALID = "field_invalid"
    TEXT_EMPTY = "text_empty"
    # Bronze: the row of a labelled file is no vote.
    FILE_MISSING = "file_missing"
    COLUMNS_MISSING = "columns_missing"
    ROWS_MISSING = "rows_missing"
    ROW_MALFORMED = "row_malformed"
    LABEL_EMPTY = "label_empty"
    LABEL_UNKNOWN = "label_unknown"
    RECORD_UNKNOWN = "record_unknown"
    # Silver: the record is withheld from labelling.
    OVER_DAILY_LIMIT = "over_daily_limit"
    TEXT_TOO_LONG = "text_too_long"
    REDACTION_FAILED = "redaction_failed"
    # Gate: the votes do not carry a label into gold.
    CONFIDENCE_MISSING = "confidence_missing"
    CONFIDENCE_BELOW_THRESHOLD = "confidence_below_threshold"
    LABELS_DISAGREE = "labels_disagree"
    PEOPLE_DISAGREE = "people_disagree"
    INTENT_UNKNOWN = "intent_unknown"
    LABEL_SUSPENDED = "label_suspended"
    LOOK_ALIKES_UNCONFIRMED = "look_alikes_unconfirmed"
    DISCARDED_ON_REQUEST = "discarded_on_request"
    LABELLING_FAILED = "labelling_failed"
    # Gate: the record is in gold and a person is asked to look at it all the same.
    AUDIT_SAMPLE = "audit_sample"
    # Gate: people contradict each other, so one more is asked.
    THIRD_PERSON = "third_person"


class Verdict(StrEnum):
    """What the gate made of a record."""

    ACCEPTED = "accepted"
    LOW_CONFIDENCE = "low_confidence"
    DISAGREEMENT = "disagreement"
    UNKNOWN_INTENT = "unknown_intent"
    UNCONFIRMED = "unconfirmed"
    TOO_LONG = "too_long"
    FAILED = "failed"
    SHED = "shed"
    DISCARDED = "discarded"


class Place(StrEnum):
    """Where a record is: always exactly one of these (`pending` = no decision yet)."""

    GOLD = "gold"
    QUARANTINE = "quarantine"
    SHED = "shed"
    DISCARDED = "discarded"
    PENDING = "pending"


class Action(StrEnum):
    """What a person can ask the gate to do with a record."""

    REPLAY = "replay"
    DISCARD = "discard"


class Voter(StrEnum):
    """Who casts votes."""

    HUMAN = "human"
    MEMORY = "memory"
    STUDENT = "student"
    SLM = "slm"


class NoAnswer(StrEnum):
    """Why a voter has said nothing of a text; a served model's own reasons stand beside these."""

    MODEL_FAILED = "model_failed"
    WORKER_LOST = "worker_lost"
    LEADER_FAILED = "leader_failed"
    NOT_ASKED = "not_asked"


class Tier(StrEnum):
    """Who made a vote: the shortcuts of the cascade, cheapest last."""

    PERSON = "person"
    MODEL = "model"
    CLUSTER = "cluster"
    CACHE = "cache"


class Counted(StrEnum):
    """What a row of gold.agreement_counts counts."""

    VOTES = "votes"
    RATER = "rater_and_people"
    PEOPLE = "people"


class Compared(StrEnum):
    """Whose agreement is measured."""

    MODEL = "model_and_people"
    ANNOTATOR = "annotator_and_others"
    PEOPLE = "people"


class Purpose(StrEnum):
    """Why a person is asked to label a text, the most important first."""

    AUDIT = "audit"
    SECOND_VOTE = "second_vote"
    CALIBRATION = "calibration"
    GAIN = "gain"


class Split(StrEnum):
    """What an exported row is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


UNKNOWN_LABEL = "unknown"
"""The label a voter gives to a text that is none of the known intents."""
