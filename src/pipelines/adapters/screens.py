"""Runs recognizers over a text: those that can find something in it, and nothing around them that is not needed.

What `AnalyzerEngine.analyze` does is done here in the same order and with the same outcome: Presidio's recognizers find
and validate, Presidio's enhancer raises scores by context words, a finding inside a surer one of its type goes. Not
done: reading a text for a form of which it does not have the characters, words for a finding that no context can raise.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.adapters.cue_words import CueWords
from pipelines.adapters.phones import PhoneFinder
from pipelines.adapters.screen_patterns import PERSON_CUES, SCREENS, SOMETHING, Need, need_of
from pipelines.transforms.placeholders import Span

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpArtifacts
    from spacy.language import Language

KNOWN_PACKAGES = ("presidio_analyzer", "pipelines")
AHEAD = 100
"""Where a finding itself has no telling word, the enhancer takes the next one behind it."""
UP_TO_SPACE = re.compile(r"\S*")


@dataclass(frozen=True)
class Part:
    """A recognizer, what it needs to see, and what can raise its findings' scores.

    Attributes:
        phones: reads instead of a recognizer of phone numbers.
        context: its context words; None when it has none.
        matcher, patterns: the recognizer again and its patterns, each with what a text must hold for it, when it is no
            more than these and their checks.
        only_with_context: whether nothing it finds is sure enough without a context word.
    """

    recognizer: "EntityRecognizer"
    screen: re.Pattern[str] | None
    phones: PhoneFinder | None
    context: CueWords | None
    matcher: "PatternRecognizer | None"
    patterns: "tuple[tuple[Pattern, Need], ...]"
    only_with_context: bool


class Screens:
    """Runs recognizers.

    Args:
        recognizers: Presidio's and ours.
        nlp: cuts texts into words, where context words may count.
        wanted: the types that are looked for.
        thresholds: the least score that counts, by type; without one, every finding is given.
    """

    def __init__(
        self,
        recognizers: "Sequence[EntityRecognizer]",
        nlp: "Language",
        language: str,
        wanted: Iterable[str],
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
        from presidio_analyzer.nlp_engine import NoOpNlpEngine

        self.recognizers, self.nlp, self.language, self.wanted = list(recognizers), nlp, language, list(wanted)
        self.parts = [read_part(recognizer, thresholds or {}) for recognizer in recognizers]
        self.enhancer = LemmaContextAwareEnhancer()
        self.engine = NoOpNlpEngine([{"lang_code": language, "model_name": ""}])
        self.engine.load()
        self.no_words = self.engine.process_text("", language)
        self.cut: tuple[int, NlpArtifacts] | None = None

    def find(self, text: str) -> Iterator[Span]:
        """Give all findings in a text, unsure and overlapping ones too."""
        # spaCy forgets the words of a batch behind it, so they must not be asked for later.
        self.cut = None
        is_written = SOMETHING.search(text) is not None
        for part in self.parts:
            if part.screen is None or ((is_written or part.screen is PERSON_CUES) and part.screen.search(text)):
                yield from self.run(part, text)

    def run(self, part: Part, text: str) -> Iterator[Span]:
        """Run one recognizer."""
        if part.only_with_context and not (part.context and part.context.stand_in(text)):
            return
        kind = part.recognizer.supported_entities[0]
        if part.matcher:
            plain = list(match_patterns(part.matcher, part.patterns, text))
            if not (plain and part.context and part.context.stand_in(text)):
                yield from plain
                return
        if part.phones and not (part.context and part.context.stand_in(text)):
            yield from (Span(start, end, kind, score) for start, end, score in part.phones.find(text))
            return
        results = self.ask(part, text)
        end = max((result.end for result in results), default=0) + AHEAD
        if results and part.context and part.context.stand_in(text, end):
            words = self.words(text, end)
            results = self.enhancer.enhance_using_context(text, results, words, [part.recognizer])
        for result in results:
            yield Span(result.start, result.end, result.entity_type, round(result.score, 4))

    def ask(self, part: Part, text: str) -> "list[RecognizerResult]":
        """Get a recognizer's findings as Presidio's own type; it may look for more than is wanted."""
        if part.phones:
            return [self.phone_result(part, *place) for place in part.phones.find(text)]
        found = part.recognizer.analyze(text, self.wanted, self.no_words) or []
        return [result for result in found if result.entity_type in self.wanted]

    def phone_result(self, part: Part, start: int, end: int, score: float) -> "RecognizerResult":
        """Put a phone number as its recognizer would."""
        from presidio_analyzer import AnalysisExplanation, RecognizerResult

        metadata = {RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: part.recognizer.id}
        explanation = AnalysisExplanation(recognizer=type(part.recognizer).__name__, original_score=score)
        kind = part.recognizer.supported_entities[0]
        return RecognizerResult(kind, start, end, score, explanation, metadata)

    def words(self, text: str, end: int) -> "NlpArtifacts":
        """Cut a text into words for the enhancer, not much farther than the last finding: it looks back."""
        if self.cut is None or self.cut[0] < end:
            tail = UP_TO_SPACE.match(text, end)
            stop = tail.end() if tail else end
            self.cut = stop, self.cut_words(text[:stop])
        return self.cut[1]

    def cut_words(self, text: str) -> "NlpArtifacts":
        """Cut a text into words, and say which of them can tell anything."""
        from presidio_analyzer.nlp_engine import NlpArtifacts

        doc = self.nlp.make_doc(text)
        words = [token.lower_ for token in doc]
        artifacts = NlpArtifacts([], doc, [token.idx for token in doc], words, self.engine, self.language)
        vocabulary = self.nlp.vocab
        telling = {word for word in set(words) if not (vocabulary[word].is_stop or vocabulary[word].is_punct)} - {"be"}
        artifacts.keywords = [piece for word in words if word in telling for piece in word.split(":")]
        return artifacts


def match_patterns(
    recognizer: "PatternRecognizer", patterns: "Iterable[tuple[Pattern, Need]]", text: str
) -> Iterator[Span]:
    """Match a recognizer's patterns as `PatternRecognizer.analyze` does, without the explanations that it writes."""
    from presidio_analyzer.pattern_recognizer import REGEX_TIMEOUT_SECONDS

    kind = recognizer.supported_entities[0]
    for pattern in (one for one, needs in patterns if needs(text)):
        # One that takes too long throws: the text fails, and does not pass unread.
        for match in vars(pattern)["compiled_regex"].finditer(text, timeout=REGEX_TIMEOUT_SECONDS):
            start, end = match.span()
            score = judge(recognizer, text[start:end], pattern.score) if start < end else 0.0
            if score > 0:
                yield Span(start, end, kind, round(score, 4))


