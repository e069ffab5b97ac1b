"""`lakehouse train`: a student of the verified examples, registered, voting, and no student without examples."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.model_files import PinnedVersions
from pipelines.adapters.models import build_voters
from pipelines.adapters.registry import held_out_share, open_client, pin_versions
from pipelines.cli.app import run
from pipelines.intents import load_intents
from pipelines.workspace import Workspace, open_workspace
from tests.builders import cast_on
from tests.cli.workspaces import make_workspace

CARDS = [
    "I lost my card",
    "my card is gone",
    "someone stole my card",
    "where can my card be",
    "my bank card is missing",
]
REFUNDS = ["I want my money back", "please refund my order", "refund me", "when is my refund due", "money back please"]
INTENTS = [("card_lost", CARDS), ("refund", REFUNDS), ("login", ["I cannot log in"])]


def workspace_of(folder: Path, intents: list[tuple[str, list[str]]]) -> Path:
    entries = [{"name": name, "examples": examples} for name, examples in intents]
    return make_workspace(folder, json.dumps({"intents": entries}))


def pinned(opened: Workspace) -> PinnedVersions:
    return pin_versions(opened.tracking_uri, opened.settings.models, slm_needed=False)


def test_a_student_is_trained_registered_and_votes(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_workspace(workspace_of(tmp_path, INTENTS))
    capsys.readouterr()
    assert run(["train", "--json", "--workspace", str(opened.root)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["name"], report["version"], report["labels"]) == ("intent-student", "1", 2)
    assert (report["examples"], report["missing"]) == ({"intents": 11}, {"login": 1})
    student = pinned(opened).student
    assert student is not None
    assert student.version == "1"
    uris = opened.settings.models.student_uri, opened.settings.models.calibration_uri
    assert held_out_share(opened.tracking_uri, *uris) == 0.02, "it never saw what the audit's share holds"
    assert held_out_share(opened.tracking_uri, uris[1]) == 1.0, "there is no calibration yet"
    assert held_out_share(opened.tracking_uri, opened.settings.models.encoder_uri) == 0.0, "this one does not tell"
    voters = build_voters(
        pinned(opened), load_intents(tmp_path / "intents.yml"), opened.settings.labelling, opened.tracking_uri
    )
    votes = cast_on(["somebody took my card", "the login page", "give me the refund"], voters)
    by_student = votes[votes["voter"] == "student"]
    assert list(by_student["label"]) == ["card_lost", "login", "refund"], (
        "the memory stands in for what it has not learnt"
    )
    assert set(by_student["model_name"]) == {"intent-student"}
    assert set(by_student["model_hash"]) == {student.weights_hash}
    for shares in by_student["alternatives"]:
        assert sum(share["probability"] for share in shares) == pytest.approx(1, abs=1e-5)


def test_an_ml_engineer_finds_how_it_was_trained_and_loads_it_with_mlflow(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_workspace(workspace_of(tmp_path, INTENTS[:2]))
    assert run(["train", "--no-promote", "--workspace", str(opened.root)]) == 0
    assert "lakehouse model promote intent-student 1" in capsys.readouterr().out
    assert pinned(opened).student is None
    version = open_client(opened.tracking_uri).get_model_version("intent-student", "1")
    logged = open_client(opened.tracking_uri).get_run(version.run_id).data
    assert logged.params["examples_of_intents"] == "10"
    assert logged.params["version_of_gold.training_examples"] == "0"
    assert 0.5 < logged.metrics["held_out_accuracy"] <= 1
    mlflow.set_tracking_uri(opened.tracking_uri)
    model = mlflow.pyfunc.load_model("models:/intent-student/1")
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 384)
    shares = model.predict(np.eye(384, dtype=np.float32)[:3])
    assert shares.shape == (3, 2)
    assert shares.sum(axis=1) == pytest.approx(1)


def test_without_enough_examples_it_says_what_is_missing(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = workspace_of(tmp_path, [INTENTS[0], INTENTS[2]])
    assert run(["train", "--workspace", str(project)]) == 65
    assert "at least two intents need 5 each (login has 1)" in " ".join(capsys.readouterr().err.split())
