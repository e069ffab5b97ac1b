"""The cascade: the language model is asked where its vote can change a verdict, and no question is asked twice.

What the memory and the student leave in doubt is asked about; of it a text that was asked before takes its vote from
there (tier `cache`), and of a near-duplicate cluster one text is asked and the others take its vote over (tier
`cluster`). A share of the sure texts and of the followers, chosen by hash, is asked all the same: it measures what the
shortcuts cost.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.labelling_settings import LabellingSettings
from pipelines.transforms.evidence import MEAN_DECIMALS
from pipelines.transforms.labelling import CAST, CAST_NAMES
from pipelines.vocabulary import UNKNOWN_LABEL, NoAnswer, Tier, Voter

HASH_DIGITS = 8
SURE_DIGITS, FOLLOWER_DIGITS = 1, 1 + HASH_DIGITS
"""Which hexadecimal digits of a text's hash decide, from 1: others for each sample, so that they are independent."""


def asked_texts(texts: DataFrame, votes: DataFrame, settings: LabellingSettings) -> DataFrame:
    """Choose the texts that the language model votes on, given the votes of the memory and the student.

    It votes where it can change the verdict: below `slm_from_confidence` even its surest votes could not lift the
    mean of all to the gate. Where the others are sure, it votes on a share. It knows no `unknown`, so a text that is
    rather that is not shown to it; nor is one that they could not read.
    """
    if settings.slm == "all":
        asked = F.col("label").isNotNull()
    else:
        is_sure = F.col("confidence") >= settings.slm_below_confidence
        doubtful = ~is_sure & (F.col("confidence") >= settings.slm_from_confidence)
        sampled = is_sure & _sampled(SURE_DIGITS, settings.slm_audit_share)
        asked = (F.col("label") != UNKNOWN_LABEL) & (doubtful | sampled)
    chosen = votes.transform(opinions).where(asked).select("text_hash")
    return texts.join(chosen, on="text_hash", how="left_semi")


def opinions(votes: DataFrame, *keys: str) -> DataFrame:
    """Say of each text which label the cheap voters think likeliest, and how likely they find it on average.

    The label is that of the most confident vote, the confidence the mean over all of them: what the gate would see.

    Args:
        votes: of the memory and the student, if there is one.
        keys: what tells texts apart, beside text_hash.

    Returns:
        text_hash, keys, label, confidence; no row for a text that nobody could read.
    """
    first = F.min(F.struct((-F.col("confidence")).alias("doubt"), "label"))["label"]
    listed = F.flatten(F.collect_list("alternatives"))
    by_text = (
        votes.where(F.col("label").isNotNull())
        .groupBy("text_hash", *keys)
        .agg(first.alias("label"), listed.alias("listed"), F.sum(F.lit(1)).alias("voters"))
    )
    given = F.transform("listed", lambda share: F.when(share["label"] == F.col("label"), share["probability"]))
    total = F.aggregate(F.array_compact(given), F.lit(0.0), lambda total, probability: total + probability)
    # Rounded: the order of the sum is not fixed, and .8 must not miss .8.
    confidence = F.round(total / F.col("voters"), MEAN_DECIMALS).alias("confidence")
    return by_text.select("text_hash", *keys, "label", confidence)


def same_answers(votes: DataFrame, asked_by: dict[str, str]) -> DataFrame:
    """Keep the language model's votes that the same versions and settings cast, with a label; columns as they were."""
    answers = votes.where((F.col("voter") == Voter.SLM.value) & F.col("label").isNotNull())
    for name, value in asked_by.items():
        answers = answers.where(F.col(name) == value)
    return answers


