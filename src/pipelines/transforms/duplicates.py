"""The same ticket again, the same text too often, and nearly the same text.

History comes in as an argument: what silver.tickets held before the batch. All of it counts as earlier than any
record of the batch; within the batch `position` decides. So one batch or two, the outcome is the same.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from pipelines.contracts import TICKETS_SILVER
from pipelines.declaration import uncommented
from pipelines.kernels.bands import band_keys
from pipelines.kernels.links import link_earliest
from pipelines.kernels.minhash import Signatures, signatures
from pipelines.kernels.texts import encode, normalise_texts
from pipelines.settings import ClusterSettings, IntakeSettings
from pipelines.vocabulary import Reason

SKETCH = uncommented([TICKETS_SILVER.columns["bands"], TICKETS_SILVER.columns["signature"]])
LINKS = "record_id string, cluster_id string"


def first_deliveries(tickets: DataFrame, history: DataFrame) -> DataFrame:
    """Drop re-deliveries: records that history holds, or that the batch holds at an earlier position."""
    same_record = Window.partitionBy("record_id").orderBy("position")
    return (
        tickets.withColumn("delivery", F.row_number().over(same_record))
        .where("delivery = 1")
        .join(history.select("record_id"), on="record_id", how="left_anti")
        .select(*tickets.columns)
    )


def withhold(tickets: DataFrame, history: DataFrame, settings: IntakeSettings) -> DataFrame:
    """Mark the records nobody will label: too long, or over the day's limit of records with the same text.

    Adds `withheld` (a reason, or null) and `kept_record_id` (for a record over the limit: the first record that has its
    text, whatever the day). Too-long records take no part in the limit: neither counted nor pointed to. A record
    without a text_key has no limit.
    """
    longest = F.greatest(*(F.coalesce(F.length(name), F.lit(0)) for name in ("raw_subject", "raw_text")))
    too_long = longest > settings.max_text_chars
    marked = tickets.withColumn("withheld", F.when(too_long, Reason.TEXT_TOO_LONG.value))
    counted = F.col("withheld").isNull() & F.col("text_key").isNotNull()
    ranked = marked.where(counted).transform(rank_within_day, history)
    over = F.col("day_rank") > settings.daily_identical_limit
    limited = ranked.withColumn("withheld", F.when(over, Reason.OVER_DAILY_LIMIT.value)).withColumn(
        "kept_record_id", F.when(over, F.col("first_record_id"))
    )
    free = marked.where(~counted).withColumn("kept_record_id", F.lit(None).cast("string"))
    names = [*tickets.columns, "withheld", "kept_record_id"]
    return limited.select(*names).unionByName(free.select(*names))


def rank_within_day(tickets: DataFrame, history: DataFrame) -> DataFrame:
    """Add the record's number among those of its text and day, from 1, and the first record that has its text."""
    names = ["record_id", "text_key", "received_day", "position"]
    counted = F.coalesce(F.col("withheld") != Reason.TEXT_TOO_LONG.value, F.lit(True))
    past = (
        history.where(counted)
        .join(tickets.select("text_key").distinct(), on="text_key", how="left_semi")
        .select(*names, F.lit(True).alias("past"))
    )
    order = (F.col("past").desc(), F.col("position"), F.col("record_id"))
    same_text = Window.partitionBy("text_key").orderBy(*order)
    same_day = Window.partitionBy("text_key", "received_day").orderBy(*order)
    return (
        tickets.withColumn("past", F.lit(False))
        .unionByName(past, allowMissingColumns=True)
        .withColumn("first_record_id", F.first_value(F.col("record_id")).over(same_text))
        .withColumn("day_rank", F.row_number().over(same_day))
        .where(~F.col("past"))
        .select(*tickets.columns, "first_record_id", "day_rank")
    )


