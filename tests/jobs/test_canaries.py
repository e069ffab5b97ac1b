"""Personal values planted everywhere stay in bronze: twelve types, 25 values each, in every place a message has.

Outside bronze's data files nothing may hold one: other tables, any `_delta_log`, checkpoints, logs, Spark's event log,
exports, the model registry. The scanner then has to find all of them in what a leaky job would have written.
"""

import base64
import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from pipelines.adapters.delta import read_table
from pipelines.adapters.kafka import OutgoingMessage
from pipelines.adapters.redactor import build_redactor
from pipelines.configuration import load_settings
from pipelines.jobs.exports import EXPORTED, export
from pipelines.jobs.publication import Provenance, policy_of
from tests.canaries import EACH, Canary, make_canaries
from tests.event_logs import event_log
from tests.jobs.conftest import MONDAY_MS, STAGES, Lake, new_lake, ticket
from tests.leaks import find_leaks
from tests.spark_line import FEATURES, needs_spark_nlp

CANARIES = make_canaries()
TRACES = [canary.trace for canary in CANARIES]
ALL = set(range(len(CANARIES)))
SOURCES = ("landing", *(f"tables/bronze/{name}/part-" for name in ("tickets", "landed_files", "label_files")))
"""Where planted values belong: what was dropped, and bronze's data files."""
BROKEN = [
    '{{"source": "chat", "created_at": "2026-01-05", "text": "{}',
    '["{}"]',
    '{{"source": "{}", "created_at": "2026-01-05", "text": 7}}',
    '{{"source": "chat", "created_at": "{}", "text": "when"}}',
    '{{"source": "chat", "text": "no time: {}"}}',
    '{{"source": "chat", "created_at": "2026-01-05", "text": "a"}} {}',
]


def planted_messages() -> Iterator[OutgoingMessage]:
    """Each value in body, subject, customer, ticket id, key and header of a ticket, and in a payload that is none."""
    for number, canary in enumerate(CANARIES):
        value, customer = canary.value, {"name": canary.value, "email": canary.value, "id": canary.value}
        sent = ticket(number, canary.text, subject=f"about this: {canary.text}", customer=customer, ticket_id=value)
        key, headers = value.encode(), (("who", value.encode()), (value, b"who"))
        yield OutgoingMessage(value=sent.value, key=key, headers=headers, timestamp_ms=MONDAY_MS + number)
        broken = BROKEN[number % len(BROKEN)].format(value).encode() + b"\xff" * (number % 7 == 0)
        yield OutgoingMessage(value=broken, key=key, headers=headers, timestamp_ms=MONDAY_MS)
    yield OutgoingMessage(value=ticket(999, f"refund {TRACES} " + "x" * 500).value, timestamp_ms=MONDAY_MS)


def drop_labelled_files(lake: Lake) -> None:
    """A file a value for five values of each type, named by it; their rows hold all values, some rows are no votes."""
    for number, canary in enumerate(CANARIES[: 12 * 5]):
        rows = "".join(label_row(other) for other in CANARIES[number::60])
        name = quote(canary.value, safe=" +@()~=?&")
        lake.drop(f"2026/01/05/{name}.csv", f"text,annotator_id,label,confidence_score\n{rows}{canary.value}\n")


def label_row(canary: Canary) -> str:
    again = "" if int.from_bytes(canary.value.encode(), "big") % 2 else " again"
    return f'"{canary.text}{again}","{canary.value}",{canary.text.split()[0]},{canary.value}\n'


@pytest.fixture(scope="module")
def flown(spark: SparkSession, servers: str, empty_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    redactor = build_redactor(load_settings([], environment={}).redaction)
    lake = new_lake(spark, servers, empty_tables, tmp_path_factory.mktemp("canaries") / "lake", redactor=redactor)
    lake.send(*planted_messages())
    drop_labelled_files(lake)
    with event_log(spark, lake.root / "events"):
        lake.run(*STAGES, *FEATURES)
        rows = {table: read_table(spark, lake.store, table) for table in EXPORTED}
        provenance = Provenance(policy_of(lake.settings), lake.settings.export, "settings")
        export(spark, rows, str(lake.root / "export"), provenance)
    return lake


def found_in(path: Path) -> set[int]:
    return {int(leak.rpartition(" ")[2]) for leak in find_leaks(path, TRACES)}


def test_planted_values_stay_in_bronze(flown: Lake, scratch: Path) -> None:
    assert len(set(TRACES)) == 12 * EACH == 300
    assert found_in(flown.root / "tables" / "bronze" / "tickets") == ALL
    assert found_in(flown.root / "tables" / "bronze" / "label_files") == ALL
    assert found_in(flown.root / "tables" / "bronze" / "landed_files") >= set(range(60)), "files are named by values"
    assert list((flown.root / "checkpoints" / "bronze_label_files" / "epoch-1" / "offsets").iterdir())
    assert flown.count().ledger["difference"] == 0
    assert len(flown.rows("silver.tickets", "record_id")) > 300
    assert len((flown.root / "export" / "clean_training_dataset.jsonl").read_text().splitlines()) > 100
    assert find_leaks(flown.root, TRACES, skip=SOURCES) == []
    assert find_leaks(scratch / "logs", TRACES) == []


@needs_spark_nlp
def test_text_features_describe_words_and_no_placeholders(flown: Lake) -> None:
    described = flown.rows("silver.text_features", "stems", "key_phrases.phrase")
    words = {word for stems, phrases in described for told in (stems, " ".join(phrases).split()) for word in told}
    assert {"refund", "card", "login"} <= words
    assert not {word for word in words if any(part in word for part in ("email_", "phone_", "iban", "ssn", "|", "<"))}


def write_like_a_leaky_job(spark: SparkSession, folder: Path, log: Path) -> None:
    """Write what a job without a redactor would: every value in each kind of file that the other test reads."""
    rows = spark.createDataFrame(
        [(number, [canary.text]) for number, canary in enumerate(CANARIES)], "n int, texts array<string>"
    )
    rows.write.format("delta").save(str(folder / "table"))
    with event_log(spark, folder / "events"):
        spark.range(1).select(F.lit("; ".join(TRACES))).collect()
    (folder / "logs").mkdir()
    shutil.copy(log, folder / "logs" / "spark.log")
    with (folder / "logs" / "spark.log").open("a") as file:
        file.writelines(f"WARN cannot read {canary.text.upper()}\n" for canary in CANARIES)
    (folder / "packed").mkdir()
    (folder / "packed" / "log.gz").write_bytes(gzip.compress("\n".join(TRACES).encode()))
    (folder / "state").mkdir()
    (folder / "state" / "1.delta").write_bytes(b"v1\n" + base64.b64encode(gzip.compress("\n".join(TRACES).encode())))


def test_the_scanner_finds_all_of_them_in_what_a_leaky_job_writes(
    spark: SparkSession, tmp_path: Path, scratch: Path
) -> None:
    write_like_a_leaky_job(spark, tmp_path, scratch / "logs" / "spark.log")
    for place in ("table", "events", "logs", "packed", "state"):
        assert found_in(tmp_path / place) == ALL, place
