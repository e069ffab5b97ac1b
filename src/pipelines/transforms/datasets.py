"""What is handed out: the clean rows, the disagreements, the models and prompts behind them, and what they hold."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.exports import EXPORTED_EXAMPLES
from pipelines.vocabulary import Verdict

NOT_ONE_LINE = r"[\p{Cc}\x{2028}\x{2029}]+"
"""Control characters (line ends and tabs among them) and the two separators that many tools read as line ends."""


def training_rows(examples: DataFrame) -> DataFrame:
    """Rows of `clean_training_dataset.jsonl`, in the order of their ids.

    Args:
        examples: gold.training_examples as `agreement.current` shows it, with the split of each row.
    """
    return examples.select(*EXPORTED_EXAMPLES.column_names).orderBy("record_id", "text")


def example_counts(examples: DataFrame) -> DataFrame:
    """Count exported rows by what they are: kind (class, source, voter, version, month), split, name, rows.

    Only classes are counted by split.

    Args:
        examples: what `training_rows` reads.
    """
    told = [
        F.array(_told("class", F.col("label"), F.col("split")), _told("source", F.col("source"))),
        F.array(_told("month", F.date_format("created_at", "yyyy-MM"))),
        F.transform("voters", lambda name: _told("voter", name)),
        F.transform("versions", lambda name: _told("version", name)),
    ]
    return _count_told(examples.select(F.explode(F.concat(*told)).alias("told")))


def redaction_counts(tickets: DataFrame, examples: DataFrame) -> DataFrame:
    """Count what was redacted in exported rows: kind (policy: rows; replaced: values by type), split, name, rows.

    Args:
        tickets: silver.tickets.
        examples: rows with the record_id that silver knows.
    """
    shown = tickets.join(examples.select("record_id"), on="record_id", how="left_semi")
    policy = F.array(_told("policy", F.col("redaction_version")))
    in_text = F.filter(F.coalesce("spans", F.array()), lambda span: span["field"] == "text")
    replaced = F.transform(in_text, lambda span: _told("replaced", span["type"]))
    return _count_told(shown.select(F.explode(F.concat(policy, replaced)).alias("told")))


def _told(kind: str, name: Column, split: Column | None = None) -> Column:
    part = F.lit(None).cast("string") if split is None else split
    known = F.coalesce(name, F.lit("unknown"))
    return F.struct(F.lit(kind).alias("kind"), part.alias("split"), known.alias("name"))


def _count_told(rows: DataFrame) -> DataFrame:
    counted = rows.groupBy("told").agg(F.sum(F.lit(1)).alias("rows"))
    return counted.select("told.*", "rows").orderBy("kind", "split", "name")


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
