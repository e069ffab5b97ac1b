"""What the votes of a text say together: which labels stand, which is best, and how sure it is."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.columns import ALTERNATIVES
from pipelines.contracts import LABELS
from pipelines.settings import GateSettings
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
    once, with its newest vote, however many copies of the text it saw; a failure never takes an answer's place.

    Returns:
        One row a text: text_key, label, confidence, second_label and second_confidence (see `_second`), labels
        (standing, sorted), has_number (some vote has a usable confidence), parts (probability by voter), versions,
        tries (of a model that has failed on it and not answered, where no person's vote stands; else null).
    """
    asked = (
        votes.withColumns({"number": _usable(F.col("confidence")), "stands": _stands(settings.min_confidence)})
        .withColumn("best", F.min(_most_confident_first()).over(Window.partitionBy("text_key"))["label"])
        .withColumn("gives", F.when(F.col("voter") != Voter.HUMAN.value, _probability_of(F.col("best"))))
    )
    by_voter = asked.groupBy("text_key", "best", "voter").agg(
        F.max(F.struct(*_newest())).alias("newest"),
        F.max(F.when(F.col("label") == F.col("best"), F.col("number"))).alias("human_gives"),
        F.collect_set(F.when(F.col("stands"), F.col("label"))).alias("labels"),
        F.collect_set(_version()).alias("versions"),
        F.max("number").alias("number"),
        F.max("try_no").alias("tries"),
    )
    is_human = F.col("voter") == Voter.HUMAN.value
    has_failed = ~is_human & ~F.col("newest.answers")
    part = F.struct(
        F.col("voter").alias("label"),
        F.when(is_human, F.col("human_gives")).otherwise(F.col("newest.gives")).alias("probability"),
    )
    by_text = by_voter.groupBy("text_key", F.col("best").alias("label")).agg(
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
    second, tries = _second(settings.second_label_from), F.when(~F.col("is_settled"), F.col("tries"))
    return by_text.withColumn("second", second).select(
        "text_key", "label", confidence.alias("confidence"), F.col("second.label").alias("second_label"),
        (-F.col("second.less")).alias("second_confidence"), "labels", "has_number", "parts", "versions",
        tries.alias("tries"),
    )  # fmt: skip


def list_votes(votes: DataFrame) -> DataFrame:
    """List the votes of each text, in one order: text_key, votes (what each voter said, and by which version)."""
    told = [
        F.col(name)
        for name in ("voter", "label", "confidence", "alternatives", "tier", "latency_ms", "tokens_in", "tokens_out")
    ]
    one = F.struct(*told, _version().alias("version"))
    return votes.groupBy("text_key").agg(F.array_sort(F.collect_list(one)).alias("votes"))


def _usable(confidence: Column) -> Column:
    """A confidence as a number from 0 to 1, else null; NaN is above every number in Spark's order."""
    return F.when(confidence.between(0.0, 1.0), confidence)


def _stands(min_confidence: float) -> Column:
    number = _usable(F.col("confidence"))
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
            lambda one: F.coalesce(_usable(one["probability"]), F.lit(0.0)),
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
        F.array_max(F.transform(listed, lambda alternative: _usable(alternative["probability"]))),
        F.when(F.col("label") == label, F.col("number")),
        F.when(F.col("second_label") == label, _usable(F.col("second_confidence"))),
        F.lit(0.0),
    )


def _version() -> Column:
    """`slm=intent-slm@1/intent-prompt@1`; what a voter has not is left out."""
    model = F.concat_ws("@", "model_name", "model_version")
    prompt = F.when(F.col("prompt_name").isNotNull(), F.concat_ws("@", "prompt_name", "prompt_version"))
    return F.concat_ws("=", "voter", F.concat_ws("/", model, prompt))


def _mean_of_models() -> Column:
    # Summed in the order of the sorted parts: floating-point sums depend on the order, and a shuffle has none.
    parts = F.filter("parts", lambda part: part["label"] != Voter.HUMAN.value)
    total = F.aggregate(parts, F.lit(0.0), lambda total, part: total + part["probability"])
    return F.when(F.size(parts) > 0, F.round(total / F.size(parts), MEAN_DECIMALS))
