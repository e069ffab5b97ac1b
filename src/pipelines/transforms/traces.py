"""The trace that every stored row bears: the query that wrote it, in which of its lives, in which micro-batch."""

from collections.abc import Mapping
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F


def is_through(newest: Mapping[str, int]) -> Column:
    """Tell the rows that were written up to the newest micro-batch of each life of a query (query_epoch)."""
    conditions = [
        (F.col("query_epoch") == query_epoch) & (F.col("batch_id") <= batch_id)
        for query_epoch, batch_id in sorted(newest.items())
    ]
    return reduce(or_, conditions, F.lit(False))
