"""Text features by the real annotator: it is rules in the JVM, so literal answers are stable."""

import pytest
from pyspark.sql import Row, SparkSession

from pipelines.adapters.text_annotator import build_annotator
from pipelines.contracts import TEXT_FEATURES, TICKETS_SILVER
from pipelines.settings import FeatureSettings
from pipelines.transforms.text_features import TextAnnotator, prepare, text_features
from tests.builders import frame, record
from tests.spark_line import needs_spark_nlp

pytestmark = needs_spark_nlp

COFFEE = "My coffee machine broke yesterday. The coffee machine made a noise, and nobody came!"


@pytest.fixture(scope="module")
def annotator(spark: SparkSession) -> TextAnnotator:
    return build_annotator(spark, FeatureSettings())


def described(spark: SparkSession, annotator: TextAnnotator, *texts: str | None) -> list[Row]:
    """The rows of texts, in their order; `r0` is the first."""
    records = [record(f"r{number}", text=text) for number, text in enumerate(texts)]
    made = frame(spark, TICKETS_SILVER, *records).transform(text_features, annotator)
    return sorted(made.collect(), key=lambda row: row["record_id"])


def phrases(row: Row) -> list[str]:
    return [one["phrase"] for one in row["key_phrases"]]


def cut(text: str, row: Row) -> list[str]:
    return [text[one["start"] : one["end"]] for one in row["sentences"]]


def test_a_text_gives_its_sentences_stems_and_key_phrases(spark: SparkSession, annotator: TextAnnotator) -> None:
    (row,) = described(spark, annotator, COFFEE)

    assert list(row.asDict()) == TEXT_FEATURES.payload_names
    assert [tuple(one) for one in row["sentences"]] == [(0, 34), (35, 84)]
    assert row["tokens"] == 14
    assert row["stems"] == [
        "coffe",
        "machin",
        "broke",
        "yesterdai",
        "coffe",
        "machin",
        "made",
        "nois",
        "nobodi",
        "came",
    ]
    assert phrases(row)[:3] == ["coffee machine", "machine broke", "broke yesterday"]
    scores = [one["score"] for one in row["key_phrases"]]
    assert scores == sorted(scores)
    assert len(scores) == len(set(phrases(row))) <= 10


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Broken 😀😀 twice. And \U0001d41b\U0001d428\U0001d425\U0001d41d again! 😀 Help me.",
            ["Broken 😀😀 twice.", "And \U0001d41b\U0001d428\U0001d425\U0001d41d again!", "Help me."],
        ),
        ("  two  spaces.\n\nA new line\tand a tab.", ["two  spaces.", "A new line\tand a tab."]),
        ("<PERSON> called. Was it <PERSON_3f9a11c2>", ["<PERSON> called.", "Was it <PERSON_3f9a11c2>"]),
        ("<PERSON>", ["<PERSON>"]),
    ],
)
def test_sentences_are_code_points_of_the_redacted_text(
    spark: SparkSession, annotator: TextAnnotator, text: str, sentences: list[str]
) -> None:
    (row,) = described(spark, annotator, text)

    assert cut(text, row) == sentences


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("<PERSON> lost card <PERSON> lost card <PERSON>", ["lost", "card", "lost", "card"]),
        ("card<PERSON>card <PERSON_3f9a11c2>, card", ["card", "card", "card"]),
        ("<Order number> <a-b.c> <PHONE_NUMBER> refund", ["refund"]),
    ],
)
def test_no_word_of_a_placeholder_is_a_stem_or_in_a_key_phrase(
    spark: SparkSession, annotator: TextAnnotator, text: str, stems: list[str]
) -> None:
    (row,) = described(spark, annotator, text)

    assert row["stems"] == stems
    assert row["tokens"] == len(stems)
    assert {word for phrase in phrases(row) for word in phrase.split()} <= {"lost", "card", "refund"}


def test_no_key_phrase_reaches_across_a_placeholder(spark: SparkSession, annotator: TextAnnotator) -> None:
    whole, parted = described(
        spark, annotator, "stolen card, stolen card, stolen card", "stolen <PERSON> card, stolen <PERSON> card"
    )

    assert phrases(whole) == ["stolen card"]
    assert phrases(parted) == []


def test_placeholders_become_bars_in_place_and_a_lonely_bracket_stays_harmless(spark: SparkSession) -> None:
    texts = ["a <PERSON> b", "x<y and z>w", "if 3 < 4 then", "<A><LOCATION_0123abcd>", "<PERSON", "😀<URL>"]
    rows = spark.createDataFrame([(number, text) for number, text in enumerate(texts)], "id int, text string")
    prepared = [row[0] for row in rows.sort("id").select(prepare(rows["text"])).collect()]

    assert prepared == [
        "a  ||||||  b", "x ||||||| w", "if 3   4 then", " |  ||||||||||||||||| ", " PERSON", "  ||| ",
    ]  # fmt: skip
    assert [len(text) for text in prepared] == [len(text) for text in texts]


def test_an_empty_text_has_a_row_and_a_withheld_record_has_none(spark: SparkSession, annotator: TextAnnotator) -> None:
    records = [
        record("empty", text=""),
        record("marks", text="... !!!"),
        record("long", text=None, withheld="text_too_long"),
        record("shed", text="my card is lost", withheld="over_daily_limit"),
    ]
    rows = frame(spark, TICKETS_SILVER, *records).transform(text_features, annotator).collect()

    assert sorted((row["record_id"], row["tokens"], row["stems"], row["key_phrases"]) for row in rows) == [
        ("empty", 0, [], []), ("marks", 0, [], []),
    ]  # fmt: skip


def test_every_row_names_its_settings_and_library(spark: SparkSession, annotator: TextAnnotator) -> None:
    rows = described(spark, annotator, COFFEE, "my card is lost")
    other = build_annotator(spark, FeatureSettings(max_key_phrases=2))
    (fewer,) = described(spark, other, COFFEE)

    assert {row["features_version"] for row in rows} == {f"{FeatureSettings().fingerprint()}/spark-nlp@5.5.3/rules@1"}
    assert fewer["features_version"] != rows[0]["features_version"]
    assert len(phrases(fewer)) == 2


def test_the_order_and_the_company_of_texts_change_nothing(spark: SparkSession, annotator: TextAnnotator) -> None:
    texts = [COFFEE, "my card is lost", "", "Refund please. Refund the toaster!"]
    together = described(spark, annotator, *texts)
    alone = [described(spark, annotator, text)[0] for text in texts]

    assert [row[4:] for row in together] == [row[4:] for row in alone]
