"""Redacting again after a change of policy, on real tables: what was left in is gone from every one of them."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from pipelines.errors import VerificationError
from pipelines.faults import InjectedFaultError
from pipelines.jobs import reprocessing
from pipelines.jobs.reprocessing import Reprocessed, delete_old_files, reprocess_silver
from tests.crashes import failing_at
from tests.jobs.conftest import STAGES, Lake, new_lake, ticket
from tests.leaks import find_leaks
from tests.spark_line import FEATURES

NAME, SECOND = "Rosalind Quennell", "Zebedee Ormiston"
TABLES = ("silver.tickets", "gold.training_examples", "quarantine.tickets", "gold.review_queue")
TICKETS = [
    ticket(1, f"refund for {NAME} please, the toaster is broken", subject="refund"),
    ticket(2, "card gone since yesterday, please help me with it"),
    ticket(3, f"weather is nice today, says {SECOND}", subject=f"from {NAME}"),
    ticket(4, f"maybe a refund, maybe not, {NAME}"),
    ticket(5, f"maybe a refund, maybe not, {NAME}"),
    ticket(6, f"maybe a refund, maybe not, {NAME}"),
]
LABELLED = f"text,annotator_id,label,confidence_score\n{SECOND} lost a card,ann,card_lost,0.9\n"


def redactor_of(version: str, *names: str) -> Callable[[Iterable[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Redact a list of names and nothing else, under a version."""

    def redact_frames(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            rows = [one(row) for row in frame.to_dict("records")]
            yield pd.DataFrame(rows, columns=["subject", "text", "spans", "withheld"], dtype=object).assign(
                redaction_version=version
            )

    def one(row: dict[str, str | None]) -> dict[str, object]:
        if row["withheld"]:
            return {"subject": None, "text": None, "spans": [], "withheld": row["withheld"]}
        found = [
            {"field": field, "type": "PERSON", "start": match.start(), "end": match.end(), "score": 1.0}
            for field in ("subject", "text")
            for match in (re.finditer("|".join(names) or r"\Z.", row[f"raw_{field}"] or ""))
        ]
        texts = {
            field: re.sub("|".join(names) or r"\Z.", "<PERSON>", row[f"raw_{field}"]) if row[f"raw_{field}"] else None
            for field in ("subject", "text")
        }
        return {**texts, "spans": found, "withheld": None}

    return redact_frames


@pytest.fixture(scope="module")
def past(spark: SparkSession, servers: str, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = new_lake(spark, servers, empty_tables, tmp_path_factory.mktemp("past") / "lake", redactor=redactor_of("v1"))
    lake.send(*TICKETS)
    lake.drop("2026/01/05/answers.csv", LABELLED)
    lake.run(*STAGES, *FEATURES)
    return lake


@pytest.fixture
def lake(past: Lake, tmp_path: Path) -> Lake:
    return past.copy(tmp_path / "lake")


def reprocess(lake: Lake, version: str = "v2", since: date | None = None) -> Reprocessed:
    lake.redactor = redactor_of(version, NAME, SECOND)
    return reprocess_silver(lake.flow(), version, since, lambda line: None)


def texts(lake: Lake) -> str:
    features = lake.rows("silver.text_features", "key_phrases", "stems")
    return repr([lake.rows(table, "subject", "text") for table in TABLES]) + repr(features).title()


def books(lake: Lake) -> dict[str, int]:
    ledger = lake.count().ledger
    return {name: ledger[name] for name in ("difference", "in_two_places", "unplaced", "records", "gold", "quarantine")}


def test_what_the_old_rules_left_is_gone_from_every_table(lake: Lake) -> None:
    before = books(lake)
    assert NAME in texts(lake)
    assert SECOND in texts(lake)
    assert reprocess(lake, since=date(2026, 1, 6)).redacted == 1, "the labelled file came today"
    done = reprocess(lake)
    # Two of the three equal texts were kept that day; the third is shed and has no text.
    assert (done.redacted, done.changed, done.values) == (5, 4, 5)
    assert set(done.remaining.values()) == {0}
    assert NAME not in texts(lake)
    assert SECOND not in texts(lake)
    assert books(lake) == before
    assert {version for (version,) in lake.rows("silver.tickets", "redaction_version")} == {"v2", "v1"}
    # What was made of the old texts, and could be told by, is gone too; votes on the new ones can be taken over.
    hashes = [set(lake.rows(table, "record_id", "text_hash")) for table in ("silver.embeddings", "silver.labels")]
    assert hashes[0] == {pair for pair in hashes[1] if pair[1] is not None}
    assert len(hashes[0]) == len({record_id for record_id, _ in hashes[0]})
    # Changed records are judged again, once; the verdicts stay as the rule says.
    numbers = [number for _, number in lake.rows("gold.decisions", "record_id", "decision_no")]
    assert sorted(numbers) == [1] * before["records"] + [2] * 5
    # Earlier versions of the tables still tell them, until their files are deleted.
    outside = [path for path in (lake.root / "tables").iterdir() if path.name != "bronze"]
    assert any(find_leaks(folder, [NAME]) for folder in outside)
    delete_old_files(lake.flow())
    assert not any(find_leaks(folder, [NAME, SECOND]) for folder in outside)


@pytest.mark.slow
def test_streams_go_on_and_a_second_run_finds_nothing_to_do(lake: Lake) -> None:
    reprocess(lake)
    after = [lake.rows(table, "record_id", "text") for table in TABLES], books(lake)
    done = reprocess(lake)
    assert (done.redacted, done.changed) == (0, 0)
    lake.run()
    assert ([lake.rows(table, "record_id", "text") for table in TABLES], books(lake)) == after
    # The index was made anew: a new ticket joins the cluster of the redacted texts.
    lake.send(ticket(9, f"maybe a refund, maybe not, {SECOND}!"))
    lake.run()
    clusters = dict(lake.rows("silver.tickets", "text", "cluster_id"))
    assert clusters["maybe a refund, maybe not, <PERSON>!"] == clusters["maybe a refund, maybe not, <PERSON>"]
    assert books(lake)["difference"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "after_describing_again", "after_redacting_again", "after_voting_again", "after_deciding_again",
        "after_gold_training_examples",
    ],
)  # fmt: skip
def test_a_run_that_was_cut_off_is_finished_by_the_next(lake: Lake, point: str) -> None:
    before = books(lake)
    with failing_at(point), pytest.raises(InjectedFaultError):
        reprocess(lake)
    reprocess(lake)
    assert NAME not in texts(lake)
    assert books(lake) == before


@pytest.mark.slow
def test_a_copy_that_still_tells_an_old_value_is_found_and_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = books(lake)
    monkeypatch.setattr(reprocessing, "route", lambda *arguments: None)
    done = reprocess(lake)
    assert done.remaining["silver.tickets"] == 0
    assert done.remaining["gold.training_examples"] > 0
    with pytest.raises(VerificationError, match=r"gold\.training_examples=\d") as refusal:
        done.check()
    assert NAME not in str(refusal.value)
    # The next run finishes what this one could not, although no record is stale any more.
    monkeypatch.undo()
    assert reprocess(lake).redacted == 0
    assert NAME not in texts(lake)
    assert books(lake) == before
