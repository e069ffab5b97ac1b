"""Where rows are computed."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def spread(rows: DataFrame, *names: str, tasks_a_core: int = 1, tasks: int = 0) -> DataFrame:
    """Put about as many rows on every core as on the others: for what costs milliseconds a row.

    Named with a number, or Spark would merge what it takes for small partitions into one, which one core works off.

    Args:
        rows: what is dealt.
        names: columns by whose hash a row is dealt, always to the same task; without any, rows are dealt in turn, for
            what costs so much that chance must not deal some cores more than others.
        tasks_a_core: several let whoever is done first take the next, but each task costs some tenths of a second.
        tasks: how many in all; for what is no core's work.
    """
    partitions = str(rows.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    # By a hash of the columns: rows that a join has laid by the columns themselves would be left there, and merged.
    place = F.xxhash64(*(names or rows.columns))
    if not partitions.isdigit() and not tasks:
        # Databricks may choose the number itself ("auto"), which it does for rows with a place only.
        return rows.repartition(place)
    return rows.repartition(tasks or int(partitions) * tasks_a_core, *([place] if names else []))
