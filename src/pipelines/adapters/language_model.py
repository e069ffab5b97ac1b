"""The small spaCy model under Presidio: loaded without what only grammar needs, never downloaded."""

from typing import TYPE_CHECKING

from pipelines.adapters.gazetteer import Gazetteer, build_gazetteer
from pipelines.errors import MissingDependencyError
from pipelines.redaction_policy import RedactionSettings

if TYPE_CHECKING:
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from spacy.language import Language
    from spacy.tokens import Doc

UNUSED_PIPES = ["tagger", "parser", "attribute_ruler", "tok2vec"]
INSTALL = "pip install 'intent-lakehouse[redact]'"


def load_language_model(settings: RedactionSettings) -> "tuple[SpacyNlpEngine, Gazetteer, str]":
    """Load the spaCy model without the pipes that only grammar needs, lists of words, and its version."""
    import spacy
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    try:
        nlp = spacy.load(settings.spacy_model, exclude=UNUSED_PIPES)
    except OSError as error:
        raise MissingDependencyError(
            f"The spaCy model {settings.spacy_model} (setting redaction.spacy_model) is not installed; "
            f"the default one comes with: {INSTALL}"
        ) from error
    gazetteer = build_gazetteer(nlp)
    replace_lemmas(nlp)
    models = [{"lang_code": settings.language, "model_name": settings.spacy_model}]
    engine = SpacyNlpEngine(models, NerModelConfiguration(labels_to_ignore=["CARDINAL", "ORDINAL"]))
    # Set here and not by engine.load(), which would load all pipes, and download what is missing.
    engine.nlp = {settings.language: nlp}  # type: ignore[assignment]  # declared as None by its constructor
    return engine, gazetteer, str(nlp.meta["version"])


def replace_lemmas(nlp: "Language") -> None:
    """Give Presidio's context words something to match: the lower-cased word, at no cost, in the place of a lemma."""
    from spacy.language import Language

    def set_lemmas(doc: "Doc") -> "Doc":
        for token in doc:
            token.lemma_ = token.lower_
        return doc

    if not Language.has_factory("lower_case_lemmas"):
        Language.component("lower_case_lemmas", func=set_lemmas)
    if nlp.has_pipe("lemmatizer"):
        nlp.remove_pipe("lemmatizer")
    nlp.add_pipe("lower_case_lemmas")
