"""What all models say of a text together: one label, and the features from which its probability is calibrated."""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.columns import ALTERNATIVES, STRINGS
from pipelines.gate_rules import GateRules
from pipelines.kernels import combination
from pipelines.kernels.calibration import LEAST_PROBABILITY, Calibration
from pipelines.kernels.vote_features import VOTERS
from pipelines.transforms.evidence import usable, vote_version, weigh_votes
from pipelines.vocabulary import UNKNOWN_LABEL, Voter

DECIMALS = 9
"""Sums in another order differ in the last digits; what is compared with a threshold must not."""
POOL = "models"
"""The voter's name under which all models speak once they are calibrated."""


def weigh(votes: DataFrame, rules: GateRules) -> DataFrame:
    """Sum up the votes of each text, as `evidence.weigh_votes` does; calibrated models speak with one voice.

    Until a calibration exists a record's confidence is the mean probability that the models give the label; after that
    it is the calibrated probability that their pooled label is right.
    """
    if rules.calibrated is None:
        return votes.transform(weigh_votes, rules.settings)
    pooled = votes.transform(pool_opinions).transform(calibrated, rules.calibrated.calibration)
    spoken = votes.transform(one_voice, pooled, rules.calibrated.name, rules.calibrated.version)
    return spoken.transform(weigh_votes, rules.settings).transform(tell_parts, pooled)


def pool_opinions(votes: DataFrame) -> DataFrame:
    """Pool the newest vote of each model on a text, however many copies of it the model saw.

    The label is the one with the greatest geometric mean of the voters' probabilities (kernels/combination.py), equal
    ones by name. A vote without a label is none.

    Args:
        votes: rows of silver.labels; people's are passed over.

    Returns:
        One row a text: text_key, label, share (of the pool), second_label and second_share (of the next one),
        opinions (by voter: voter, label, alternatives, similarities), parts (voter in `label`, its probability of the
        label) and versions.
    """
    models = votes.where((F.col("voter") != Voter.HUMAN.value) & F.col("label").isNotNull())
    told = F.struct(
        "voted_at", "vote_id", "label", "alternatives", "similarities", "confidence", vote_version().alias("version")
    )
    newest = models.groupBy("text_key", "voter").agg(F.max_by(told, F.struct("voted_at", "vote_id")).alias("vote"))
    opinion = F.struct("voter", "vote.label", _listed().alias("alternatives"), "vote.similarities", "vote.version")
    by_text = newest.groupBy("text_key").agg(F.array_sort(F.collect_list(opinion)).alias("opinions"))
    ranked = by_text.withColumn("ranked", F.array_sort(F.transform(_candidates(), _rank)))
    best = F.col("ranked")[0]
    total = F.aggregate("ranked", F.lit(0.0), lambda total, one: total + F.exp(best["less"] - one["less"]))
    second = F.try_element_at("ranked", F.lit(2))
    named = ranked.withColumns(
        {
            "label": best["label"],
            "share": F.round(F.lit(1.0) / total, DECIMALS),
            "second_label": second["label"],
            "second_share": F.round(F.coalesce(F.exp(best["less"] - second["less"]), F.lit(0.0)) / total, DECIMALS),
        }
    )
    parts = F.transform("opinions", lambda one: F.struct(one["voter"], probability_of(F.col("label"), one)))
    # Never null, and now the type says so too.
    versions = F.array_sort(F.transform("opinions", lambda one: F.coalesce(one["version"], F.lit(""))))
    return named.select(
        "text_key", "label", "share", "second_label", "second_share", "opinions",
        parts.cast(ALTERNATIVES).alias("parts"), versions.alias("versions"),
    )  # fmt: skip


def standing_alone(pooled: DataFrame, confidence: str = "share") -> DataFrame:
    """Lay pooled opinions out as evidence: the pooled label, and as confidence its share, or what `calibrated` made."""
    return pooled.select("text_key", "label", F.col(confidence).alias("confidence"), F.array("label").alias("labels"))


def with_features(pooled: DataFrame) -> DataFrame:
    """Add what a calibration is fitted on and applied to, a column each; their names are those of `feature_columns`."""
    return pooled.withColumns(feature_columns())


def calibrated(pooled: DataFrame, calibration: Calibration) -> DataFrame:
    """Say how probable it is that each pooled label is right.

    A pooled label `unknown` keeps its share of the pool: a calibration is about known labels.

    Returns:
        pooled's columns and `confidence`.
    """
    columns = feature_columns()
    score = F.lit(calibration.bias)
    for place, name in enumerate(calibration.features):
        centred = (columns[name] - F.lit(calibration.means[place])) / F.lit(calibration.scales[place])
        score = score + F.lit(calibration.weights[place]) * centred
    probability = F.round(F.lit(1.0) / (F.lit(1.0) + F.exp(-score)), DECIMALS)
    is_unknown = F.col("label") == UNKNOWN_LABEL
    return pooled.withColumn("confidence", F.when(is_unknown, F.col("share")).otherwise(probability))


def feature_columns() -> dict[str, Column]:
    """Every feature of kernels/vote_features.py by its name, over the columns of `pool_opinions`.

    `cluster` is 0: what people said of near-duplicates is not looked at yet.
    """
    many = F.size("opinions")

    def mean(of: Callable[[Column], Column]) -> Column:
        total = F.aggregate("opinions", F.lit(0.0), lambda total, one: total + of(one))
        return F.round(total / many, DECIMALS)

    def is_rival(label: Column) -> Column:
        return (label != F.col("label")) & (label != UNKNOWN_LABEL)

    pooled = _logit(mean(_given))
    unknown = probability_of(F.lit(UNKNOWN_LABEL), _opinion_of("memory"))
    voters = {
        voter: F.when(_opinion_of(voter).isNotNull(), _logit(_given(_opinion_of(voter)))).otherwise(pooled)
        for voter in VOTERS
    }
    return {
        "pooled": pooled,
        **voters,
        "margin": mean(lambda one: _given(one) - _rival(one)),
        "known": F.when(_opinion_of("memory").isNotNull(), _logit(F.lit(1.0) - unknown)).otherwise(pooled),
        "cluster": F.lit(0.0),
        "lead": _gap(is_rival),
        "apart": _gap(lambda label: label == UNKNOWN_LABEL),
    }


