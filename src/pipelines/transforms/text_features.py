"""What a redacted text is about: its sentences, stems and key phrases, through an annotator passed in.

Only redacted text is read, and placeholders are taken out of it first: no word of one may become a stem or stand in a
key phrase, and no phrase may reach across one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.columns import IDENTITY
from pipelines.contracts import TEXT_FEATURES
from pipelines.transforms.partitions import spread

PREPARED = "prepared"
BREAK = "|"
IN_BRACKETS = r"(?<=<)(?=[^<>\n]{1,80}>)[^<>\n]|(?!^)\G[^<>\n]"
"""Each character between angle brackets: the first looks ahead for the end, the others follow one that was found."""
BEYOND_16_BITS = r"[\x{10000}-\x{10FFFF}]"


@dataclass(frozen=True)
class TextAnnotator:
    """What reads the texts.

    Attributes:
        annotate: adds `sentence`, `token`, `stem` and `phrase` to a frame with `prepared`: arrays of
            (begin, end, result, metadata), begin and end being the first and the last UTF-16 unit.
        version: names its settings, rules and library; it stands on every row.
    """

    annotate: Callable[[DataFrame], DataFrame]
    version: str


def text_features(records: DataFrame, annotator: TextAnnotator) -> DataFrame:
    """Describe each redacted text. Withheld records get no row: there is no text that could be read.

    Args:
        records: rows of silver.tickets.
        annotator: see `TextAnnotator`.
    """
    names = [field.name for field in IDENTITY]
    texts = records.where(F.col("withheld").isNull() & F.col("text").isNotNull())
    prepared = texts.select(*names, "text", prepare(F.col("text")).alias(PREPARED))
    annotated = prepared.transform(spread, "record_id").transform(annotator.annotate)
    described = {
        "sentences": F.transform("sentence", lambda one: whole_sentence(one, F.col("text"))),
        "tokens": F.size(F.filter("token.result", lambda word: word.rlike(r"[\p{L}\p{N}]"))),
        "stems": F.filter("stem.result", lambda word: word.rlike(r"\p{L}")),
        "key_phrases": key_phrases(F.col("phrase"), F.col(PREPARED)),
        "features_version": F.lit(annotator.version),
    }
    return annotated.select(*names, *(made.alias(name) for name, made in described.items())).select(
        *TEXT_FEATURES.payload_names
    )


def prepare(text: Column) -> Column:
    """Turn placeholders into bars between spaces, without moving anything: places stay those of the redacted text.

    Whatever stands in angle brackets counts as a placeholder. Characters that take two UTF-16 units (emoji) become
    spaces: from here on, units and code points are counted alike.
    """
    plain = F.regexp_replace(text, BEYOND_16_BITS, " ")
    return F.translate(F.regexp_replace(plain, IN_BRACKETS, BREAK), "<>", "  ")


def whole_sentence(found: Column, text: Column) -> Column:
    """Give a sentence's place [start, end), with the bracket of a placeholder that it begins or ends with."""
    opens = text.substr(found["begin"], F.lit(1)) == "<"
    closes = text.substr(found["end"] + 2, F.lit(1)) == ">"
    start, end = found["begin"] - F.when(opens, 1).otherwise(0), found["end"] + F.when(closes, 2).otherwise(1)
    return F.struct(start.alias("start"), end.alias("end"))


def key_phrases(found: Column, prepared: Column) -> Column:
    """Give each phrase once, best first, and none that reaches across a placeholder."""
    whole = F.filter(found, lambda one: ~prepared.substr(one["begin"] + 1, _length(one)).contains(BREAK))
    scored = F.transform(whole, lambda one: F.struct(_score(one).alias("score"), one["result"].alias("phrase")))
    ordered = F.array_sort(F.array_distinct(scored))
    return F.transform(ordered, lambda one: F.struct(one["phrase"].alias("phrase"), one["score"].alias("score")))


def _score(annotation: Column) -> Column:
    return annotation["metadata"]["score"].cast("double")


def _length(annotation: Column) -> Column:
    return annotation["end"] - annotation["begin"] + 1
