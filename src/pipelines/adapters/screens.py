"""Runs recognizers over a text: those that can find something in it, and nothing around them that is not needed.

What `AnalyzerEngine.analyze` does is done here in the same order and with the same outcome: Presidio's recognizers find
and validate, Presidio's enhancer raises scores by context words, a finding inside a surer one of its type goes. Not
done: reading a text for a form of which it does not have the characters, words for a finding that no context can raise.
"""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.adapters.context_words import AHEAD, ContextWords
from pipelines.adapters.cue_words import CueWords
from pipelines.adapters.network import EntityTagger
from pipelines.adapters.phones import PhoneFinder
from pipelines.adapters.screen_patterns import SCREENS, SOMETHING, UNWRITTEN, Need, need_of
from pipelines.transforms.placeholders import INFERRED_ENTITIES, Span

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult

KNOWN_PACKAGES = ("presidio_analyzer", "pipelines")
PHONE_SCORE, MOST_PHONE_SCORE = 0.4, 0.75
"""Of a finding of Presidio's recognizer of phone numbers, without a context word and with one."""
NEVER = 2.0


@dataclass(frozen=True)
class Part:
    """A recognizer, what it needs to see, and what can raise its findings' scores.

    Attributes:
        screen: says whether it can find anything; None: it reads every text.
        written: whether it only finds what has one of the written forms of `SOMETHING`.
        phones: reads instead of a recognizer of phone numbers.
        context: its context words; None when it has none.
        matcher, patterns: the recognizer again and its patterns, each with what a text must hold for it, when it is no
            more than these and their checks.
        only_with_context: whether nothing it finds is sure enough without a context word.
    """

    recognizer: "EntityRecognizer"
    screen: Need | None
    written: bool
    phones: PhoneFinder | None
    context: CueWords | None
    matcher: "PatternRecognizer | None"
    patterns: "tuple[tuple[Pattern, Need], ...]"
    only_with_context: bool

    def is_cued(self, text: str, end: int = sys.maxsize) -> bool:
        """Say whether one of its context words stands in a text, before a place of it."""
        return self.context is not None and self.context.stand_in(text, end)


class Screens:
    """Runs recognizers.

    Args:
        recognizers: Presidio's and ours.
        tagger: cuts texts into words, where context words may count.
        wanted: the types that are looked for.
        thresholds: the least score that counts, by type; without one, every finding is given.
        allowed: lower-cased values that are nobody's; what only stands inside other findings is not looked for.
    """

    def __init__(
        self,
        recognizers: "Sequence[EntityRecognizer]",
        tagger: EntityTagger,
        language: str,
        wanted: Iterable[str],
        thresholds: Mapping[str, float] | None = None,
        allowed: Collection[str] = (),
    ) -> None:
        from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
        from presidio_analyzer.nlp_engine import NoOpNlpEngine

        self.recognizers, self.wanted = list(recognizers), list(wanted)
        self.thresholds, self.allowed = thresholds or {}, allowed
        self.parts = [read_part(recognizer, self.thresholds) for recognizer in recognizers]
        self.enhancer = LemmaContextAwareEnhancer()
        self.words = ContextWords(tagger, language)
        self.engine = NoOpNlpEngine([{"lang_code": language, "model_name": ""}])
        self.engine.load()
        self.no_words = self.engine.process_text("", language)

    def find(self, text: str) -> list[Span]:
        """Give all findings in a text, unsure and overlapping ones too."""
        is_written = SOMETHING.search(text) is not None
        found: list[Span] = []
        for part in self.parts:
            if part.screen is None or ((is_written or not part.written) and part.screen(text)):
                found += self.run(part, text, found)
        return found

    def run(self, part: Part, text: str, before: Sequence[Span] = ()) -> Iterator[Span]:
        """Run one recognizer behind others that have found something."""
        if part.only_with_context and not part.is_cued(text):
            return
        kind = part.recognizer.supported_entities[0]
        if part.matcher:
            plain = list(match_patterns(part.matcher, part.patterns, text))
            if not (plain and part.is_cued(text)):
                yield from plain
                return
        has_context = part.phones is not None and part.is_cued(text)
        settled = self.settled(text, before, has_context) if part.phones and before else []
        if part.phones and not has_context:
            yield from (Span(start, end, kind, score) for start, end, score in part.phones.find(text, settled))
            return
        results = self.ask(part, text, settled)
        end = max((result.end for result in results), default=0) + AHEAD
        if results and part.is_cued(text, end):
            words = self.words.before(text, end)
            results = self.enhancer.enhance_using_context(text, results, words, [part.recognizer])
        for result in results:
            yield Span(result.start, result.end, result.entity_type, round(result.score, 4))

    def settled(self, text: str, found: Iterable[Span], has_context: bool) -> list[tuple[int, int]]:
        """Give the places of findings that win over every phone number in them, so that none need be looked for."""
        most = MOST_PHONE_SCORE if has_context else PHONE_SCORE
        return [
            (span.start, span.end)
            for span in found
            if span.score > most
            and span.score >= self.thresholds.get(span.type, NEVER)
            and span.type not in INFERRED_ENTITIES
            and text[span.start : span.end].casefold() not in self.allowed
        ]

    def ask(self, part: Part, text: str, settled: Collection[tuple[int, int]]) -> "list[RecognizerResult]":
        """Get a recognizer's findings as Presidio's own type; it may look for more than is wanted."""
        if part.phones:
            return [self.phone_result(part, *place) for place in part.phones.find(text, settled)]
        found = part.recognizer.analyze(text, self.wanted, self.no_words) or []
        return [result for result in found if result.entity_type in self.wanted]

    def phone_result(self, part: Part, start: int, end: int, score: float) -> "RecognizerResult":
        """Put a phone number as its recognizer would."""
        from presidio_analyzer import AnalysisExplanation, RecognizerResult

        metadata = {RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: part.recognizer.id}
        explanation = AnalysisExplanation(recognizer=type(part.recognizer).__name__, original_score=score)
        kind = part.recognizer.supported_entities[0]
        return RecognizerResult(kind, start, end, score, explanation, metadata)


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
        written=name not in UNWRITTEN,
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
