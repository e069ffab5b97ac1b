"""Spark NLP: sentences, tokens, stop words, stems and YAKE's key phrases, computed in the JVM beside the data."""

import importlib.metadata
import importlib.util

from py4j.java_gateway import JavaClass
from pyspark.sql import SparkSession

from pipelines.adapters.jars import NO_JARS, group_coordinates, jars_cached
from pipelines.adapters.spark import running_session
from pipelines.errors import MissingDependencyError
from pipelines.settings import FeatureSettings
from pipelines.transforms.text_features import PREPARED, TextAnnotator

INSTALL = "pip install 'intent-lakehouse[text-features]'"
NOT_ON_CLASS_PATH = (
    "the running session has no Spark NLP on its class path. "
    "Add com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3 to the libraries of the cluster"
)
RULES_VERSION = "1"
"""Raise it when the pipeline below, or what is done before and after it, gives other rows for the same settings."""


def annotator_problem() -> str | None:
    """Say why texts cannot be annotated here, and what to type; nothing when they can.

    A session that is open already (a cluster's) has its class path for good; one that will be opened takes the cache's.
    """
    if importlib.util.find_spec("sparknlp") is None:
        return f"Spark NLP is not installed. Type: {INSTALL}"
    running = running_session()
    if running is not None:
        return None if is_loadable(running) else NOT_ON_CLASS_PATH
    if not group_coordinates("nlp"):
        return NO_JARS.format(group="nlp")
    return None if jars_cached("nlp") else "the nlp jars are not fetched yet. Type: lakehouse setup"


def is_loadable(spark: SparkSession) -> bool:
    """Tell whether the session's JVM finds Spark NLP."""
    jvm = spark._jvm
    return jvm is not None and isinstance(jvm.com.johnsnowlabs.nlp.DocumentAssembler, JavaClass)


def build_annotator(spark: SparkSession, settings: FeatureSettings) -> TextAnnotator:
    """Build what `transforms.text_features.text_features` runs over a frame: rules only, no model is loaded.

    Raises:
        MissingDependencyError: when Spark NLP is not installed, or not on the session's class path.
    """
    problem = annotator_problem()
    if problem is not None:
        raise MissingDependencyError(f"Text features cannot be computed: {problem}")
    from pyspark.ml import Pipeline
    from sparknlp.annotator import SentenceDetector, Stemmer, StopWordsCleaner, Tokenizer, YakeKeywordExtraction
    from sparknlp.base import DocumentAssembler

    phrases = YakeKeywordExtraction().setInputCols(["token"]).setOutputCol("phrase")
    phrases.setMinNGrams(settings.min_phrase_words).setMaxNGrams(settings.max_phrase_words)
    stages = [
        DocumentAssembler().setInputCol(PREPARED).setOutputCol("document"),
        SentenceDetector().setInputCols(["document"]).setOutputCol("sentence"),
        Tokenizer().setInputCols(["sentence"]).setOutputCol("token"),
        StopWordsCleaner().setInputCols(["token"]).setOutputCol("telling"),
        Stemmer().setInputCols(["telling"]).setOutputCol("stem"),
        phrases.setNKeywords(settings.max_key_phrases).setWindowSize(settings.window_words),
    ]
    # Nothing is learnt from data: an empty frame is enough.
    fitted = Pipeline(stages=stages).fit(spark.createDataFrame([], f"{PREPARED} string"))
    version = f"{settings.fingerprint()}/spark-nlp@{importlib.metadata.version('spark-nlp')}/rules@{RULES_VERSION}"
    return TextAnnotator(fitted.transform, version)
