"""The words around a finding, by which Presidio's enhancer raises its score: cut once, as spaCy cuts them."""

import re
from typing import TYPE_CHECKING, cast

from pipelines.adapters.network import EntityTagger

if TYPE_CHECKING:
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
    from spacy.tokens import Doc

AHEAD = 100
"""Where a finding itself has no telling word, the enhancer takes the next one behind it."""
MOST_PIECES = 50_000
UP_TO_SPACE = re.compile(r"\S*")
DIGIT = re.compile(r"\d")
RUNS = re.compile(r"\S+|\s+")
"""What spaCy cuts by itself."""

Cut = tuple[tuple[int, str, str, tuple[str, ...]], ...]
"""Place, form, lower-cased form and telling parts of each word of a piece."""


class ContextWords:
    """Cuts texts into words for the enhancer.

    Args:
        tagger: knows how the language model cuts pieces, and most of them already.
        language: of the texts.
    """

    def __init__(self, tagger: EntityTagger, language: str) -> None:
        from spacy.lang.lex_attrs import is_punct

        self.tagger, self.language, self.is_mark = tagger, language, is_punct
        self.stop_words = frozenset(map(str, tagger.nlp.Defaults.stop_words))
        self.pieces: dict[str, Cut] = {}
        self.last: tuple[str, int, NlpArtifacts] | None = None

    def before(self, text: str, end: int) -> "NlpArtifacts":
        """Cut a text not much farther than its last finding: the enhancer looks back."""
        if self.last is None or self.last[0] != text or self.last[1] < end:
            tail = UP_TO_SPACE.match(text, end)
            stop = tail.end() if tail else end
            self.last = text, stop, self.cut(text[:stop])
        return self.last[2]

    def cut(self, text: str) -> "NlpArtifacts":
        """Cut a text into words, and say which of them can tell anything; Presidio takes those for keywords."""
        from presidio_analyzer.nlp_engine import NlpArtifacts

        places, forms, words = [], [], []
        telling: list[str] = []
        for run in RUNS.finditer(text):
            # A single space, or the first of several, belongs to the word before it.
            start = run.start() + (run.start() > 0 and text[run.start()] == " ")
            piece = text[start : run.end()]
            for at, form, word, parts in (self.pieces.get(piece) or self.read(piece)) if piece else ():
                places.append(start + at)
                forms.append(form)
                words.append(word)
                telling += parts
        # Of the tokens, the enhancer wants to know how long they are.
        artifacts = NlpArtifacts([], cast("Doc", forms), places, words, cast("NlpEngine", None), self.language)
        artifacts.keywords = telling
        return artifacts

    def read(self, piece: str) -> Cut:
        """Cut one piece; those with digits come once, and are not kept."""
        cut = tuple(
            (start, piece[start:end], word, self.telling(word))
            for start, end in self.tagger.cut(piece)
            for word in (piece[start:end].lower(),)
        )
        if not DIGIT.search(piece):
            if len(self.pieces) >= MOST_PIECES:
                self.pieces.clear()
            self.pieces[piece] = cut
        return cut

    def telling(self, word: str) -> tuple[str, ...]:
        """Give what a word can tell: stop words, marks and "be" tell nothing."""
        return () if word in self.stop_words or self.is_mark(word) or word == "be" else tuple(word.split(":"))
