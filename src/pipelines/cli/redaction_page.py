"""A page that shows a sample of texts with what was found in them, for a person to judge."""

import html
from collections.abc import Iterable, Sequence

from pipelines.jobs.application import Redacted
from pipelines.kernels.span_scores import KEPT, Mark

SAMPLE = 200
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What redaction found</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }}
header p {{ color: #555; }}
article {{ border-top: 1px solid #ddd; padding: .6rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }}
article > small {{ color: #666; display: block; }}
mark {{ background: #ffe69a; border-radius: .2rem; padding: 0 .15rem; }}
mark small {{ color: #6b4e00; margin-left: .25rem; }}
u {{ text-decoration: underline wavy #c00; text-decoration-skip-ink: none; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #16181c; color: #e6e6e6; }} article {{ border-color: #333; }}
  mark {{ background: #5c4a12; color: inherit; }} mark small {{ color: #f2d98c; }}
}}
</style></head><body>
<header><h1>What redaction found</h1>
<p>{shown} of {texts} texts, chosen at even distances among those in which something was found or missed; those with
something missed come first. Marked: found and taken out, with its type. Underlined: personal by the truth file, missed.
This page holds the texts as they came; keep it where they may be kept.</p></header>
{articles}
</body></html>
"""


def render_page(redacted: Sequence[Redacted], truth: Sequence[Iterable[Mark]] | None) -> str:
    """Write the page of a file; texts are escaped, nothing is loaded and nothing runs."""
    missed = [missed_places(one, marks) for one, marks in zip(redacted, truth or [()] * len(redacted), strict=True)]
    telling = [(one, places) for one, places in zip(redacted, missed, strict=True) if one.spans or places]
    # What was missed is what a person has to judge: it comes first.
    telling.sort(key=lambda pair: not pair[1])
    step = max(1, len(telling) // SAMPLE)
    shown = telling[::step][:SAMPLE]
    articles = "\n".join(render_text(one, places) for one, places in shown)
    return PAGE.format(shown=len(shown), texts=f"{len(redacted):,}", articles=articles)


def missed_places(one: Redacted, marks: Iterable[Mark]) -> set[int]:
    """Give the characters of true spans that no found span covers; what policy keeps is not missed."""
    found = {place for span in one.spans for place in range(span.start, span.end)}
    return {place for start, end, kind in marks if kind not in KEPT for place in range(start, end)} - found


def render_text(one: Redacted, missed: set[int]) -> str:
    """Write one text with its marks."""
    parts, position = [], 0
    for span in one.spans:
        parts += [plain(one.source, position, span.start, missed), "<mark>"]
        parts += [html.escape(one.source[span.start : span.end]), f"<small>{html.escape(span.type)}</small></mark>"]
        position = span.end
    parts.append(plain(one.source, position, len(one.source), missed))
    return f"<article><small>{html.escape(one.id)}</small>{''.join(parts)}</article>"


def plain(text: str, start: int, end: int, missed: set[int]) -> str:
    """Write a stretch without findings; what was missed is underlined."""
    pieces = [
        f"<u>{html.escape(text[place])}</u>" if place in missed else html.escape(text[place])
        for place in range(start, end)
    ]
    return "".join(pieces).replace("</u><u>", "")
