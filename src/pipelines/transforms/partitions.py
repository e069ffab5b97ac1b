"""Where rows are computed."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def spread(rows: DataFrame, *names: str, tasks_a_core: int = 1, tasks: int = 0) -> DataFrame:
    """Put as many rows on every core as on the others, by some columns: for what costs milliseconds a row.

    What costs a tenth of a second a row wants several tasks a core: chance deals some more than others, and who is done
    first takes the next. Named with a number, or Spark would merge what it takes for small partitions into one, which
    one core works off. A number of tasks is for what is no core's work.
    """
    partitions = str(rows.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    # By a hash of the columns: rows that a join has laid by the columns themselves would be left there, and merged.
    place = F.xxhash64(*names)
    if tasks:
        return rows.repartition(tasks, place)
    return rows.repartition(int(partitions) * tasks_a_core, place) if partitions.isdigit() else rows.repartition(place)