def plan_questions(asked: DataFrame, answers: DataFrame, settings: LabellingSettings) -> DataFrame:
    """Say of each text whether the model itself is asked (`asks`), whom it would take a vote over from, and who leads.

    A text is asked when nobody answered it before, and it has no cluster, is the first of its cluster, or is in the
    sample that measures what taking over costs; a text of the sample never leads.

    Args:
        asked: what `asked_texts` gave.
        answers: what `same_answers` gave.
        settings: which shortcuts are taken, and the sample's share.

    Returns:
        asked's columns, `same` (the vote on the same text), `led` (the earlier vote that leads the cluster), leads,
        asks.
    """
    in_sample = _sampled(FOLLOWER_DIGITS, settings.slm_cluster_audit_share)
    own = answers.where((F.col("tier") == Tier.MODEL.value) & F.col("cluster_id").isNotNull() & ~in_sample)
    same = _first(answers.where(F.lit(settings.slm_cache)), asked, "text_hash", "same")
    led = _first(own.where(F.lit(settings.slm_clusters)), asked, "cluster_id", "led")
    known = asked.join(same, on="text_hash", how="left").join(led, on="cluster_id", how="left")
    is_open, alone = F.col("same").isNull(), F.col("cluster_id").isNull() | F.lit(not settings.slm_clusters)
    # Texts without a cluster must not end up in one partition: each is its own.
    family = F.coalesce("cluster_id", "text_hash")
    order = Window.partitionBy(family).orderBy(~is_open, in_sample, "position", "text_hash")
    is_first = is_open & ~in_sample & F.col("led").isNull() & (F.row_number().over(order) == 1)
    ranked = known.withColumns({"leads": ~alone & is_first, "is_free": alone | in_sample})
    asks = is_open & (F.col("is_free") | F.col("leads"))
    return ranked.withColumn("asks", asks).select(*asked.columns, "same", "led", "leads", "asks")


def taken_votes(planned: DataFrame, answered: DataFrame) -> DataFrame:
    """Let texts take over the vote on the same text, or the vote that leads their cluster.

    Where the leader got no answer its followers have none either, and say so: they will be asked themselves.

    Args:
        planned: what `plan_questions` gave.
        answered: the model's votes on the texts that it was asked about; one without a label leads nobody.

    Returns:
        `CAST`'s columns, tier `cache` or `cluster`.
    """
    leading = planned.where("leads").select("text_hash", "cluster_id")
    now = answered.where("label IS NOT NULL").join(leading, on="text_hash", how="inner")
    others = planned.where("NOT asks").join(now.select("cluster_id", _vote().alias("now")), on="cluster_id", how="left")
    tier = F.when(F.col("same").isNotNull(), Tier.CACHE.value).otherwise(Tier.CLUSTER.value)
    vote = F.coalesce("same", "led", "now")
    free = {"latency_ms": F.lit(0.0), "tokens_in": F.lit(0).cast("long"), "tokens_out": F.lit(0).cast("long")}
    taken = others.where(vote.isNotNull()).select("text_hash", vote.alias("vote"), tier.alias("taken"))
    told = taken.select("text_hash", "vote.*", "taken").withColumns(
        {"tier": F.col("taken"), "try_no": F.lit(1), **free}
    )
    failure = {"voter": Voter.SLM.value, "tier": Tier.CLUSTER.value, "failure": NoAnswer.LEADER_FAILED.value}
    left = others.where(vote.isNull()).select(
        "text_hash", *(F.lit(value).alias(name) for name, value in failure.items()), F.lit(1).alias("try_no")
    )
    return told.select(*CAST.names).unionByName(left, allowMissingColumns=True)


def _first(votes: DataFrame, asked: DataFrame, key: str, name: str) -> DataFrame:
    """Give each key that is asked about its earliest vote, as one column."""
    wanted = votes.join(asked.select(key).distinct(), on=key, how="left_semi")
    return wanted.groupBy(key).agg(F.min_by(_vote(), F.struct("voted_at", "vote_id")).alias(name))


def _vote() -> Column:
    return F.struct(*CAST_NAMES)


def _sampled(first_digit: int, share: float) -> Column:
    """Whether a text belongs to a share of all, by some digits of its hash."""
    number = F.conv(F.substring("text_hash", first_digit, HASH_DIGITS), 16, 10).cast("long")
    return number < int(share * 16**HASH_DIGITS)
