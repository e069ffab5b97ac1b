"""Which texts stored rows are about, so that a few are looked up in tables of any length without reading them whole.

Text keys are random: a join with the tables would read all of their files in every micro-batch. Most texts of a batch
are new, and their rows stand in the files written since the index caught up; the few known ones are asked for by name,
which Spark passes on to the pages of files that `maintain` has sorted. The index lives in the driver's memory, eight
bytes a text, and is made from the tables when their log has become long. It may know texts that are gone; it knows
every text of the micro-batches that it holds.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from pipelines.adapters.delta import BatchWrite
from pipelines.contracts import COMMANDS, DECISIONS, LABELS, PLACES, REVIEW_QUEUE, TICKETS_SILVER
from pipelines.declaration import Table
from pipelines.transforms.traces import is_through

Read = Callable[[Table], DataFrame]
LookUp = Callable[[DataFrame], Read]
"""Gives what reads the rows of a table that are about the texts of a frame."""

BY_TEXT: tuple[Table, ...] = (TICKETS_SILVER, LABELS, COMMANDS, DECISIONS, *PLACES.values(), REVIEW_QUEUE)
"""The tables whose rows are looked up by their text."""
MOST_TEXTS = 5_000
"""Of a batch, known or new: with more of them, reading the tables whole is no dearer."""
MOST_KNOWN = 1_000
NAMED_AT_ONCE = 200
"""Parquet takes names as a chain of alternatives, which Java reads by recursion: 1,000 overflow its stack."""
PUSHED_NAMES = "spark.sql.parquet.pushdown.inFilterThreshold"
"""Of more names than it says (by default 10) Parquet only hears the least and the greatest."""
LONG = 50
"""Micro-batches from which a log is long: fewer are read whole in less time than an index takes."""
LASTING = 5
"""Micro-batches from which a run is worth an index: of a million records it costs as much as one or two batches."""
STEP = 20
"""Micro-batches that the index lies behind at most."""


class TextIndex:
    """The texts of the tables that one stream looks up."""

    def __init__(self) -> None:
        self.keys = np.empty(0, np.int64)
        self.held: dict[str, dict[str, int]] = {table.full_name: {} for table in BY_TEXT}
        self.batches_seen, self.next_step = 0, LASTING

    def keep_up(self, read: Read, write: BatchWrite) -> None:
        """Catch up with the tables after a micro-batch, where log and run are long and the index lies behind.

        Not before it: the texts that have just come would be known, and asked for by name like old ones.
        """
        self.batches_seen += 1
        # A new life of the checkpoint counts its batches anew, over tables as long as they were.
        is_long = write.epoch > 1 or write.batch_id >= LONG
        if is_long and self.batches_seen >= self.next_step:
            self.catch_up(read)
            self.next_step = self.batches_seen + STEP

    def catch_up(self, read: Read) -> None:
        """Learn the texts of all micro-batches that are not held yet."""
        newer = {table.full_name: read(table).where(self.is_newer(table)) for table in BY_TEXT}
        traces = [rows.select(F.lit(name).alias("table"), "query_epoch", "batch_id") for name, rows in newer.items()]
        newest = union(traces).groupBy("table", "query_epoch").agg(F.max("batch_id")).collect()
        # Read after that: what is committed between the two is known too early, never too late.
        hashes = union(rows.select(text_hash().alias("text_hash")) for rows in newer.values())
        learnt = hashes.distinct().toPandas()["text_hash"].to_numpy(np.int64)
        self.keys = np.union1d(self.keys, learnt)
        for name, query_epoch, batch_id in newest:
            self.held[name][query_epoch] = int(batch_id)

    def is_newer(self, table: Table) -> Column:
        """Tell the rows of micro-batches that are not held."""
        return ~is_through(self.held[table.full_name])

    def look_up(self, read: Read, touched: DataFrame) -> Read:
        """Give what reads the rows of a table that are about some texts.

        Args:
            read: reads a table as it is now.
            touched: text_key, once or several times each; held.
        """

        def read_whole(table: Table) -> DataFrame:
            return read(table).join(touched, on="text_key", how="left_semi")

        def read_few(table: Table) -> DataFrame:
            newer = read(table).where(self.is_newer(table) & ~F.col("text_key").isin(known))
            named = [read(table).where(F.col("text_key").isin(some)) for some in batched(known, NAMED_AT_ONCE)]
            return union([newer.join(touched, on="text_key", how="left_semi"), *named])

        if not len(self.keys):
            return read_whole
        asked = touched.select("text_key", text_hash()).distinct().limit(MOST_TEXTS + 1).collect()
        known = self.known_among(asked)
        # Set here and not with the session, which may be a cluster's own.
        touched.sparkSession.conf.set(PUSHED_NAMES, NAMED_AT_ONCE)
        return read_few if len(asked) <= MOST_TEXTS and len(known) <= MOST_KNOWN else read_whole

    def known_among(self, asked: list[Row]) -> list[str]:
        """Keep the texts that held micro-batches are about; rows of text_key and its hash."""
        hashes = np.array([row[1] for row in asked], np.int64)
        # The keys are sorted: `np.isin` would sort them again.
        places = np.searchsorted(self.keys, hashes).clip(max=len(self.keys) - 1)
        return [row[0] for row, found in zip(asked, self.keys[places] == hashes, strict=True) if found]


def text_hash() -> Column:
    """Eight bytes of a text's key; where two texts share them, both are known as soon as one is."""
    return F.xxhash64("text_key")


def batched(names: list[str], count: int) -> Iterator[list[str]]:
    """Cut a list into pieces of so many."""
    return (names[start : start + count] for start in range(0, len(names), count))


def union(frames: Iterable[DataFrame]) -> DataFrame:
    """Put frames of the same columns one behind the other."""
    return reduce(DataFrame.unionByName, frames)
