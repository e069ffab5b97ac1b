"""Raw text in, redacted text out: normalising, placeholders and spans without Spark, the transform with a stand-in."""

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from pipelines.transforms.normalisation import normalise_text
from pipelines.transforms.placeholders import RedactedText, Span, redact_until_clean
from pipelines.transforms.redaction import redact
from tests.builders import raw_tickets

ENTITIES = ("PERSON", "EMAIL_ADDRESS", "US_SSN", "PHONE_NUMBER")


def finds(*wanted: tuple[str, str, float]) -> "Detector":
    return Detector(wanted)


class Detector:
    """Finds words of a list; counts the texts it was asked about."""

    def __init__(self, wanted: Sequence[tuple[str, str, float]]) -> None:
        self.wanted = wanted
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[list[Span] | None]:
        self.asked += texts
        return [None if "poison" in text else self.find(text) for text in texts]

    def find(self, text: str) -> list[Span]:
        return [
            Span(text.index(value), text.index(value) + len(value), kind, score)
            for value, kind, score in self.wanted
            if value in text
        ]


def one(text: str, detector: Detector) -> RedactedText:
    return redact_until_clean([text], detector, ENTITIES)[0]


def test_texts_are_normalised_before_they_are_read() -> None:
    assert normalise_text("e\u0301\r\nb\rc\u00a0d\u200be\u00adf\x00g\th\u2028i") == "\u00e9\nb\nc def" + "g\th\ni"
    assert normalise_text("🤷🏽 a\u202eb\ufeff") == "🤷🏽 ab"


def test_what_only_shows_after_a_first_replacement_is_replaced_too() -> None:
    detector = finds(("Ann", "PERSON", 0.9), ("of <PERSON> Lee", "PERSON", 0.8))
    redacted = one("friend of Ann Lee", detector)
    assert redacted.text == "friend <PERSON> <PERSON> <PERSON>"
    assert [(span.start, span.end) for span in redacted.spans] == [(7, 9), (10, 13), (14, 17)]


def test_the_surer_finding_keeps_its_characters_and_the_other_what_is_left() -> None:
    detector = finds(("Ann Lee ann@x.org", "PERSON", 0.85), ("ann@x.org", "EMAIL_ADDRESS", 0.5))
    assert one("by Ann Lee ann@x.org.", detector).text == "by <PERSON> <EMAIL_ADDRESS>."


def test_equal_claims_go_to_the_higher_score() -> None:
    detector = finds(("219-09-9998", "PHONE_NUMBER", 0.4), ("219-09-9998", "US_SSN", 0.5))
    assert one("id 219-09-9998", detector).text == "id <US_SSN>"


def test_placeholders_are_left_alone_whoever_wrote_them() -> None:
    assert one("to <PERSON> or PERSON", finds(("<PERSON>", "US_SSN", 1.0))).text == "to <PERSON> or PERSON"


def test_a_name_without_letters_is_none() -> None:
    assert one("paid 49.99 twice", finds(("49.99", "PERSON", 0.85))).text == "paid 49.99 twice"


def test_equal_texts_are_analysed_once_and_a_failing_one_costs_only_itself() -> None:
    detector = finds(("Ann", "PERSON", 0.9))
    redacted = redact_until_clean(["Ann", "poison", "Ann", "fine"], detector, ENTITIES)
    assert [text.text for text in redacted] == ["<PERSON>", None, "<PERSON>", "fine"]
    assert detector.asked == ["Ann", "poison", "fine", "<PERSON>"]


def stand_in(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        rows = [answer(*row) for row in frame[["raw_subject", "raw_text", "withheld"]].itertuples(index=False)]
        yield pd.DataFrame(rows, columns=["subject", "text", "spans", "withheld", "redaction_version"])


def answer(subject: str | None, text: str, withheld: str | None) -> tuple[object, ...]:
    span = {"field": "text", "type": "PERSON", "start": 0, "end": 3, "score": 0.5}
    return (subject, None if withheld else text.replace("Ann", "<PERSON>"), [] if withheld else [span], withheld, "v1")


def withheld_tickets(spark: SparkSession) -> DataFrame:
    tickets = raw_tickets(spark, {"record_id": "a", "raw_text": "Ann"}, {"record_id": "b", "raw_text": "Ann"})
    reason = "CASE WHEN record_id = 'b' THEN 'text_too_long' END AS withheld"
    return tickets.selectExpr("*", reason, "CAST(NULL AS STRING) AS kept_record_id")


def test_raw_text_leaves_and_redacted_text_comes(spark: SparkSession) -> None:
    redacted = withheld_tickets(spark).transform(redact, stand_in).orderBy("record_id")
    assert not [name for name in redacted.columns if name.startswith("raw")]
    rows = redacted.collect()
    assert [(row.record_id, row.text, row.withheld, row.redaction_version) for row in rows] == [
        ("a", "<PERSON>", None, "v1"),
        ("b", None, "text_too_long", "v1"),
    ]
    assert [tuple(span) for span in rows[0].spans] == [("text", "PERSON", 0, 3, 0.5)]
    assert rows[0].created_at is not None


def test_a_filter_on_the_result_does_not_run_the_model_twice(spark: SparkSession) -> None:
    plan = (
        withheld_tickets(spark).transform(redact, stand_in).where("withheld IS NULL")._jdf.queryExecution().toString()
    )
    optimised = plan.split("== Optimized Logical Plan ==")[1].split("== Physical Plan ==")[0]
    assert optimised.count("ArrowEvalPython") == 1
