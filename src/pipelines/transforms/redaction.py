"""Personal data out: raw subject and text become redacted ones, through a detector passed in."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from pipelines.contracts import TICKETS_SILVER
from pipelines.declaration import MapBatches, uncommented
from pipelines.transforms.partitions import spread

if TYPE_CHECKING:
    from pyspark.sql._typing import UserDefinedFunctionLike

REDACTED = uncommented(
    TICKETS_SILVER.columns[name] for name in ("subject", "text", "spans", "withheld", "redaction_version")
)
READ = ["raw_subject", "raw_text", "raw_customer", "withheld"]
"""What a redactor is shown of a record."""
KEPT = ["record_id", "ticket_key", "subject_key", "text_key", "source", "created_at", "received_day", "position"]


def redact(tickets: DataFrame, redactor: MapBatches) -> DataFrame:
    """Put redacted `subject` and `text`, `spans`, `redaction_version` in the place of what is raw.

    Records withheld before pass with null text; one whose analysis fails becomes withheld as redaction_failed.

    Args:
        tickets: RAW_TICKETS with `withheld` and `kept_record_id`.
        redactor: maps frames of `READ`'s columns to frames of `REDACTED`'s, row by row.
    """
    # PySpark's stubs only know the deprecated functionType, not type hints.
    build: Callable[..., UserDefinedFunctionLike] = pandas_udf
    # "Nondeterministic" keeps Spark from running the model again for every filter and column that reads its result.
    run = build(_by_batches(redactor), returnType=REDACTED).asNondeterministic()
    answer = run(F.struct(*READ)).alias("redacted")
    spread_out = spread(tickets, "record_id")
    return spread_out.select(*KEPT, "kept_record_id", answer).select(*KEPT, "kept_record_id", "redacted.*")


def leave_texts(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Stand in for a redactor where texts are known to hold nothing personal: they pass unchanged."""
    for frame in frames:
        texts = frame.rename(columns={"raw_subject": "subject", "raw_text": "text"})
        texts.loc[texts["withheld"].notna(), ["subject", "text"]] = None
        texts["spans"] = [[] for _ in range(len(texts))]
        texts["redaction_version"] = "none"
        yield texts[["subject", "text", "spans", "withheld", "redaction_version"]]


def _by_batches(redactor: MapBatches) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Give the function the type hints by which Spark knows that it takes all batches of a task at once."""

    def run(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield from redactor(frames)

    return run
