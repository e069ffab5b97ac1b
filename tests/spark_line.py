"""What only one line of Spark has: tests of it are skipped on the other, saying so."""

import pytest

from pipelines.adapters.jars import group_coordinates

HAS_SPARK_NLP = bool(group_coordinates("nlp"))
FEATURES = ("features",) if HAS_SPARK_NLP else ()
"""The stage of text features, where there is one."""
needs_spark_nlp = pytest.mark.skipif(not HAS_SPARK_NLP, reason="Spark NLP is not made for the Scala of this Spark")
