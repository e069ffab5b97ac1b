"""What the votes of a text say together: which labels stand, which is best, and how sure it is."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.columns import ALTERNATIVES
from pipelines.contracts import LABELS
from pipelines.gate_settings import GateSettings
from pipelines.transforms.people import count_people
from pipelines.vocabulary import UNKNOWN_LABEL, Voter

MEAN_DECIMALS = 9
"""A mean is rounded before it is compared, or (0.7 + 0.8 + 0.9) / 3 would not reach 0.8."""


def standing_votes(votes: DataFrame, min_confidence: float) -> DataFrame:
    """Keep the votes that count: confidence a number from 0 to 1 that reaches the threshold; equal is enough."""
    return votes.where(_stands(min_confidence)).select(*LABELS.payload_names)


def weigh_votes(votes: DataFrame, settings: GateSettings) -> DataFrame:
    """Sum up the votes of each text, whichever record, batch or file they came with.

    `label` is the label of the most confident vote (equal ones: the first by name); when one label stands, it is that.
    `confidence` is the highest human confidence in it if a human vote stands; else the mean, over all model voters that
    were asked, of their probability of it: what a voter lists for it, 0 when it lists it not at all. A voter counts
    once, with its newest vote, however many copies of the text it saw; a failure never takes an answer's place. What
    older versions of it said counts no more; one version that says two labels disagrees with itself. A person counts
    once, too; the label of a majority of people (see `people.count_people`) is the text's, no other stands beside it.

    Returns:
        One row a text: text_key, label, confidence, second_label and second_confidence (see `_second`), labels
        (standing, sorted), has_number (some vote has a usable confidence), parts (probability by voter), versions,
        tries (of a model that has failed on it and not answered, where no person's vote stands; else null),
        people_differ (without a majority).
    """
    asked = (
        votes.transform(_newest_versions)
        .withColumns({"number": usable(F.col("confidence")), "stands": _stands(settings.min_confidence)})
        .transform(count_people, settings.human_majority)
        .withColumn("surest", F.min(_most_confident_first()).over(Window.partitionBy("text_key"))["label"])
        .withColumn("best", F.coalesce("majority", "surest"))
        .withColumn("gives", F.when(F.col("voter") != Voter.HUMAN.value, _probability_of(F.col("best"))))
    )
    by_voter = _by_voter(asked)
    is_human = F.col("voter") == Voter.HUMAN.value
    has_failed = ~is_human & ~F.col("newest.answers")
    part = F.struct(
        F.col("voter").alias("label"),
        F.when(is_human, F.col("human_gives")).otherwise(F.col("newest.gives")).alias("probability"),
    )
    by_text = by_voter.groupBy("text_key", F.col("best").alias("label"), "majority", "people_differ").agg(
        F.array_sort(F.array_distinct(F.flatten(F.collect_list("labels")))).alias("labels"),
        F.array_sort(F.array_distinct(F.flatten(F.collect_list("versions")))).alias("versions"),
        F.array_sort(F.collect_list(part)).cast(ALTERNATIVES).alias("parts"),
        F.max(F.when(is_human, F.col("human_gives"))).alias("human"),
        F.max("number").isNotNull().alias("has_number"),
        F.max(F.when(has_failed, F.col("tries"))).alias("tries"),
        F.max(is_human & (F.size("labels") > 0)).alias("is_settled"),
        F.flatten(F.collect_list(F.when(~is_human, F.col("newest.alternatives")))).alias("listed"),
        F.count_if(~is_human).alias("models"),
    )
    by_human = F.when(F.col("human") >= settings.min_confidence, F.col("human"))
    confidence = F.when(F.col("has_number"), F.coalesce(by_human, _mean_of_models(), F.col("human")))
    labels = F.filter("labels", lambda label: F.coalesce(label == F.col("majority"), F.lit(True)))
    second, tries = _second(settings.second_label_from), F.when(~F.col("is_settled"), F.col("tries"))
    return by_text.withColumn("second", second).select(
        "text_key", "label", confidence.alias("confidence"), F.col("second.label").alias("second_label"),
        (-F.col("second.less")).alias("second_confidence"), labels.alias("labels"), "has_number", "parts", "versions",
        tries.alias("tries"), "people_differ",
    )  # fmt: skip


def _by_voter(asked: DataFrame) -> DataFrame:
    """Sum up what each voter said of a text: its newest vote, and all labels and versions of it."""
    return asked.groupBy("text_key", "best", "majority", "people_differ", "voter").agg(
        F.max(F.struct(*_newest())).alias("newest"),
        F.max(F.when(F.col("label") == F.col("best"), F.col("number"))).alias("human_gives"),
        F.collect_set(F.when(F.col("stands"), F.col("label"))).alias("labels"),
        F.collect_set(vote_version()).alias("versions"),
        F.max("number").alias("number"),
        F.max("try_no").alias("tries"),
    )


def of_models(votes: DataFrame) -> DataFrame:
    """Keep the votes of models."""
    return votes.where(F.col("voter") != Voter.HUMAN.value).select(*votes.columns)


def list_votes(votes: DataFrame) -> DataFrame:
    """List the votes of each text, in one order: text_key, votes (what each voter said, and by which version)."""
    told = [
        F.col(name)
        for name in ("voter", "label", "confidence", "alternatives", "tier", "latency_ms", "tokens_in", "tokens_out")
    ]
    one = F.struct(*told, vote_version().alias("version"))
    return votes.groupBy("text_key").agg(F.array_sort(F.collect_list(one)).alias("votes"))


def _newest_versions(votes: DataFrame) -> DataFrame:
    """Keep the votes of people, and of each model voter those of the version that answered last on the text."""
    answers = F.col("failure").isNull().alias("answers")
    last = F.max(F.struct(answers, "voted_at", "vote_id", vote_version().alias("version"), "examples_hash"))
    told = votes.withColumn("last", last.over(Window.partitionBy("text_key", "voter")))
    is_human = F.col("voter") == Voter.HUMAN.value
    # The memory that knows more examples is another version of it.
    same = (vote_version() == F.col("last.version")) & F.col("examples_hash").eqNullSafe(F.col("last.examples_hash"))
    return told.where(is_human | same).select(*votes.columns)


def usable(confidence: Column) -> Column:
    """Take a confidence as a number from 0 to 1, else null; NaN is above every number in Spark's order."""
    return F.when(confidence.between(0.0, 1.0), confidence)


def _stands(min_confidence: float) -> Column:
    number = usable(F.col("confidence"))
    return F.coalesce((number >= min_confidence) & F.col("label").isNotNull(), F.lit(False))


def _newest() -> list[Column]:
    """What ranks a voter's votes on a text, and what the highest one tells."""
    return [
        F.col("failure").isNull().alias("answers"),
        *map(F.col, ("voted_at", "number", "vote_id", "gives", "alternatives")),
    ]


def _second(least: float) -> Column:
    """Give the likeliest label beside the first, by the mean over all models, where it reaches `least`: less, label."""
    names = F.array_distinct(F.transform("listed", lambda one: one["label"]))
    others = F.filter(names, lambda name: (name != F.col("label")) & (name != UNKNOWN_LABEL))

    def mean(name: Column) -> Column:
        given = F.transform(
            F.filter("listed", lambda one: one["label"] == name),
            lambda one: F.coalesce(usable(one["probability"]), F.lit(0.0)),
        )
        total = F.aggregate(given, F.lit(0.0), lambda total, probability: total + probability)
        return F.round(total / F.col("models"), MEAN_DECIMALS)

    ranked = F.array_sort(F.transform(others, lambda name: F.struct((-mean(name)).alias("less"), name.alias("label"))))
    first = F.try_element_at(ranked, F.lit(1))
    return F.when(first["less"] <= -least, first)


def _most_confident_first() -> Column:
    distance = F.lit(1.0) - F.coalesce(F.col("number"), F.lit(-1.0))
    return F.struct(F.col("label").isNull().alias("nameless"), distance.alias("distance"), F.col("label"))


def _probability_of(label: Column) -> Column:
    """What a model's vote gives a label; 0 when it names it nowhere."""
    listed = F.filter("alternatives", lambda alternative: alternative["label"] == label)
    return F.coalesce(
        F.array_max(F.transform(listed, lambda alternative: usable(alternative["probability"]))),
        F.when(F.col("label") == label, F.col("number")),
        F.when(F.col("second_label") == label, usable(F.col("second_confidence"))),
        F.lit(0.0),
    )


def vote_version() -> Column:
    """Name a vote's versions: `slm=intent-slm@1/intent-prompt@1`; what a voter has not is left out."""
    model = F.concat_ws("@", "model_name", "model_version")
    prompt = F.when(F.col("prompt_name").isNotNull(), F.concat_ws("@", "prompt_name", "prompt_version"))
    return F.concat_ws("=", "voter", F.concat_ws("/", model, prompt))


def _mean_of_models() -> Column:
    # Summed in the order of the sorted parts: floating-point sums depend on the order, and a shuffle has none.
    parts = F.filter("parts", lambda part: part["label"] != Voter.HUMAN.value)
    total = F.aggregate(parts, F.lit(0.0), lambda total, part: total + part["probability"])
    return F.when(F.size(parts) > 0, F.round(total / F.size(parts), MEAN_DECIMALS))
