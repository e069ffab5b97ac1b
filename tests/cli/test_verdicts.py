"""Every reason that the gate can give has words of its own."""

import ast
from pathlib import Path

import pytest

from pipelines.cli.verdicts import IN_WORDS, show_verdicts
from pipelines.transforms import agreement, look_alikes, verdicts
from pipelines.vocabulary import Reason, Verdict


def test_each_reason_of_the_gate_has_words() -> None:
    rules = [ast.parse(Path(str(one.__file__)).read_text("utf-8")) for one in (agreement, look_alikes, verdicts)]
    given = {
        Reason[node.attr]
        for module in rules
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }
    assert len(given) > 8
    assert set(IN_WORDS) == {Verdict.ACCEPTED, *given}
    assert len(set(IN_WORDS.values())) == len(IN_WORDS)


def test_the_commonest_reason_comes_first_and_no_decision_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_verdicts({})
    assert capsys.readouterr().out == ""
    show_verdicts({"intent_unknown": 2, "accepted": 1_234})
    assert capsys.readouterr().out.splitlines() == [
        "Decided in this run",
        "    1,234  accepted: in gold (accepted)",
        "        2  none of your intents (intent_unknown)",
    ]
