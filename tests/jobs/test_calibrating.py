"""What a calibration tells beside itself: where audits are worth asking for."""

from pyspark.sql import SparkSession

from pipelines.gate_settings import GateSettings
from pipelines.jobs.calibrating import Hope, what_audits_may_prove

GATE = GateSettings()
COLUMNS = "is_known boolean, confidence double, is_audited boolean"


def test_few_audits_are_asked_for_among_the_surest_and_many_may_go_lower(spark: SparkSession) -> None:
    # Expected errors: of the surest 1 %, of all known ones 3.3 %. Of 100 audits one may be wrong, of 400 twelve.
    # In the audit's share are 40 of the surest, five of the other known ones and all unknown ones.
    rows = [(True, 0.99, number < 40) for number in range(300)] + [(True, 0.85, number < 5) for number in range(60)]
    judged = spark.createDataFrame([*rows, *[(False, 0.85, True)] * 300], COLUMNS)
    told = {hope.audits: hope for hope in what_audits_may_prove(judged, GATE)}
    assert told[100] == Hope(100, 0.86, 300 / 660, 40)
    assert told[400] == Hope(400, 0.8, 360 / 660, 45)


def test_without_a_hope_no_threshold_is_named(spark: SparkSession) -> None:
    judged = spark.createDataFrame([(True, 0.82, True)] * 50, COLUMNS)
    hopes = what_audits_may_prove(judged, GATE)
    assert {(hope.threshold, hope.coverage, hope.at_hand) for hope in hopes} == {(None, None, 0)}
