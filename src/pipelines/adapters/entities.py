"""What the language model takes for a person or a place, asked only about sentences that can hold one, each once.

Most sentences of a ticket are made of dictionary words in lower case: the model finds nothing in them but mistakes, and
reading them is most of the time that redaction takes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pipelines.adapters.names import NameFinder

if TYPE_CHECKING:
    from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine
    from spacy.language import Language
    from spacy.tokens import Span

BATCH_SENTENCES = 64
BOUNDARY = re.compile(r"(?<=[.!?])[ \t]+(?=\S)|\n+")
WRITTEN = re.compile(r"[\d@]|\bdot\b|://|\w\.\w", re.IGNORECASE)
"""What a text must hold for a written form to be in it, and so for context words to count."""


@dataclass(frozen=True)
class Entity:
    """A finding of the model, named as spaCy names it: Presidio's recognizer reads these three."""

    label_: str
    start_char: int
    end_char: int


class EntityFinder:
    """Runs the model over sentences, and gives Presidio what it expects of a text.

    Args:
        engine: Presidio's engine around the model.
        names: tells which sentences can hold a name.
        only_names: whether nothing else is looked for; otherwise the model reads every sentence.
    """

    def __init__(self, engine: "SpacyNlpEngine", language: str, names: NameFinder, only_names: bool) -> None:
        self.engine, self.language, self.names, self.only_names = engine, language, names, only_names
        self.nlp: Language = engine.get_nlp(language)
        self.labels: dict[str, str] = engine.ner_model_configuration.model_to_presidio_entity_mapping or {}

    def read(self, texts: Sequence[str]) -> "list[NlpArtifacts]":
        """Give the artifacts of texts, as many as texts."""
        places = [list(sentences(text)) for text in texts]
        asked = {
            text[start:end]: None
            for text, spans in zip(texts, places, strict=True)
            for start, end in spans
            if not self.only_names or self.names.may_name(text[start:end])
        }
        found = dict(zip(asked, map(list, self.ask(list(asked))), strict=True))
        return [
            self.artifacts(text, [moved(one, start) for start, end in spans for one in found.get(text[start:end], ())])
            for text, spans in zip(texts, places, strict=True)
        ]

    def ask(self, asked: Sequence[str]) -> Iterator[Iterator[Entity]]:
        """Run the model over sentences, names and places in their capitals."""
        cased = [self.names.recase(sentence) for sentence in asked]
        for doc in self.nlp.pipe(cased, batch_size=BATCH_SENTENCES):
            yield (
                Entity(self.labels[entity.label_], entity.start_char, entity.end_char)
                for entity in doc.ents
                if entity.label_ in self.labels
            )

    def artifacts(self, text: str, entities: list[Entity]) -> "NlpArtifacts":
        """Make what Presidio's recognizers read; words only where a written form may need those around it."""
        from presidio_analyzer.nlp_engine import NlpArtifacts

        doc = self.nlp.make_doc(text if WRITTEN.search(text) else "")
        return NlpArtifacts(
            # Of spaCy's spans, Presidio's recognizer reads the three fields that ours have as well.
            entities=cast("list[Span]", entities),
            tokens=doc,
            tokens_indices=[token.idx for token in doc],
            lemmas=[token.lower_ for token in doc],
            nlp_engine=self.engine,
            language=self.language,
        )


def moved(entity: Entity, by: int) -> Entity:
    """Say a finding in a sentence in the text's own places."""
    return Entity(entity.label_, entity.start_char + by, entity.end_char + by)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text at line ends and behind full stops."""
    start = 0
    for boundary in BOUNDARY.finditer(text):
        if boundary.start() > start:
            yield start, boundary.start()
        start = boundary.end()
    if start < len(text):
        yield start, len(text)
