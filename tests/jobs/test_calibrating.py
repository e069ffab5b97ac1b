"""What a calibration tells beside itself: where audits are worth asking for."""

from pyspark.sql import SparkSession

from pipelines.gate_settings import GateSettings
from pipelines.jobs.calibrating import what_audits_may_prove


def test_few_audits_are_asked_for_among_the_surest_and_many_may_go_lower(spark: SparkSession) -> None:
    # Expected errors: of the surest 1 %, of all known ones 3.3 %. Of 100 audits one may be wrong, of 400 twelve.
    rows = [(True, 0.99)] * 300 + [(True, 0.85)] * 60 + [(False, 0.85)] * 300
    judged = spark.createDataFrame(rows, "is_known boolean, confidence double")
    told = {hope.audits: (hope.threshold, round(hope.coverage, 3)) for hope in what_audits_may_prove(judged, GATE)}
    assert (told[100], told[400]) == ((0.86, round(300 / 660, 3)), (0.8, round(360 / 660, 3)))


def test_without_a_hope_no_threshold_is_named(spark: SparkSession) -> None:
    judged = spark.createDataFrame([(True, 0.82)] * 50, "is_known boolean, confidence double")
    assert {(hope.threshold, hope.coverage) for hope in what_audits_may_prove(judged, GATE)} == {(None, None)}


GATE = GateSettings()
