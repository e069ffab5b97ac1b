"""The detector of personal data: Presidio over a small spaCy model, loaded once a process.

No error and no log of this module, nor of the libraries under it, holds any text.
"""

import gc
import importlib.util
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipelines.adapters.addresses import AddressFinder
from pipelines.adapters.denied import DeniedWords
from pipelines.adapters.entities import EntityFinder
from pipelines.adapters.language_model import INSTALL, load_language_model
from pipelines.adapters.name_shapes import LEAN, name_finder
from pipelines.adapters.name_words import is_masked
from pipelines.adapters.names import NameFinder
from pipelines.adapters.network import EVEN, EntityTagger
from pipelines.adapters.recognizers import RULES_VERSION, choose_recognizers
from pipelines.adapters.restraint import silence_loggers, without_packages
from pipelines.adapters.screens import Screens, outermost
from pipelines.errors import MissingDependencyError
from pipelines.redaction_policy import RedactionSettings
from pipelines.transforms.normalisation import view
from pipelines.transforms.placeholders import RedactedText, Span, redact_until_clean, renderer

BATCH_TEXTS = 1024
"""Texts whose sentences the model reads in one pass; their words are forgotten behind it."""
FREE_FORM = frozenset({"DATE_TIME", "NRP", "ORGANIZATION"})
"""Types that stand in sentences of dictionary words as well."""
REPEATED = 0.5
"""Score of a name that stands elsewhere in the text in a clearer place."""
REGEX_TIMEOUT_SECONDS = "10"
LOGGERS = ("presidio-analyzer", "presidio_analyzer", "spacy", "phonenumbers")
UNUSED_PACKAGES = frozenset({"torch", "transformers", "stanza"})


@dataclass(frozen=True)
class Engine:
    """A loaded detector; `lock` because spaCy's memory zones are not for two threads at once."""

    settings: RedactionSettings
    thresholds: dict[str, float]
    screens: Screens
    entities: EntityFinder
    names: NameFinder
    addresses: AddressFinder
    denied: DeniedWords
    allowed: frozenset[str]
    version: str
    lock: threading.Lock


def redact_text(text: str, settings: RedactionSettings) -> RedactedText:
    """Redact one text in this process; see `redact_texts`."""
    return redact_texts([text], settings)[0]


def redact_texts(
    texts: Sequence[str],
    settings: RedactionSettings,
    key: bytes | None = None,
    known: Sequence[Sequence[Span]] | None = None,
) -> list[RedactedText]:
    """Normalise and redact texts in this process. A text whose analysis fails costs only itself: its text is None.

    Args:
        texts: raw.
        settings: the policy.
        key: of pseudonyms.
        known: spans of each normalised text that are personal whatever the detector says.

    Raises:
        MissingDependencyError: when Presidio, spaCy or the spaCy model is not installed.
        SettingsError: when an entity has no detector.
    """
    engine = load_engine(settings)
    render = renderer(settings.operators, key)
    return redact_until_clean(texts, lambda rest: detect(engine, rest), settings.names, render, known)


def redaction_version(settings: RedactionSettings) -> str:
    """Name policy, rules and model: what stands on every silver row."""
    return load_engine(settings).version


def detect(engine: Engine, texts: Sequence[str]) -> list[list[Span] | None]:
    """Find spans in normalised texts, in batches; None for a text whose analysis throws."""
    found: list[list[Span] | None] = []
    for first in range(0, len(texts), BATCH_TEXTS):
        batch = list(texts[first : first + BATCH_TEXTS])
        # Without a zone, spaCy keeps every word it ever met: a stream would fill the worker's memory.
        with engine.lock, engine.entities.tagger.nlp.memory_zone():
            try:
                found += find_spans(engine, batch)
            except Exception:  # whatever it is, it must cost one text and not the batch; its message may hold the text
                found += [find_alone(engine, text) for text in batch]
    return found


def find_alone(engine: Engine, text: str) -> list[Span] | None:
    """Find spans in one text of a batch in which something throws; None when it is this one."""
    try:
        return find_spans(engine, [text])[0]
    except Exception:  # the record becomes redaction_failed; the message is dropped, since it may hold the text
        return None