def assign_clusters(redacted: DataFrame, history: DataFrame, settings: ClusterSettings) -> DataFrame:
    """Give each record the cluster of the earliest record before it that reads nearly the same.

    "Nearly the same": shares an LSH band of the redacted text and has at least the estimated similarity of the
    settings. A record without such a predecessor founds a cluster, named by its own record_id. Withheld records stay
    outside: no cluster, bands or signature.

    `redacted` is read several times; hold it where recomputing is dear.
    """
    sketch = F.when(F.col("withheld").isNull(), sketch_texts(settings)(F.coalesce("text", F.lit(""))))
    sketched = redacted.withColumn("sketch", sketch).withColumns(
        {"bands": F.col("sketch.bands"), "signature": F.col("sketch.signature")}
    )
    open_records = sketched.where(F.col("withheld").isNull())
    links = (
        open_records.join(link_to_history(open_records, history, settings), on="record_id", how="left")
        .select("record_id", "position", "signature", "cluster_id")
        # One task sees the whole batch: which record is the earliest cannot be decided in parts.
        .repartition(1)
        .mapInPandas(link_within_batch(settings), LINKS)
    )
    return sketched.join(links, on="record_id", how="left").select(*TICKETS_SILVER.payload_names)


def link_to_history(records: DataFrame, history: DataFrame, settings: ClusterSettings) -> DataFrame:
    """Find each record's earliest near-duplicate in history: its record_id and that one's cluster_id."""
    seeking = records.select("record_id", "signature", F.explode("bands").alias("band"))
    past = history.where(F.col("cluster_id").isNotNull()).select(
        F.col("position").alias("past_position"),
        F.col("signature").alias("past_signature"),
        "cluster_id",
        F.explode("bands").alias("band"),
    )
    near = share_equal("signature", "past_signature") >= settings.similarity_threshold
    earliest = F.min(F.struct("past_position", "cluster_id")).alias("earliest")
    return (
        # The batch is small and history is not: send the batch to history, never history across the network.
        past.join(F.broadcast(seeking), on="band", how="inner")
        .where(near)
        .groupBy("record_id")
        .agg(earliest)
        .select("record_id", "earliest.cluster_id")
    )


def share_equal(left: str, right: str) -> Column:
    """Share of positions at which two arrays are equal: the estimated similarity of two signatures."""
    equal = F.filter(F.zip_with(left, right, lambda a, b: a == b), lambda same: same)
    return F.size(equal) / F.size(left)


def sketch_texts(settings: ClusterSettings) -> Callable[[Column], Column]:
    """Build the function that computes bands and signature of a text column."""

    def sketch(texts: pd.Series) -> pd.DataFrame:
        computed = sign(texts.tolist(), settings)
        keys = band_keys(computed, settings.bands, settings.rows_per_band)
        return pd.DataFrame({"bands": list(keys), "signature": list(computed)})

    # PySpark's stubs only know the deprecated functionType, not type hints.
    build: Callable[..., Callable[[Column], Column]] = pandas_udf
    return build(sketch, returnType=SKETCH)


def sign(texts: list[str], settings: ClusterSettings) -> Signatures:
    """Compute the signatures that the settings name."""
    normalised = normalise_texts(*encode(texts))
    return signatures(normalised, settings.shingle_chars, settings.bands * settings.rows_per_band, settings.seed)


def link_within_batch(settings: ClusterSettings) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    """Build the function that names each record's cluster: history's, that of its link in the batch, or its own."""

    def link(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        parts = [frame for frame in frames if len(frame)]
        if not parts:
            return
        batch = pd.concat(parts, ignore_index=True).sort_values(["position", "record_id"], ignore_index=True)
        computed = np.stack(batch["signature"].to_list()).astype(np.int32)
        keys = band_keys(computed, settings.bands, settings.rows_per_band)
        clusters = name_clusters(batch, link_earliest(computed, keys, settings.similarity_threshold).tolist())
        yield pd.DataFrame({"record_id": batch["record_id"], "cluster_id": clusters})

    return link


def name_clusters(batch: pd.DataFrame, links: list[int]) -> list[str]:
    """Follow the links in order; a link to history comes first, since all of history is earlier."""
    clusters: list[str] = []
    for record_id, found, link in zip(batch["record_id"], batch["cluster_id"], links, strict=True):
        own = clusters[link] if link >= 0 else record_id
        clusters.append(found if isinstance(found, str) else own)
    return clusters
