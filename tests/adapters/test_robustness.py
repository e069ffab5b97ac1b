"""Hand-made forms in which people hide, bend or misspell personal values: recall by family, and what the README says.

A form counts as covered when no word of the values it lists is left in subject or text.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from pipelines.adapters.redactor import redact_frame
from pipelines.configuration import load_settings
from pipelines.transforms.normalisation import normalise_text
from pipelines.transforms.redaction import READ

ROOT = Path(__file__).parents[2]
LEAST_WORD = 3
FLOOR = 0.7
ROW = re.compile(r"^\| (?P<family>[^|]+?) \| (?P<covered>\d+) of (?P<forms>\d+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Form:
    """One hand-made ticket and the values that must not be left of it."""

    family: str
    subject: str
    text: str
    values: tuple[str, ...]


@cache
def forms() -> list[Form]:
    lines = (ROOT / "tests" / "golden" / "robustness.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return [Form(row["family"], row.get("subject", ""), row["text"], tuple(row["values"])) for row in rows]


@cache
def covered() -> Counter[str]:
    settings = load_settings([], environment={}).redaction
    rows = [{"raw_subject": form.subject, "raw_text": form.text} for form in forms()]
    redacted = redact_frame(pd.DataFrame(rows, columns=READ, dtype=object), settings)
    told = (redacted["subject"] + "\n" + redacted["text"]).tolist()
    return Counter(form.family for form, output in zip(forms(), told, strict=True) if not left_over(form, output))


def left_over(form: Form, redacted: str) -> list[str]:
    """Give the words of a form's values that are still there."""
    output = re.sub(r"<[A-Z_]+>", "<>", redacted).casefold()
    words = [word for value in form.values for word in words_of(normalise_text(value))]
    return [word for word in words if word.casefold() in output]


def words_of(value: str) -> list[str]:
    """Cut a value into words; one of single letters or digits counts as a whole."""
    return [word for word in value.split() if len(word) >= LEAST_WORD] or [value]


def test_the_set_is_large_distinct_and_holds_what_it_says() -> None:
    texts = {(form.subject, form.text) for form in forms()}
    assert len(texts) == len(forms()) >= 220
    assert len({form.family for form in forms()}) >= 16
    for form in forms():
        original = f"{form.subject}\n{form.text}"
        assert left_over(form, normalise_text(original)), "a value that does not stand in its text cannot be left"


def test_the_readme_tells_todays_recall_by_family() -> None:
    told = {row["family"]: (int(row["covered"]), int(row["forms"])) for row in ROW.finditer(readme_limits())}
    sizes = Counter(form.family for form in forms())
    assert told == {family: (covered()[family], size) for family, size in sizes.items()}
    assert covered().total() / len(forms()) >= FLOOR


def readme_limits() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.partition("## Limits")[2].partition("\n## ")[0]
