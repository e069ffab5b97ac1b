"""What is measured of votes: how far models and people agree, and how good each annotator is. No row names a record."""

from pyspark.sql import types as T

from pipelines.columns import DATE, DOUBLE, LONG, STRING, TIMESTAMP
from pipelines.declaration import column, declare

VOTES_THROUGH = T.MapType(STRING, LONG, valueContainsNull=False)
RATER = (
    column("voter", STRING, "memory, student, slm or human"),
    column("rater", STRING, "A model's versions, or an annotator's pseudonym; null for people who are not named"),
)

AGREEMENT_COUNTS = declare(
    "gold.agreement_counts",
    1,
    ("counted", "voter", "rater", "day", "label", "other_label", "people", "counted_at"),
    "agreement",
    "What agreement is measured from: counts that add up, each row what new votes added or took away",
    column("counted", STRING, "votes, rater_and_people (texts) or people (ordered pairs of votes on one text)"),
    *RATER,
    column("day", DATE, "Day (UTC) of the rater's vote; of pairs of people, that of the newest vote on the text"),
    column("label", STRING, "Label that the rater, or the first of a pair, gave"),
    column("other_label", STRING, "Label of the other people's majority, or of the second of a pair; null for votes"),
    column("people", LONG, "Of pairs: how many people voted on the text; else null"),
    column("n", LONG, "How many; below 0 where a vote took an older one's place"),
    column("votes_through", VOTES_THROUGH, "Newest micro-batch of votes that is counted, by the query that wrote it"),
    column("counted_at", TIMESTAMP, "When these rows were counted"),
)

AGREEMENT = declare(
    "gold.agreement",
    1,
    ("compared", "voter", "rater", "label", "day", "measured_at"),
    "agreement",
    "How far raters agree, measured anew where votes changed it; the newest row of each counts",
    column("compared", STRING, "model_and_people, annotator_and_others, or people (all of them with each other)"),
    *RATER,
    column("label", STRING, "Label that is told from all others; null: all labels"),
    column("day", DATE, "Day (UTC), see gold.agreement_counts; null: all days"),
    column("votes", LONG, "Votes that were given, compared or not; newer ones of one annotator count again"),
    column("items", LONG, "Texts that the figures rest on: those on which the other side has a label too"),
    column("observed_agreement", DOUBLE, "Share of them (of people: of pairs of votes) that agree; null without any"),
    column("cohen_kappa", DOUBLE, "The same beyond chance, of a rater and people's majority; null where undefined"),
    column("kappa_low", DOUBLE, "Lower end of its 95 % interval"),
    column("kappa_high", DOUBLE, "Upper end of it"),
    column("fleiss_kappa", DOUBLE, "Agreement of people with each other beyond chance; null where undefined"),
    column("krippendorff_alpha", DOUBLE, "The same with a correction for few votes; null where undefined"),
    column("measured_at", TIMESTAMP, "When it was measured"),
)

MISTAKES = T.ArrayType(
    T.StructType(
        [
            column("true_label", STRING, "Label that is likely the true one"),
            column("said", STRING, "Label that was given instead"),
            column("votes", DOUBLE, "How many votes that was, as far as the model can know"),
        ]
    ),
    containsNull=False,
)

ANNOTATOR_QUALITY = declare(
    "gold.annotator_quality",
    1,
    ("annotator_id", "measured_at"),
    "agreement",
    "How good each annotator is by Dawid and Skene's model of all people's votes, a row each time people have voted",
    column("annotator_id", STRING, "HMAC-SHA-256 pseudonym of the annotator"),
    column("votes", LONG, "Texts that it voted on; its newest vote on each counts"),
    column("accuracy", DOUBLE, "Estimated share of its votes that are right, on labels as common as those seen"),
    column("compared", LONG, "Texts on which the other people have a majority"),
    column("majority_agreement", DOUBLE, "Share of these where it said the same; null without any"),
    column("mistakes", MISTAKES, "Its commonest confusions, most votes first"),
    column("measured_at", TIMESTAMP, "When it was measured"),
)
