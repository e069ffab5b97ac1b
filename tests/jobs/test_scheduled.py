import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from pipelines.errors import InputDataError, UsageError
from pipelines.jobs.manifests import verify
from pipelines.jobs.scheduled import validate
from pipelines.settings import IntakeSettings, Settings

DATASET, DISAGREEMENTS, MANIFEST = "clean_training_dataset.jsonl", "disagreements.log", "manifest.json"
HEADER = ["text", "annotator_id", "label", "confidence_score"]


def redactor(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Stands in for the detector: knows one name, and like the real one folds white space."""
    for batch in batches:
        yield pd.DataFrame(
            [redact_one(*row) for row in batch[SHOWN].itertuples(index=False)], columns=REDACTED, dtype=object
        )


SHOWN = ["raw_subject", "raw_text", "withheld"]
REDACTED = ["subject", "text", "spans", "withheld", "redaction_version"]


def redact_one(subject: str | None, text: str, withheld: str | None) -> tuple[object, ...]:
    if withheld:
        return None, None, [], withheld, "test"
    start = text.find("Zoe")
    found = {"field": "text", "type": "PERSON", "start": start, "end": start + 3, "score": 0.9}
    folded = " ".join(text.split()).replace("Zoe", "<PERSON>")
    return None, folded, [found] if start >= 0 else [], None, "test"


def write_csv(path: Path, *rows: list[object]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def test_validate_judges_labelled_files_by_the_gates_rules(spark: SparkSession, tmp_path: Path) -> None:
    first = write_csv(
        tmp_path / "first [1].csv",
        [*HEADER, "record_id"],
        ["equal to the threshold", "ann", "card", 0.8, "id-1"],
        ["just below", "ann", "card", 0.7999, "id-2"],
        ["no confidence", "ann", "card", "", "id-3"],
        ["one label twice", "ann", "card", 0.85, "id-4"],
        ["One  label twice", "ben", "card", 0.95, "id-5"],
        ["two labels in two files", "ann", "refund", 0.9, "id-6"],
        ["one of two labels below", "ann", "card", 0.9, "id-7"],
        ["one of two labels below", "ben", "refund", 0.5, "id-7"],
        ['commas, "quotes"\n and  new lines', "ann", "card", 1.0, "id-8"],
        ["I am Zoe,  hello", "ann", "card", 1.0, "id-9"],
        ["shared id", "ann", "card", 0.9, "id-9"],
        ["", "ann", "card", 1.0, "id-11"],
        ["much too long to be read" * 3, "ann", "card", 1.0, "id-12"],
    )
    second = tmp_path / "second.jsonl"
    lines = [
        {"text": "two labels in two files", "annotator_id": "ben", "label": "card", "confidence_score": 0.8},
        {"text": "no id", "annotator_id": "ben", "label": "anything", "confidence_score": 0.9},
    ]
    second.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = Settings(intake=IntakeSettings(max_text_chars=60))
    manifest = validate(spark, [first, str(second)], str(tmp_path / "out"), settings, redactor)
    rows = [json.loads(line) for line in (tmp_path / "out" / DATASET).read_text(encoding="utf-8").splitlines()]
    assert [
        (row["record_id"], row["text"], row["label"], row["confidence"]) for row in rows if row["text"] != "no id"
    ] == [
        ("id-1", "equal to the threshold", "card", 0.8),
        ("id-5", "One  label twice", "card", 0.95),
        ("id-7", "one of two labels below", "card", 0.9),
        ("id-8", 'commas, "quotes"\n and  new lines', "card", 1.0),
        ("id-9", "I am <PERSON>, hello", "card", 1.0),
        ("id-9", "shared id", "card", 0.9),
    ]
    # printf '%s' '["label_file","no id"]' | sha256sum: anybody gets the same.
    assert [row["record_id"] for row in rows if row["text"] == "no id"] == [NO_ID]
    log = (tmp_path / "out" / DISAGREEMENTS).read_text(encoding="utf-8")
    assert log == "two labels in two files | card,refund | 2\n"
    # Texts are dealt out one by one, by what they say: the same file, the same splits.
    assert [row["text"] for row in rows if row["split"] != "train"] == ["no id"]
    assert [row["split"] for row in rows if row["text"] == "no id"] == ["test"]
    assert verify(str(tmp_path / "out"))["contents"]["replaced"] == {"PERSON": 1}
    assert (manifest["tables"], manifest["contents"]["voters"]) == ({}, {"human": 7})
    assert manifest["not_votes"] == {"text_empty": 1}
    assert manifest["not_clean"] == {
        "confidence_below_threshold": 1,
        "confidence_missing": 1,
        "labels_disagree": 1,
        "text_too_long": 1,
    }


NO_ID = "e758b5bd030fdcb51d975cdedec7610a89847a23c1d932d6f4738d163efe2452"


def test_validate_says_which_columns_are_missing_and_shows_none_that_may_be_a_text(
    spark: SparkSession, tmp_path: Path
) -> None:
    other_names = write_csv(tmp_path / "answers.csv", ["task", "worker", "label"], ["1", "2", "3"])
    headless = write_csv(tmp_path / "headless.csv", ["I am Zoe and my card is lost", "ann", "card", "0.9"])
    with pytest.raises(InputDataError) as refused:
        validate(spark, [other_names], str(tmp_path / "out"), Settings(), redactor)
    assert str(refused.value).endswith(
        "answers.csv: needed once each and not there: text, annotator_id, confidence_score. The file has: task, "
        "worker, label. Rename its columns, or give it the header line text,annotator_id,label,confidence_score "
        "(record_id may be added)."
    )
    with pytest.raises(InputDataError, match="column 1 \\(not shown") as refused:
        validate(spark, [headless], str(tmp_path / "out"), Settings(), redactor)
    assert "Zoe" not in str(refused.value)
    with pytest.raises(UsageError, match=r"nowhere\.csv is not there"):
        validate(spark, [str(tmp_path / "nowhere.csv")], str(tmp_path / "out"), Settings(), redactor)
    assert not (tmp_path / "out").exists()
