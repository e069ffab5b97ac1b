"""Handing data out, and making the same again."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines.contracts import CLUSTER_MERGES, LABELS, QUARANTINE, SHED, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.declaration import Table
from pipelines.errors import SplitLeakError, VerificationError
from pipelines.jobs import exports
from pipelines.jobs.exports import FAMILY, export
from pipelines.jobs.manifests import CARD, DATASET, DISAGREEMENTS, MANIFEST, Certificate, verify
from pipelines.jobs.publication import Provenance, policy_of
from pipelines.settings import ExportSettings, Settings
from tests.builders import decision, frame, record, vote

SCHEMAS = ("training_examples.schema.v1.json", "disagreements.schema.v1.json")
PROVENANCE = Provenance(
    policy_of(Settings()),
    ExportSettings(),
    "settings",
    "labels",
    {"gold.training_examples": 3},
    created_at="2026-01-05T12:00:00+00:00",
)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> dict[Table, DataFrame]:
    clusters = {"r1": "c1", "r2": "c2", "r3": "c3", "r4": "c1", "r5": "c5", "r6": "c6"}
    texts = {
        "r1": "où est ma carte ?",
        "r2": 'comma, "quote"\nsecond\u2028line',
        "r3": "moved",
        "r4": "où est donc ma carte ?",
        "r5": "Same words, much later",
        "r6": "same words,  much later",
    }
    gold = [
        {**decision(name), "text": texts[name], "cluster_id": clusters[name], "voters": ["human"], "source": "email"}
        for name in ("r2", "r3", "r4", "r5", "r6")
    ]
    first = {**decision("r1", label="card"), "text": texts["r1"], "cluster_id": "c1", "voters": ["human", "slm"]}
    # Its move to quarantine has begun: the newer row is there, the one in gold not yet gone.
    moved = decision("r3", decision_no=2, verdict="disagreement", reason="labels_disagree", labels=["a", "b"])
    name = {"field": "text", "type": "PERSON", "start": 0, "end": 3, "score": 0.9}
    tickets = [
        record(
            one,
            text=text,
            cluster_id=clusters[one],
            cluster_no=int(clusters[one][1:]),
            spans=[name] if one == "r2" else [],
            redaction_version="p1",
        )
        for one, text in texts.items()
    ]
    return {
        TRAINING_EXAMPLES: frame(spark, TRAINING_EXAMPLES, first, *gold),
        QUARANTINE: frame(spark, QUARANTINE, {**moved, "text": "moved\nhere"}),
        SHED: frame(spark, SHED),
        LABELS: frame(spark, LABELS, vote("card", 0.9, "slm")),
        TICKETS_SILVER: frame(spark, TICKETS_SILVER, *tickets),
        CLUSTER_MERGES: frame(spark, CLUSTER_MERGES),
    }


def test_an_export_holds_the_rows_users_read_and_is_the_same_every_time(
    spark: SparkSession, rows: dict[Table, DataFrame], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        export(spark, rows, str(tmp_path / name), PROVENANCE)
    folder = tmp_path / "one"
    lines = (folder / DATASET).read_text(encoding="utf-8").splitlines()
    assert lines[:2] == [
        '{"record_id": "r1", "text": "où est ma carte ?", "label": "card", "confidence": 0.9, '
        '"voters": ["human", "slm"], "versions": ["human=file"], "split": "train"}',
        '{"record_id": "r2", "text": "comma, \\"quote\\"\\nsecond\\u2028line", "label": "billing", "confidence": 0.9, '
        '"voters": ["human"], "versions": ["human=file"], "split": "train"}',
    ]
    assert [json.loads(line)["record_id"] for line in lines] == ["r1", "r2", "r4", "r5", "r6"]
    assert (folder / DISAGREEMENTS).read_text(encoding="utf-8") == "moved here | a,b | 2\n"
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    facts = {name: facts["rows"] for name, facts in manifest["files"].items() if name in (DATASET, DISAGREEMENTS)}
    assert facts == {DATASET: 5, DISAGREEMENTS: 1}
    assert manifest["not_clean"] == {"labels_disagree": 1}
    assert [(model["kind"], model["name"]) for model in manifest["models"]] == [
        ("model", "intent-slm"),
        ("prompt", "intent-prompt"),
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*manifest["files"], MANIFEST])
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_the_manifest_counts_what_the_rows_are_and_pins_every_file(
    spark: SparkSession, rows: dict[Table, DataFrame], tmp_path: Path
) -> None:
    manifest = export(spark, rows, str(tmp_path), PROVENANCE)
    contents = manifest["contents"]
    counted = {
        name: sum(counts.get(name, 0) for counts in contents["classes"].values()) for name in ("card", "billing")
    }
    assert counted == {"card": 1, "billing": 4}
    assert (contents["voters"], contents["replaced"], contents["policies"]) == (
        {"human": 5, "slm": 1}, {"PERSON": 1}, {"p1": 5},
    )  # fmt: skip
    assert set(manifest["files"]) == {DATASET, DISAGREEMENTS, CARD, *SCHEMAS}
    assert verify(str(tmp_path)) == manifest
    for name in (CARD, *SCHEMAS):
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before.replace(b"a", b"b", 1))
        with pytest.raises(VerificationError, match=f"{name} was changed after its export"):
            verify(str(tmp_path))
        (tmp_path / name).write_bytes(before)


def test_every_line_is_what_its_schema_says(spark: SparkSession, rows: dict[Table, DataFrame], tmp_path: Path) -> None:
    export(spark, rows, str(tmp_path), PROVENANCE)
    schema, log = (json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in SCHEMAS)
    kinds = {"string": str, "number": float, "array": list}
    for line in (tmp_path / DATASET).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert list(row) == schema["required"] == list(schema["properties"]) or sorted(row) == sorted(
            schema["required"]
        )
        assert [
            name for name, value in row.items() if not isinstance(value, kinds[schema["properties"][name]["type"]])
        ] == []
    assert all(facts["description"] for facts in schema["properties"].values())
    assert (log["type"], schema["additionalProperties"]) == ("string", False)


def test_the_card_tells_what_the_manifest_knows(
    spark: SparkSession, rows: dict[Table, DataFrame], tmp_path: Path
) -> None:
    certificate = Certificate(name="c-1", statement="at most 5 % are wrong, 95 % sure")
    provenance = replace(PROVENANCE, certificate=certificate, as_of="2026-01-04T00:00:00+00:00")
    export(spark, rows, str(tmp_path), provenance)
    card = (tmp_path / CARD).read_text(encoding="utf-8")
    told = [
        "5 redacted texts", "as they stood at 2026-01-04", "| billing | ", "| all | ", "| email | 4 |",
        "| PERSON | 1 |",
        "| gold.training_examples | 3 |", "intent-slm", "| labels_disagree | 1 |", "c-1: at most 5 % are wrong",
        policy_of(Settings())["redaction_policy"], policy_of(Settings())["gate_version"], "US_SSN (placeholder)",
    ]  # fmt: skip
    assert [words for words in told if words not in card] == []
    export(spark, rows, str(tmp_path), PROVENANCE)
    assert "None: nobody has measured" in (tmp_path / CARD).read_text(encoding="utf-8")


def test_equal_texts_of_two_clusters_are_in_one_split_and_an_export_that_tears_them_apart_is_refused(
    spark: SparkSession, rows: dict[Table, DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By their own hashes c5 and c6 are in two splits, whatever these are: shares are chosen so.
    halves = replace(PROVENANCE, split=ExportSettings("hash", 0.5, 0.0, 0.5))
    export(spark, rows, str(tmp_path / "whole"), halves)
    lines = (tmp_path / "whole" / DATASET).read_text(encoding="utf-8").splitlines()
    splits = {row["record_id"]: row["split"] for row in map(json.loads, lines)}
    assert splits["r5"] == splits["r6"]
    assert splits["r1"] == splits["r4"]

    def join_nothing(spark: SparkSession, shared: DataFrame) -> DataFrame:
        return spark.createDataFrame([], FAMILY)

    monkeypatch.setattr(exports, "join_families", join_nothing)
    with pytest.raises(SplitLeakError, match="0 clusters and 1 normalised texts would stand in more than one split"):
        export(spark, rows, str(tmp_path / "torn"), halves)
    assert not (tmp_path / "torn").exists()


def test_a_file_that_does_not_come_out_as_expected_is_not_published(
    spark: SparkSession, rows: dict[Table, DataFrame], tmp_path: Path
) -> None:
    manifest = export(spark, rows, str(tmp_path / "one"), PROVENANCE)
    fewer = {**rows, TRAINING_EXAMPLES: rows[TRAINING_EXAMPLES].where("record_id != 'r1'")}
    with pytest.raises(VerificationError, match=rf"{DATASET} .* rows 4, the manifest says 5"):
        export(spark, fewer, str(tmp_path / "two"), PROVENANCE, manifest["files"])
    assert names(tmp_path / "two") == []
    same = export(spark, rows, str(tmp_path / "two"), PROVENANCE, manifest["files"])
    assert same == manifest


def names(folder: Path) -> list[str]:
    found: Iterable[Path] = folder.iterdir() if folder.exists() else ()
    return [path.name for path in found]
