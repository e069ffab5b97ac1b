"""Where rows are computed."""

from pyspark.sql import DataFrame


def spread(rows: DataFrame, *names: str) -> DataFrame:
    """Put as many rows on every core as on the others, by some columns: for what costs milliseconds a row.

    Named with a number, or Spark would merge what it takes for small partitions into one, which one core works off.
    """
    partitions = str(rows.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    return rows.repartition(int(partitions), *names) if partitions.isdigit() else rows.repartition(*names)