def judge(recognizer: "PatternRecognizer", value: str, score: float) -> float:
    """Let a recognizer's own checks decide on what its pattern matched."""
    valid = recognizer.validate_result(value)
    if valid is not None:
        score = 1.0 if valid else 0.0
    return 0.0 if recognizer.invalidate_result(value) else score


def read_part(recognizer: "EntityRecognizer", thresholds: Mapping[str, float]) -> Part:
    """Prepare a recognizer; screens are for those we know, not for others' subclasses of the same name."""
    from presidio_analyzer import PatternRecognizer
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    is_plain = getattr(type(recognizer), "analyze", None) is PatternRecognizer.analyze
    matcher = recognizer if is_plain and isinstance(recognizer, PatternRecognizer) else None
    patterns: list[Pattern] = list(vars(recognizer)["patterns"]) if matcher else []
    if matcher:
        # Presidio compiles a recognizer's patterns when it first reads a text.
        matcher.analyze("", matcher.supported_entities)
    unchecked = getattr(type(recognizer), "validate_result", None) is PatternRecognizer.validate_result
    least = thresholds.get(recognizer.supported_entities[0], 0.0)
    name = str(recognizer.to_dict()["name"])
    is_known = type(recognizer).__module__.partition(".")[0] in KNOWN_PACKAGES
    needs = [need_of(name if is_known else "", number) for number in range(len(patterns))]
    return Part(
        recognizer=recognizer,
        screen=SCREENS.get(name) if is_known else None,
        phones=PhoneFinder(recognizer) if type(recognizer) is PhoneRecognizer else None,
        context=CueWords(recognizer.context) if recognizer.context else None,
        matcher=matcher,
        patterns=tuple(zip(patterns, needs, strict=True)),
        only_with_context=bool(patterns) and unchecked and all(one.score < least for one in patterns),
    )


def outermost(spans: Iterable[Span]) -> list[Span]:
    """Leave out findings that stand inside a finding of the same type that is as sure."""
    kept: list[Span] = []
    open_spans: list[Span] = []
    for span in sorted(set(spans), key=lambda one: (one.type, one.start, -one.end, -one.score)):
        open_spans = [one for one in open_spans if one.type == span.type and one.end >= span.start]
        inside = any(span.end <= one.end and span.score <= one.score for one in open_spans)
        if span.score > 0 and not inside:
            kept.append(span)
            open_spans.append(span)
    return kept
