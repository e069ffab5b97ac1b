"""`lakehouse plan`: what labelling a file would take and give, measured on a sample of it."""

import json
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pipelines.adapters.delta import BatchWrite, append_once
from pipelines.adapters.table_creation import ensure_tables
from pipelines.adapters.text_files import NamedText
from pipelines.cli.app import run
from pipelines.cli.opening import table_store
from pipelines.contracts import TICKETS_SILVER
from pipelines.intents import load_intents
from pipelines.jobs.label_application import Labelled
from pipelines.jobs.planning import choose_sample, expect
from pipelines.labelling_settings import EndpointSettings
from pipelines.workspace import init_workspace
from tests.builders import frame, record
from tests.cli.test_apply_label import INTENTS


def labelled(verdict: str, *votes: dict[str, object]) -> Labelled:
    return Labelled("1", "a", 0.9, verdict, None, votes, "text")


def vote(voter: str, tier: str = "model", tokens: int | None = None, latency_ms: float = 10.0) -> dict[str, object]:
    return {"voter": voter, "tier": tier, "tokens_in": tokens, "tokens_out": tokens and 1, "latency_ms": latency_ms}


SAMPLE = [
    labelled("accepted", vote("memory")),
    labelled("accepted", vote("memory"), vote("slm", tokens=300, latency_ms=980.0)),
    labelled("low_confidence", vote("memory"), vote("slm", tier="cache", tokens=0, latency_ms=0.0)),
    labelled("too_long"),
]


def test_a_sample_is_scaled_to_the_whole_file() -> None:
    endpoint = EndpointSettings(url="http://127.0.0.1:1/v1", model="m", price_in=2.0, price_out=10.0)
    expected = expect(SAMPLE, 4_000, 2, endpoint)
    assert (expected.sampled, expected.asked, expected.calls) == (4, 1, 1_000)
    assert (expected.tokens_in, expected.tokens_out) == (300_000, 1_000)
    assert expected.money == pytest.approx(0.61)
    assert expected.minutes == pytest.approx((30 + 980 / 8) * 1_000 / 2 / 60_000), "8 requests are under way at once"
    share, low, high = expected.coverage
    assert share == 0.5
    assert low == pytest.approx(0.0676, abs=1e-4)
    assert high == pytest.approx(0.9324, abs=1e-4)
    uncounted = expect([labelled("accepted", vote("slm"))], 10, 2, EndpointSettings())
    assert (uncounted.tokens_in, uncounted.money) == (None, 0.0)
    assert expect([labelled("accepted", vote("slm"))], 10, 2, endpoint).money is None


def test_the_same_file_gives_the_same_sample_in_its_order() -> None:
    texts = [NamedText(str(number), f"text {number}", None) for number in range(100)]
    chosen = choose_sample(texts, 10)
    assert len(chosen) == 10
    assert chosen == [one for one in texts if one in choose_sample(texts[::-1], 10)]
    assert choose_sample(texts, 200) == texts


def test_a_plan_shows_a_redacted_prompt_and_what_to_expect(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "intents.yml").write_text(INTENTS, encoding="utf-8")
    rows = [f"I lost my card number {number}, write to mia@example.com" for number in range(30)]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), encoding="utf-8")
    options = ["--intents", str(tmp_path / "intents.yml"), "--slm", "all", "--sample", "3"]
    assert run(["plan", str(file), "--text-column", "text", *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["texts"], told["sampled"], told["asked"], told["calls"]) == (30, 3, 3, 30)
    assert told["labels"] == ["card_lost", "refund"]
    assert "<EMAIL_ADDRESS>" in told["prompt"]
    assert "mia@" not in told["prompt"]
    assert told["prompt"].rstrip().endswith("Intent:")
    assert told["tokens_in"] > 30 * 50
    assert told["minutes"] > 0
    assert run(["plan", str(file), "--since", "2026-01-05", *options]) == 64
    assert run(["plan", *options]) == 64
    file.write_text("text\n", encoding="utf-8")
    assert run(["plan", str(file), "--text-column", "text", *options]) == 65


def test_a_plan_of_what_stands_in_silver_counts_the_records_from_that_day_on(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "intents.yml").write_text(INTENTS, encoding="utf-8")
    root = tmp_path / "project"
    store = table_store(init_workspace(root, load_intents(tmp_path / "intents.yml")))
    ensure_tables(spark, store, (TICKETS_SILVER,))
    days = [(4, "an old one"), (5, "I lost my card, <PERSON> has it"), (6, "refund me"), (6, None)]
    rows = [
        record(f"{number}", text=text, received_day=date(2026, 1, day), withheld=None if text else "text_too_long")
        for number, (day, text) in enumerate(days)
    ]
    append_once(frame(spark, TICKETS_SILVER, *rows), store, TICKETS_SILVER, BatchWrite("silver", 1, 0))
    options = ["--workspace", str(root), "--slm", "all", "--json"]
    assert run(["plan", "--since", "2026-01-05", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["texts"], told["sampled"], told["calls"]) == (2, 2, 2)
    assert "<PERSON> has it" in told["prompt"]
    assert run(["plan", "--since", "2026-01-07", *options]) == 65