def find_spans(engine: Engine, texts: list[str]) -> list[list[Span]]:
    """Run the language model over a batch and the recognizers over each text; throws as a whole."""
    views = [view(text) for text in texts]
    return [analyse(engine, text, found) for text, found in zip(views, engine.entities.read(views), strict=True)]


def analyse(engine: Engine, text: str, found: Iterable[Span]) -> list[Span]:
    """Add what the recognizers find in a text to what the model found, and keep what is personal."""
    inferred = [span for span in found if span.type in engine.thresholds]
    found_here = [
        span for span in outermost([*engine.screens.find(text), *inferred]) if is_personal(engine, text, span)
    ]
    spans = [*found_here, *engine.denied.find(text)]
    return [*spans, *(Span(*again, "PERSON", REPEATED) for again in engine.names.find_again(text, persons(spans)))]


def persons(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Give the places of the names among findings."""
    return [(span.start, span.end) for span in spans if span.type == "PERSON"]


def is_personal(engine: Engine, text: str, found: Span) -> bool:
    """Refuse the unsure, words of the trade, persons of dictionary words, and countries where nobody is said to be."""
    value = text[found.start : found.end]
    if found.score < engine.thresholds[found.type] or value.casefold() in engine.allowed:
        return False
    if found.type == "LOCATION" and is_masked(value):
        return False
    if found.type == "LOCATION" and engine.addresses.is_region(value):
        return engine.addresses.is_telling_region(text, found.start, found.end)
    return True


@lru_cache(maxsize=2)
def load_engine(settings: RedactionSettings) -> Engine:
    """Load the detector of these settings, once a process.

    Raises:
        MissingDependencyError: when Presidio, spaCy or the spaCy model is not installed.
        SettingsError: when an entity has no detector.
    """
    require_packages()
    # Read by Presidio at import. Its own limit of a minute a pattern would let one text stall a stream.
    os.environ.setdefault("REGEX_TIMEOUT_SECONDS", REGEX_TIMEOUT_SECONDS)
    # A recognizer that the settings name may need what nothing else here does.
    with without_packages(frozenset() if settings.recognizers else UNUSED_PACKAGES):
        from presidio_analyzer.nlp_engine import NerModelConfiguration
    silence_loggers(LOGGERS)
    nlp, gazetteer, model_version = load_language_model(settings)
    model = NerModelConfiguration()
    known = model.model_to_presidio_entity_mapping or {}
    labels = {label: known[label] for label in nlp.pipe_labels.get("ner", ()) if label in known}
    recognizers = choose_recognizers(settings, gazetteer, set(labels.values()))
    thresholds = {name: settings.threshold(name) for name in settings.names}
    allowed = frozenset(map(str.casefold, settings.allow))
    wanted = {label: kind for label, kind in labels.items() if kind in thresholds}
    names, tagger = name_finder(gazetteer), EntityTagger(nlp, EVEN if settings.name_lists else LEAN)
    only_names = FREE_FORM.isdisjoint(settings.names)
    parts = (settings.fingerprint(), f"{settings.spacy_model}@{model_version}", f"rules@{RULES_VERSION}")
    engine = Engine(
        settings=settings,
        thresholds=thresholds,
        screens=Screens(recognizers, tagger, settings.language, settings.names, thresholds, allowed),
        entities=EntityFinder(tagger, wanted, model.default_score or 0.0, names, only_names),
        names=names,
        addresses=AddressFinder(gazetteer),
        denied=DeniedWords(settings.deny),
        allowed=allowed,
        version="/".join(parts),
        lock=threading.Lock(),
    )
    # It lives as long as the process: walking its half a million objects takes the collector as long as 400 tickets.
    gc.freeze()
    return engine


def require_packages() -> None:
    """Refuse to go on without Presidio and spaCy.

    Raises:
        MissingDependencyError: naming the command that installs them.
    """
    for package in ("presidio_analyzer", "spacy"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(f"Redaction needs {package}, which is not installed: {INSTALL}")
