"""What a record's evidence makes of it: verdict, reason and place, as one column."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.gate_rules import GateRules
from pipelines.intents import LabelSet
from pipelines.transforms.retries import MOST_TRIES
from pipelines.vocabulary import UNKNOWN_LABEL, Place, Reason, Verdict, Voter

OUTCOME = "struct<verdict: string, reason: string, place: string>"


def outcome(labels: LabelSet, rules: GateRules) -> Column:
    """Apply the rules 1 to 5 of `agreement.judge`, over the columns of evidence and `withheld`."""
    standing, label = F.size("labels"), F.col("label")
    unknown = label == UNKNOWN_LABEL
    if labels.names:
        unknown = unknown | ~label.isin([*labels.names])
    withheld, is_low = F.col("withheld"), F.col("confidence") < rules.settings.min_confidence
    is_low = is_low | (~_by_human(rules) & (F.col("confidence") < rules.min_confidence))
    suspended = ~_by_human(rules) & label.isin([*rules.suspended_labels])
    return (
        F.when(withheld == Reason.OVER_DAILY_LIMIT.value, as_outcome(Verdict.SHED, Reason.OVER_DAILY_LIMIT, Place.SHED))
        .when(withheld == Reason.TEXT_TOO_LONG.value, as_outcome(Verdict.TOO_LONG, Reason.TEXT_TOO_LONG))
        .when(withheld.isNotNull(), as_outcome(Verdict.FAILED, Reason.REDACTION_FAILED))
        .when(F.col("tries") >= MOST_TRIES, as_outcome(Verdict.FAILED, Reason.LABELLING_FAILED))
        .when((standing == 0) & ~F.col("has_number"), as_outcome(Verdict.LOW_CONFIDENCE, Reason.CONFIDENCE_MISSING))
        .when(standing == 0, as_outcome(Verdict.LOW_CONFIDENCE, Reason.CONFIDENCE_BELOW_THRESHOLD))
        .when((standing > 1) & F.col("people_differ"), as_outcome(Verdict.DISAGREEMENT, Reason.PEOPLE_DISAGREE))
        .when(standing > 1, as_outcome(Verdict.DISAGREEMENT, Reason.LABELS_DISAGREE))
        .when(unknown, as_outcome(Verdict.UNKNOWN_INTENT, Reason.INTENT_UNKNOWN))
        .when(is_low, as_outcome(Verdict.LOW_CONFIDENCE, Reason.CONFIDENCE_BELOW_THRESHOLD))
        .when(suspended, as_outcome(Verdict.LOW_CONFIDENCE, Reason.LABEL_SUSPENDED))
        .otherwise(as_outcome(Verdict.ACCEPTED, None, Place.GOLD))
    )


def as_outcome(verdict: Verdict, reason: Reason | None, place: Place = Place.QUARANTINE) -> Column:
    """Write an outcome as a struct: verdict, reason, place."""
    return F.struct(F.lit(verdict.value), F.lit(reason and reason.value), F.lit(place.value)).cast(OUTCOME)


def _by_human(rules: GateRules) -> Column:
    """Whether a person stands for the label."""
    least = rules.settings.min_confidence

    def stands(part: Column) -> Column:
        return (part["label"] == Voter.HUMAN.value) & F.coalesce(part["probability"] >= least, F.lit(False))

    return F.coalesce(F.exists("parts", stands), F.lit(False))