def one_voice(votes: DataFrame, pooled: DataFrame, name: str, number: str) -> DataFrame:
    """Put one vote in the place of all models' votes on a text: the pooled label with its calibrated probability.

    People's votes stay as they are, and so do failures of models that have not answered.

    Args:
        votes: rows of silver.labels.
        pooled: what `calibrated` gave for them.
        name: of the calibration, which stands where a model's name does.
        number: its version.

    Returns:
        votes' columns.
    """
    shares = F.array(
        F.struct("label", F.col("confidence").alias("probability")),
        F.struct(F.col("second_label").alias("label"), F.col("second_share").alias("probability")),
    )
    spoken = pooled.select(
        "text_key", "label", "confidence",
        F.filter(shares, lambda share: share["label"].isNotNull()).cast(ALTERNATIVES).alias("alternatives"),
        F.lit(POOL).alias("voter"), F.lit(name).alias("model_name"), F.lit(number).alias("model_version"),
    )  # fmt: skip
    answered = pooled.select("text_key", F.explode(F.transform("opinions", lambda one: one["voter"])).alias("voter"))
    others = votes.join(answered, on=["text_key", "voter"], how="left_anti").select(*votes.columns)
    return others.unionByName(spoken, allowMissingColumns=True).select(*votes.columns)


def tell_parts(evidence: DataFrame, pooled: DataFrame) -> DataFrame:
    """Add to `parts` what each model gives the label, and to `versions` which models they were; columns as they were.

    Args:
        evidence: what `evidence.weigh_votes` made of `one_voice`.
        pooled: as for `one_voice`.
    """
    given = F.transform(
        "opinions", lambda one: F.struct(one["voter"].alias("label"), probability_of(F.col("label"), one))
    ).cast(ALTERNATIVES)
    heard = pooled.select("text_key", "opinions", F.col("versions").alias("heard"))
    told = evidence.join(heard, on="text_key", how="left").withColumns(
        {
            "parts": F.when(F.col("opinions").isNull(), F.col("parts")).otherwise(F.array_union("parts", given)),
            "versions": F.array_sort(F.array_union("versions", F.coalesce("heard", F.array().cast(STRINGS)))),
        }
    )
    return told.select(*evidence.columns)


def probability_of(label: Column, opinion: Column) -> Column:
    """Read what an opinion gives a label; 0 when it names it nowhere."""
    named = F.filter(opinion["alternatives"], lambda share: share["label"] == label)
    return F.coalesce(F.array_max(F.transform(named, lambda share: share["probability"])), F.lit(0.0))


def _opinion_of(voter: str) -> Column:
    """One voter's opinion; null when it has none."""
    return F.try_element_at(F.filter("opinions", lambda one: one["voter"] == voter), F.lit(1))


def _given(opinion: Column) -> Column:
    return probability_of(F.col("label"), opinion)


def _rival(opinion: Column) -> Column:
    """The greatest probability that an opinion gives another label."""
    others = F.filter(opinion["alternatives"], lambda share: share["label"] != F.col("label"))
    return F.coalesce(F.array_max(F.transform(others, lambda share: share["probability"])), F.lit(0.0))


def _gap(others: Callable[[Column], Column]) -> Column:
    """How much nearer the memory's nearest example of the label is than that of others; 0 where it lists either not."""
    near = _opinion_of("memory")["similarities"]

    def nearest(chosen: Callable[[Column], Column]) -> Column:
        listed = F.filter(near, lambda one: chosen(one["label"]))
        return F.array_max(F.transform(listed, lambda one: one["similarity"]))

    gap = nearest(lambda label: label == F.col("label")) - nearest(others)
    return F.coalesce(F.round(gap, DECIMALS), F.lit(0.0))


def _listed() -> Column:
    """A vote's alternatives; its label alone where it lists none."""
    alone = F.array(F.struct(F.col("vote.label").alias("label"), F.col("vote.confidence").alias("probability")))
    listed = F.when(F.size(F.col("vote.alternatives")) > 0, F.col("vote.alternatives")).otherwise(alone)
    return F.transform(listed, lambda one: F.struct(one["label"], usable(one["probability"]).alias("probability")))


def _candidates() -> Column:
    return F.array_distinct(
        F.flatten(F.transform("opinions", lambda one: F.transform(one["alternatives"], lambda share: share["label"])))
    )


def _rank(label: Column) -> Column:
    """A label with minus the mean logarithm of its probabilities: sorted, the best comes first, equal ones by name."""

    def add(total: Column, one: Column) -> Column:
        return total - F.log(F.greatest(probability_of(label, one), F.lit(combination.LEAST_PROBABILITY)))

    less = F.aggregate("opinions", F.lit(0.0), add) / F.size("opinions")
    return F.struct(F.round(less, DECIMALS).alias("less"), label.alias("label"))


def _logit(probability: Column) -> Column:
    cut = F.least(F.greatest(probability, F.lit(LEAST_PROBABILITY)), F.lit(1.0 - LEAST_PROBABILITY))
    return F.log(cut / (F.lit(1.0) - cut))
