"""Spans and placeholders in plain Python: what is done with what a detector found.

A text is redacted until the detector finds nothing more in what is left, so redacting twice changes nothing.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from pipelines.redaction_policy import Operator
from pipelines.transforms.normalisation import normalise_text

POSTCODE_DIGITS = 3
INFERRED_ENTITIES = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"})
"""Types a model infers from context; all others follow a written form and win where both claim a character."""


@dataclass(frozen=True)
class Span:
    """Where something personal stands: code points [start, end) of the normalised text; never the value."""

    start: int
    end: int
    type: str
    score: float


@dataclass(frozen=True)
class RedactedText:
    """A redacted text and what was redacted from it; the text is None when it could not be analysed."""

    text: str | None
    spans: tuple[Span, ...] = ()


Detect = Callable[[Sequence[str]], list[list[Span] | None]]
"""Finds spans in texts, in their order; None for a text whose analysis failed."""


Render = Callable[[str, str], str]
"""Gives what takes the place of a value: type and value in, text out."""
PSEUDONYM_DIGITS = 8


def redact_until_clean(
    texts: Sequence[str],
    detect: Detect,
    entities: Iterable[str],
    render: Render | None = None,
    known: Sequence[Sequence[Span]] | None = None,
) -> list[RedactedText]:
    """Normalise and redact texts; equal ones are analysed once, and one that fails costs only itself.

    Every round covers at least one more character of each text it goes on with, so it ends.

    Args:
        texts: raw.
        detect: finds spans.
        entities: the types it finds.
        render: what takes the place of a value; `<TYPE>` unless told otherwise.
        known: what is personal in each normalised text whatever the detector says.
    """
    placeholder = re.compile(rf"<(?:{'|'.join(map(re.escape, entities))})(?:_[0-9a-f]{{{PSEUDONYM_DIGITS}}})?>")
    tasks = [(normalise_text(text), tuple(spans)) for text, spans in zip(texts, known or repeat(()), strict=False)]
    found = {task: add_findings(task[0], [], [*task[1]], placeholder) for task in tasks}
    pending = list(found)
    while pending:
        current = {task: replace(task[0], found[task] or []) for task in pending}
        rests = list(dict.fromkeys(current.values()))
        findings = dict(zip(rests, detect(rests), strict=True))
        for task, rest in current.items():
            found[task] = add_findings(task[0], found[task] or [], findings[rest], placeholder)
        # A round that adds nothing to a text has seen that text as it will stay.
        pending = [task for task in pending if replaced_more(task[0], found[task], current[task])]
    return [finish(task[0], found[task], render or put_placeholder) for task in tasks]


def replaced_more(text: str, spans: list[Span] | None, before: str) -> bool:
    """Say whether the last round changed a text."""
    return spans is not None and replace(text, spans) != before


def finish(text: str, spans: list[Span] | None, render: Render) -> RedactedText:
    """Put what the policy says in the place of the values."""
    return RedactedText(None) if spans is None else RedactedText(replace(text, spans, render), tuple(spans))


def put_placeholder(kind: str, value: str) -> str:
    """Say only what kind of value stood here."""
    return f"<{kind}>"


def renderer(operators: Mapping[str, Operator], key: bytes | None) -> Render:
    """Build what puts a placeholder, a keyed pseudonym (HMAC-SHA-256, cut to 32 bits), or the value itself."""

    def render(kind: str, value: str) -> str:
        operator = operators.get(kind, "placeholder")
        if operator == "pseudonym" and key is not None:
            folded = " ".join(value.casefold().split())
            digest = hmac.digest(key, f"{kind}/{folded}".encode("utf-8", "surrogatepass"), "sha256")
            return f"<{kind}_{digest.hex()[:PSEUDONYM_DIGITS]}>"
        return value if operator == "keep" else put_placeholder(kind, value)

    return render


def replace(text: str, spans: Iterable[Span], render: Render | None = None) -> str:
    """Replace ordered, disjoint spans; by `<TYPE>` unless told otherwise."""
    parts, position = [], 0
    put = render or put_placeholder
    for span in spans:
        parts += [text[position : span.start], put(span.type, text[span.start : span.end])]
        position = span.end
    return "".join(parts) + text[position:]


def add_findings(
    text: str, spans: list[Span], findings: list[Span] | None, placeholder: re.Pattern[str]
) -> list[Span] | None:
    """Add what was found in the text with its spans replaced, in the text's own coordinates.

    What stands inside a placeholder, the customer's own ones included, is left alone.
    """
    if findings is None:
        return None
    taken = [*((span.start, span.end) for span in spans), *(match.span() for match in placeholder.finditer(text))]
    moved = [piece for finding in findings for piece in move_back(finding, spans)]
    return sorted([*spans, *resolve(text, moved, taken)], key=lambda span: span.start)


def move_back(finding: Span, spans: list[Span]) -> Iterator[Span]:
    """Translate a finding in the replaced text to the text itself, cut at the placeholders in between."""
    rest_start, text_start = 0, 0
    for span in [*spans, None]:
        length = span.start - text_start if span else finding.end - rest_start
        start, end = max(finding.start, rest_start), min(finding.end, rest_start + length)
        if start < end:
            shift = text_start - rest_start
            yield Span(start + shift, end + shift, finding.type, finding.score)
        if span:
            rest_start += length + len(f"<{span.type}>")
            text_start = span.end


def resolve(text: str, findings: Iterable[Span], taken: Iterable[tuple[int, int]]) -> list[Span]:
    """Make findings disjoint: the surer, then the longer one keeps its characters, the others what is left of theirs.

    So every character that was found is covered, once.
    """
    claimed = list(taken)
    kept = []
    for finding in sorted(findings, key=rank):
        for start, end in subtract(finding.start, finding.end, claimed):
            piece = trim(text, Span(start, end, finding.type, finding.score))
            if piece:
                kept.append(piece)
                claimed.append((piece.start, piece.end))
    return kept


def rank(finding: Span) -> tuple[bool, float, int, int, str]:
    """Order findings: written forms, surer, longer, earlier ones first."""
    inferred = finding.type in INFERRED_ENTITIES
    return inferred, -finding.score, finding.start - finding.end, finding.start, finding.type


def subtract(start: int, end: int, claimed: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give what is left of [start, end) outside the claimed ranges."""
    rest = [(start, end)]
    for low, high in claimed:
        rest = [
            piece
            for left, right in rest
            for piece in ((left, min(right, low)), (max(left, high), right))
            if piece[0] < piece[1]
        ]
    return rest


def trim(text: str, span: Span) -> Span | None:
    """Cut white space from both ends, take combining marks with their letter; None when nothing telling is left."""
    value = text[span.start : span.end]
    if not is_telling(value, span.type):
        return None
    start = span.start + len(value) - len(value.lstrip())
    end = start + len(value.strip())
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return Span(start, end, span.type, span.score)


def is_telling(value: str, kind: str) -> bool:
    """Say whether a value can tell anything: a model takes emoji for people; a postal code is all digits."""
    if kind not in INFERRED_ENTITIES:
        return any(map(str.isalnum, value))
    digits = sum(map(str.isdecimal, value)) if kind == "LOCATION" else 0
    return digits >= POSTCODE_DIGITS or any(map(str.isalpha, value))
