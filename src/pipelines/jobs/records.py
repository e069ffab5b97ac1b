"""Finding records by what a person types: an id, or its beginning."""

import re

from pyspark.sql import DataFrame

from pipelines.errors import InputDataError
from pipelines.transforms.lineage import beginning_with

LEAST_CHARS = 8
"""Of an id: shorter beginnings are too likely to fit several records."""
WHOLE_CHARS = 64


def find_records(tickets: DataFrame, names: list[str]) -> list[str]:
    """Give the ids of the records that are named by their id or its beginning, in the order of the names.

    Args:
        tickets: silver.tickets.
        names: at least eight characters each.

    Raises:
        InputDataError: when a name fits no record, or several; with what to do.
    """
    for name in names:
        if not re.fullmatch(rf"[0-9a-f]{{{LEAST_CHARS},{WHOLE_CHARS}}}", name):
            raise InputDataError(
                f"{name[:WHOLE_CHARS]!r} is no record id: expected {LEAST_CHARS} to {WHOLE_CHARS} digits 0-9 and a-f. "
                "`lakehouse quarantine list` shows ids, and every table in `lakehouse sql` has them."
            )
    ids = [str(row["record_id"]) for row in tickets.transform(beginning_with, names).collect()] if names else []
    return [the_one(name, [found for found in ids if found.startswith(name)]) for name in names]


def the_one(name: str, ids: list[str]) -> str:
    """Give the one record that a name fits.

    Raises:
        InputDataError: when it fits none, or several.
    """
    if not ids:
        raise InputDataError(
            f"No record {name}. Every table in `lakehouse sql` has record ids; a ticket sent just now is a record "
            "after `lakehouse run all`."
        )
    if len(ids) > 1:
        raise InputDataError(f"{len(ids)} records begin with {name}. Type more of the id.")
    return ids[0]
