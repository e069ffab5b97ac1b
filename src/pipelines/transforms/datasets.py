"""What is handed out: the clean rows, the disagreements, and the models and prompts behind them."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.vocabulary import Verdict

NOT_ONE_LINE = r"[\p{Cc}\x{2028}\x{2029}]+"
"""Control characters (line ends and tabs among them) and the two separators that many tools read as line ends."""


def training_rows(gold: DataFrame) -> DataFrame:
    """Rows of `clean_training_dataset.jsonl`, in the order of their ids.

    Args:
        gold: gold.training_examples as `agreement.current` shows it.
    """
    return gold.select("record_id", "text", "label", "confidence", "voters", "versions").orderBy("record_id", "text")


def disagreement_rows(quarantine: DataFrame) -> DataFrame:
    """Lines of `disagreements.log`: `text | label,label | n`, one a text, n being how many labels stand.

    Texts are folded onto one line. Copies of a text share its one line; texts that only differed in what was redacted
    have one line each.

    Args:
        quarantine: quarantine.tickets as `agreement.current` shows it.
    """
    disagreed = quarantine.where(F.col("verdict") == Verdict.DISAGREEMENT.value)
    by_text = disagreed.groupBy("text_key").agg(
        # Copies may differ in case and white space: the copy with the smallest id is shown.
        F.min_by(F.coalesce("text", F.lit("")), "record_id").alias("text"),
        F.array_sort(F.array_distinct(F.flatten(F.collect_list("labels")))).alias("labels"),
    )
    listed, how_many = F.concat_ws(",", "labels"), F.size("labels").cast("string")
    line = F.regexp_replace(F.concat_ws(" | ", "text", listed, how_many), NOT_ONE_LINE, " ")
    return by_text.select(line.alias("line")).orderBy("line")


def model_rows(votes: DataFrame) -> DataFrame:
    """Registered models and prompts that voted: kind (model, prompt), name, version, hash; files are none.

    Args:
        votes: silver.labels.
    """
    models = votes.where(F.col("model_version").isNotNull()).select(
        F.lit("model").alias("kind"),
        *[F.col(f"model_{name}").alias(name) for name in ("name", "version", "hash")],
    )
    prompts = votes.where(F.col("prompt_version").isNotNull()).select(
        F.lit("prompt").alias("kind"),
        *[F.col(f"prompt_{name}").alias(name) for name in ("name", "version", "hash")],
    )
    names = ["kind", "name", "version", "hash"]
    return models.unionByName(prompts).distinct().select(*names).orderBy(*names)
