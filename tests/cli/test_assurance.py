"""`calibrate` and `certify`: what people's votes say of the models' confidence, and which of them are evidence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.cli.app import run
from pipelines.cli.opening import calibration_of, open_tables
from pipelines.contracts import LABELS, TICKETS_SILVER
from pipelines.errors import InputDataError
from pipelines.kernels.calibration import LEAST_ROWS
from pipelines.transforms.lots import in_audit
from pipelines.workspace import open_workspace
from tests.builders import frame, record, vote
from tests.cli.workspaces import make_workspace

INTENTS = "intents:\n- {name: card, examples: [b]}\n- {name: refund, examples: [d]}\n"
NAMES = [f"r{number}" for number in range(300)]
FEW, MANY = 0.3, 0.6
SHARE = "LAKEHOUSE_GATE__AUDIT_SHARE"


@pytest.fixture(scope="module")
def workspace(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The memory says `card` of every text; a person contradicts one of ten, the least certain ones."""
    root = make_workspace(tmp_path_factory.mktemp("assurance"), INTENTS)
    with (root / "lakehouse.yml").open("a", encoding="utf-8") as file:
        file.write(f"gate: {{audit_share: {FEW}, calibration_share: 0.65}}\n")
    sure = {name: 0.81 + 0.15 * (number % 10) / 9 for number, name in enumerate(NAMES)}
    models = [vote("card", sure[name], "memory", text=name, record_id=name, vote_id=f"m {name}") for name in NAMES]
    said = {name: "refund" if sure[name] == 0.81 else "card" for name in NAMES}
    people = [
        vote(said[name], 1.0, text=name, record_id=name, vote_id=f"p {name}", annotator_id="ann") for name in NAMES
    ]
    store = open_tables(open_workspace(root), spark)
    tickets = [record(name, text=name, position=name) for name in NAMES]
    append_once(frame(spark, TICKETS_SILVER, *tickets), store, TICKETS_SILVER, BatchWrite("silver", 1, 0))
    append_once(frame(spark, LABELS, *models, *people), store, LABELS, BatchWrite("labels", 1, 0))
    return root


@pytest.fixture
def told(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[dict[str, Any], str]]:
    def call(*arguments: str) -> tuple[dict[str, Any], str]:
        capsys.readouterr()
        assert run([*arguments, "--json", "-w", str(workspace)]) == 0, capsys.readouterr().err
        printed = capsys.readouterr()
        return json.loads(printed.out), printed.err

    return call


def drawn(spark: SparkSession, share: float) -> int:
    rows = spark.createDataFrame([(name,) for name in NAMES], "record_id string")
    return rows.where(in_audit(share)).count()


def test_audits_that_a_calibration_may_have_seen_are_no_evidence_until_it_is_made_anew(
    spark: SparkSession,
    workspace: Path,
    told: Callable[..., tuple[dict[str, Any], str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few, many = drawn(spark, FEW), drawn(spark, MANY)
    assert few < many, "a greater share holds all of the smaller one, and more"
    report, _ = told("calibrate")
    assert (report["version"], report["promoted"]) == ("1", True)
    assert LEAST_ROWS <= report["rows"] <= len(NAMES) - few, "what is audited does not calibrate"
    assert report["loss"] < report["default_loss"], "who is wrong below .82 is easily learnt"
    reaching = [hope["at_hand"] for hope in report["hopes"] if hope["threshold"] is not None]
    assert reaching, "nine of ten are right, and the calibration knows which"
    assert all(0 < each <= few for each in reaching)
    calibrated = calibration_of(open_workspace(workspace))
    assert calibrated is not None
    certificate, said = told("certify")
    assert (certificate["audited"], certificate["calibration"]) == (few, calibrated.reference)
    assert "Audits count" not in said
    monkeypatch.setenv(SHARE, str(MANY))
    certificate, said = told("certify")
    assert certificate["audited"] == few
    assert f"Audits count up to a share of {FEW}" in said
    assert "lakehouse train, then lakehouse calibrate" in said
    told("calibrate")
    certificate, said = told("certify")
    assert (certificate["audited"], "Audits count" in said) == (many, False)
    monkeypatch.setenv(SHARE, "1")
    capsys.readouterr()
    assert run(["calibrate", "-w", str(workspace)]) == InputDataError.exit_code
    assert "people voted on 0 records of the calibration sample" in capsys.readouterr().err
