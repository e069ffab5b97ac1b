"""What the language model takes for a person or a place, asked only about sentences that can hold one, each once.

Most sentences of a ticket are made of dictionary words in lower case: the model finds nothing in them but mistakes, and
reading them is most of the time that redaction takes. Templates and quoted mails say the same sentence again and again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from pipelines.adapters.memory import Memory, digest
from pipelines.adapters.names import NameFinder
from pipelines.adapters.network import EntityTagger
from pipelines.transforms.placeholders import Span

BOUNDARY = re.compile(r"(?<=[.!?])[ \t]+(?=\S)|\n+")
LONGEST = 1_000
"""Characters that the model reads at once: a ticket without full stops is no reason to fill the memory."""
OVERLAP = 100
"""Of two windows of a long sentence: what the edge of one cuts stands whole in the other."""
MOST_SENTENCES = 100_000
"""Sentences whose answer is kept in a process: some 30 MB."""

Answer = tuple[Span, ...]


class EntityFinder:
    """Runs the model over sentences.

    Args:
        labels: the type of personal data of those of the model's labels that are looked for.
        score: of a finding: the model itself gives none.
        names: tells which sentences can hold a name.
        only_names: whether nothing else is looked for; otherwise the model reads every sentence.
    """

    def __init__(
        self, tagger: EntityTagger, labels: Mapping[str, str], score: float, names: NameFinder, only_names: bool
    ) -> None:
        self.tagger, self.labels, self.score = tagger, labels, score
        self.names, self.only_names = names, only_names
        self.memory: Memory[Answer] = Memory(MOST_SENTENCES)

    def read(self, texts: Sequence[str]) -> list[list[Span]]:
        """Give the findings in each text; without labels there is nothing to look for."""
        if not self.labels:
            return [[] for _ in texts]
        places = [[(start, text[start:end]) for start, end in sentences(text)] for text in texts]
        answers = self.answer(dict.fromkeys(sentence for spans in places for _, sentence in spans))
        return [[moved(one, start) for start, sentence in spans for one in answers[sentence]] for spans in places]

    def answer(self, wanted: Mapping[str, None]) -> dict[str, Answer]:
        """Answer for different sentences, asking the model about those that are new and can hold something."""
        keys = {sentence: digest(sentence) for sentence in wanted}
        answers = {sentence: self.memory.get(key) for sentence, key in keys.items()}
        new = [sentence for sentence, known in answers.items() if known is None]
        asked = [sentence for sentence in new if not self.only_names or self.names.may_name(sentence)]
        found = dict(zip(asked, self.ask(asked), strict=True))
        for sentence in new:
            answers[sentence] = self.memory.put(keys[sentence], found.get(sentence, ()))
        return {sentence: answer or () for sentence, answer in answers.items()}

    def ask(self, asked: Sequence[str]) -> Iterator[Answer]:
        """Run the model over sentences, names and places in their capitals."""
        found = self.tagger.find([self.names.recase(sentence) for sentence in asked])
        for sentence, entities in zip(asked, found, strict=True):
            yield tuple(
                Span(start, end, self.labels[label], self.score)
                for label, start, end in entities
                if label in self.labels
                and (self.labels[label] != "PERSON" or self.names.is_plausible(sentence[start:end]))
            )


def moved(span: Span, by: int) -> Span:
    """Say a finding in a sentence in the text's own places."""
    return Span(span.start + by, span.end + by, span.type, span.score)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text at line ends and behind full stops, and what is long even so into windows that overlap."""
    start = 0
    for boundary in BOUNDARY.finditer(text):
        yield from windows(text, start, boundary.start())
        start = boundary.end()
    yield from windows(text, start, len(text))


def windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence at white space into windows of at most LONGEST characters; a longer word is cut where it must."""
    while end - start > LONGEST:
        space = text.rfind(" ", start + 2 * OVERLAP, start + LONGEST)
        stop = space if space > 0 else start + LONGEST
        yield start, stop
        start = text.find(" ", stop - OVERLAP, stop) + 1 or stop - OVERLAP
    if start < end:
        yield start, end
