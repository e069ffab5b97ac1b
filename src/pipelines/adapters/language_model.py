"""The small spaCy model under Presidio: loaded without what only grammar needs, never downloaded."""

from typing import TYPE_CHECKING

from pipelines.adapters.gazetteer import Gazetteer, build_gazetteer
from pipelines.errors import MissingDependencyError
from pipelines.redaction_policy import RedactionSettings

if TYPE_CHECKING:
    from spacy.language import Language

UNUSED_PIPES = ["tagger", "parser", "attribute_ruler", "tok2vec"]
INSTALL = "pip install 'intent-lakehouse[redact]'"


def load_language_model(settings: RedactionSettings) -> "tuple[Language, Gazetteer, str]":
    """Load the spaCy model without the pipes that only grammar needs, lists of words, and its version."""
    import spacy

    try:
        nlp = spacy.load(settings.spacy_model, exclude=UNUSED_PIPES)
    except OSError as error:
        raise MissingDependencyError(
            f"The spaCy model {settings.spacy_model} (setting redaction.spacy_model) is not installed; "
            f"the default one comes with: {INSTALL}"
        ) from error
    gazetteer = build_gazetteer(nlp, settings.name_lists)
    if nlp.has_pipe("lemmatizer"):  # its lists were all that was wanted
        nlp.remove_pipe("lemmatizer")
    return nlp, gazetteer, str(nlp.meta["version"])
