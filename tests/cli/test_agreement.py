"""`agreement`, what `run` says of its verdicts, and what `status` says of the certificate."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.cli.app import run
from pipelines.cli.opening import open_tables
from pipelines.contracts import LABELS, TICKETS_SILVER
from pipelines.workspace import open_workspace
from tests.builders import frame, record, vote
from tests.cli.workspaces import make_workspace

INTENTS = "intents:\n- {name: card, examples: [b]}\n- {name: refund, examples: [d]}\n"
TEXTS = {"r1": "card", "r2": "card", "r3": "refund", "r4": "unknown"}
"""What the memory says of each."""


@pytest.fixture(scope="module")
def workspace(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_workspace(tmp_path_factory.mktemp("agreement"), INTENTS)
    models = [vote(label, 0.9, "memory", text=name, record_id=name) for name, label in TEXTS.items()]
    people = [
        vote(label, 1.0, text=name, record_id=name, annotator_id=annotator)
        for annotator, said in {"ann": {"r1": "card", "r3": "refund"}, "bob": {"r1": "card", "r2": "refund"}}.items()
        for name, label in said.items()
    ]
    store = open_tables(open_workspace(root), spark)
    tickets = [record(name, text=name) for name in TEXTS]
    append_once(frame(spark, TICKETS_SILVER, *tickets), store, TICKETS_SILVER, BatchWrite("silver", 1, 0))
    append_once(frame(spark, LABELS, *models, *people), store, LABELS, BatchWrite("labels", 1, 0))
    return root


Told = Callable[..., tuple[str, str]]


@pytest.fixture
def told(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    def call(*arguments: str) -> tuple[str, str]:
        capsys.readouterr()
        # The ledger does not add up where no message brought the tickets.
        assert run([*arguments, "-w", str(workspace)]) == (3 if "status" in arguments else 0), capsys.readouterr().err
        printed = capsys.readouterr()
        return printed.out, printed.err

    return call


def test_a_run_says_what_was_decided_and_status_what_is_promised(told: Told, workspace: Path) -> None:
    out, _ = told("run", "gate")
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[: lines.index("Drained")] == [
        "Decided in this run",
        "        2  accepted: in gold (accepted)",
        "        1  none of your intents (intent_unknown)",
        "        1  votes say different labels (labels_disagree)",
    ]
    # In one line, whatever its length: it is there to be copied.
    assert lines[-1] == f"Next: lakehouse status --workspace {workspace}"
    stages: list[dict[str, Any]] = json.loads(told("run", "gate", "--json")[0])
    assert [(stage["stage"], stage["rows"], "verdicts" in stage) for stage in stages] == [
        ("gate", 0, False),
        ("agreement", 0, False),
    ]
    assert told("status")[0].splitlines()[-1].startswith("No certificate yet: ")
    told("certify")
    (promised,) = [line for line in told("status")[0].splitlines() if line.startswith("Not certified: ")]
    assert json.loads(told("status", "--json")[0])["certificate"] == promised


def test_agreement_is_shown_for_models_people_labels_and_annotators(told: Told) -> None:
    measured = json.loads(told("agreement", "--json")[0])
    (memory,) = [
        row
        for row in measured["agreement"]
        if row["rater"] == "memory=ticket-encoder@1" and not row["label"] and not row["day"]
    ]
    # On r1 and r3 both agree, on r2 not: 2 of 3; by chance 2/3 * 1/3 + 1/3 * 2/3.
    assert (memory["votes"], memory["items"], memory["cohen_kappa"]) == (4, 3, pytest.approx((2 / 3 - 4 / 9) / (5 / 9)))
    assert {row["annotator_id"]: row["votes"] for row in measured["annotators"]} == {"ann": 2, "bob": 2}
    out, err = told("agreement")
    assert "People among themselves: 4 votes; of pairs of votes on 1 texts 100.0% agree." in out
    for title in ("Models against people", "Where they agree least, label by label", "Annotators"):
        assert title in [line.rstrip() for line in out.splitlines()]
    assert "lakehouse annotate sample" not in err


def test_without_people_it_says_what_to_do(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_workspace(tmp_path, INTENTS)
    capsys.readouterr()
    assert run(["agreement", "-w", str(root)]) == 0
    printed = capsys.readouterr()
    assert (printed.out, "lakehouse annotate sample --budget N --out FILE" in printed.err) == ("", True)
