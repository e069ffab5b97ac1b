"""Which rows were made of a text that a change of policy has replaced."""

from pyspark.sql import SparkSession

from pipelines.contracts import EMBEDDINGS, TICKETS_SILVER
from pipelines.transforms.labelling import voter_texts
from pipelines.transforms.reprocessing import tell_old_hashes
from tests.builders import frame, record


def test_a_row_made_of_another_text_is_found_by_its_hash(spark: SparkSession) -> None:
    """Also where the record has no decision yet, and so no copy that could be compared."""
    tickets = frame(
        spark,
        TICKETS_SILVER,
        record("r1", text="call <PERSON>"),
        record("r2", text="call <PERSON>", subject="new"),
        record("r3", text=None, withheld="redaction_failed"),
    )
    hashes = {row.record_id: row.text_hash for row in tickets.transform(voter_texts).collect()}
    made = [
        {"record_id": "r1", "text_hash": hashes["r1"]},
        {"record_id": "r2", "text_hash": hashes["r1"]},
        {"record_id": "r3", "text_hash": hashes["r1"]},
        {"record_id": "r4", "text_hash": None},
    ]
    old = tickets.transform(tell_old_hashes, frame(spark, EMBEDDINGS, *made, *made)).collect()
    assert sorted(row.record_id for row in old) == ["r2", "r3"]
