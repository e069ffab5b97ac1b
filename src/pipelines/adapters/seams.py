"""Values that begin at the end of a subject and go on where its body begins: "From Cornelius" / "Hathersage, ...".

Only the words around the seam are read together, and only where those next to it can be of one value.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipelines.adapters.names import WORD, NameFinder
from pipelines.transforms.placeholders import Span

REACH = 80
"""Characters on each side that are read: an address line's length."""
LAST_WORD = re.compile(rf"(?:{WORD.pattern})\Z")


class Seam(NamedTuple):
    """The words around a seam.

    Attributes:
        text: both sides with a space between them.
        cut: where that space stands.
        before: characters of the subject that are left out.
        behind: characters of the body before its first word.
    """

    text: str
    cut: int
    before: int
    behind: int


def find_seam(subject: str, body: str, names: NameFinder) -> Seam | None:
    """Give the words around the seam of two normalised texts; None where no value can go on across it."""
    left, right = subject.rstrip(), body.lstrip()
    if not (left and right) or not goes_on(left, right, names):
        return None
    before = left.rfind(" ", 0, len(left) - REACH) + 1 if len(left) > REACH else 0
    head = right[:REACH].partition("\n")[0]
    return Seam(f"{left[before:]} {head}", len(left) - before, before, len(body) - len(right))


def goes_on(left: str, right: str, names: NameFinder) -> bool:
    """Say whether digits, an address or two words that can be of one name meet."""
    if (left[-1].isdigit() and right[0].isdigit()) or "@" in (left[-1], right[0]):
        return True
    last, first = LAST_WORD.search(left), WORD.match(right)
    if not (last and first):
        return False
    (_, _, kind, capital), (_, _, next_kind, next_capital) = names.look_up(last[0]), names.look_up(first[0])
    return capital and next_capital and kind in "SWU" and next_kind in "SU"


def cut_at(seam: Seam, spans: Iterable[Span]) -> tuple[list[Span], list[Span]]:
    """Cut the spans that cross a seam in two: what stands in the subject and what stands in the body."""
    crossing = [span for span in spans if span.start < seam.cut and span.end > seam.cut + 1]
    shift = seam.behind - seam.cut - 1
    return (
        [Span(span.start + seam.before, seam.cut + seam.before, span.type, span.score) for span in crossing],
        [Span(seam.behind, span.end + shift, span.type, span.score) for span in crossing],
    )
