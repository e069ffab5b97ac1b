import json

from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import LABEL_FILES, LANDED_FILES
from pipelines.transforms.landing import landed_files, parse_label_files, unread_files
from pipelines.transforms.pseudonyms import key_file
from tests.builders import NOON, frame

KEY = bytes(range(32))


def label_files(spark: SparkSession, *files: tuple[str, bytes]) -> DataFrame:
    schema = "path string, modificationTime timestamp, length long, content binary"
    return spark.createDataFrame([(path, NOON, len(content), content) for path, content in files], schema)


CSV = b"label,text,annotator_id,confidence_score\nrefund,Money back,ann,0.9\nrefund,,ann,0.9\nrefund,Money back,bob,\n"
JSON_LINES = b'{"text":"Where is it?","annotator_id":"ann","label":"order_status","record_id":"r9"}\n'


def test_every_row_of_a_labelled_file_becomes_a_bronze_row(any_zone: SparkSession) -> None:
    files = label_files(
        any_zone,
        ("file:/w/landing/labeled/2026/01/05/b", CSV),
        ("file:/w/landing/labeled/2026/01/04/a.csv", JSON_LINES),
        ("file:/w/landing/labeled/odd.csv", b"worker,answer\n1,2\n"),
    )
    bronze = files.transform(parse_label_files, NOON, "/w/landing/labeled")
    assert bronze.columns == LABEL_FILES.payload_names
    assert [f.dataType.simpleString() for f in bronze.schema] == [
        field.dataType.simpleString() for field in LABEL_FILES.columns.fields[:-2]
    ]
    rows = bronze.orderBy("path", "row_number").collect()
    assert [(row.path, row.row_number, row.label, row.confidence_score, row.error_code) for row in rows] == [
        ("2026/01/04/a.csv", 1, "order_status", None, None),
        ("2026/01/05/b", 1, "refund", 0.9, None),
        ("2026/01/05/b", 2, "refund", 0.9, "text_empty"),
        ("2026/01/05/b", 3, "refund", None, None),
        ("odd.csv", 0, None, None, "columns_missing"),
    ]
    assert rows[0].record_id == "r9"
    assert {row.file_modified_at.timestamp() for row in rows} == {NOON.timestamp()}
    assert json.loads(rows[1].raw) == {
        "label": "refund", "text": "Money back", "annotator_id": "ann", "confidence_score": "0.9",
    }  # fmt: skip


def test_a_file_without_rows_and_one_that_is_gone_leave_one_invalid_row_each(spark: SparkSession) -> None:
    schema = "path string, modificationTime timestamp, content binary"
    files = [("/w/odd.csv", NOON, CSV.split(b"\n")[0]), ("/w/gone.csv", None, None), ("/w/b.csv", NOON, CSV)]
    rows = spark.createDataFrame(files, schema).coalesce(1).transform(parse_label_files, NOON, "/w").collect()
    assert [(row.path, row.row_number, row.error_code, row.file_modified_at is None) for row in rows] == [
        ("odd.csv", 0, "rows_missing", False),
        ("gone.csv", 0, "file_missing", True),
        *[("b.csv", number, error, False) for number, error in ((1, None), (2, "text_empty"), (3, None))],
    ]


def test_a_landed_file_is_named_by_its_pseudonym_too(any_zone: SparkSession) -> None:
    names = any_zone.createDataFrame([("2026/01/05/é a.csv",)], "path string")
    landed = names.transform(landed_files, KEY, NOON)
    assert landed.columns == LANDED_FILES.payload_names
    (row,) = landed.collect()
    assert (row.file_key, row.path) == (key_file(KEY, "2026/01/05/é a.csv"), "2026/01/05/é a.csv")
    assert row.found_at.timestamp() == NOON.timestamp()


def test_a_file_is_unread_until_bronze_has_a_row_of_it(spark: SparkSession) -> None:
    landed = frame(spark, LANDED_FILES, *({"file_key": name.upper(), "path": name} for name in ("a", "b", "c")))
    rows = frame(spark, LABEL_FILES, {"path": "a", "row_number": 1}, {"path": "a", "row_number": 2}, {"path": "c"})
    unread = landed.transform(unread_files, rows)
    assert unread.columns == landed.columns
    assert [(row.file_key, row.path) for row in unread.collect()] == [("B", "b")]
