from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession


@pytest.fixture(params=["UTC", "America/New_York"])
def any_zone(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", request.param)
    yield spark
    spark.conf.set("spark.sql.session.timeZone", before)
