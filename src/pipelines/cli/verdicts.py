"""What the gate decided, in words."""

from collections.abc import Mapping

from pipelines.cli.screens import out
from pipelines.vocabulary import Reason, Verdict

IN_WORDS: dict[str, str] = {
    Verdict.ACCEPTED: "accepted: in gold",
    Reason.CONFIDENCE_BELOW_THRESHOLD: "no voter, or not all together, were sure enough",
    Reason.CONFIDENCE_MISSING: "no vote said how sure it is",
    Reason.LABELS_DISAGREE: "votes say different labels",
    Reason.PEOPLE_DISAGREE: "people say different labels, and none of them has a majority",
    Reason.LOOK_ALIKES_UNCONFIRMED: "too many look-alikes on one person's word: a second one must agree",
    Reason.INTENT_UNKNOWN: "none of your intents",
    Reason.LABEL_SUSPENDED: "the label is below its precision floor, and no person stands for it",
    Reason.LABELLING_FAILED: "a voter failed on the text again and again",
    Reason.TEXT_TOO_LONG: "the text is too long",
    Reason.REDACTION_FAILED: "redaction failed, so nobody has read the text",
    Reason.OVER_DAILY_LIMIT: "copies over the day's limit: shed",
    Reason.DISCARDED_ON_REQUEST: "discarded, as somebody asked for",
}


def show_verdicts(counts: Mapping[str, int]) -> None:
    """Print what the gate decided in a run, a line for each reason, the commonest first."""
    if not counts:
        return
    out.print("Decided in this run", style="bold")
    for code, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        out.print(f"{count:>9,}  {IN_WORDS.get(code, code)} ({code})", soft_wrap=True, markup=False)
