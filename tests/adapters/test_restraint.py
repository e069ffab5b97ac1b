"""What pyspark 4 writes of a failed statement holds its values."""

import importlib
import logging

import pytest

from pipelines.adapters.restraint import QUERY_LOGGERS, silence_failed_statements


@pytest.mark.skipif(importlib.util.find_spec("pyspark.logger") is None, reason="pyspark 3.5 writes no statement down")
def test_a_failed_statement_is_not_written_down(capfd: pytest.CaptureFixture[str]) -> None:
    silence_failed_statements()
    for name in QUERY_LOGGERS:
        logging.getLogger(name).exception("the value 'canary' is no number", errorClass="CAST_INVALID_INPUT")
    assert capfd.readouterr() == ("", "")
