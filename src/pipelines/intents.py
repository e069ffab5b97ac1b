"""The intents a user wants to tell apart: name, description, verified examples."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.errors import InputDataError
from pipelines.settings_base import fingerprint
from pipelines.vocabulary import UNKNOWN_LABEL

USUAL_EXAMPLES = 5
MAX_EXAMPLES = 50
NAME = re.compile(r"^[^\s|,\"][^|,\"\n]{0,79}$")


@dataclass(frozen=True)
class Intent:
    """One label of the closed set."""

    name: str
    description: str = ""
    examples: tuple[str, ...] = ()


def load_intents(path: Path) -> list[Intent]:
    """Read `intents.yml`.

    Raises:
        InputDataError: when the file is not a list of intents, with what to write instead.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputDataError(f"Intents file {path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputDataError(f"Intents file {path} is not valid YAML in UTF-8.") from error
    entries = content.get("intents") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise InputDataError(
            f"Intents file {path} must hold `intents:` with a list of {{name, description, examples}}."
        )
    return check_intents([parse_intent(entry, number, path) for number, entry in enumerate(entries, 1)], path)


def parse_intent(entry: object, number: int, path: Path) -> Intent:
    """Read one entry: a bare name, or a mapping."""
    fields = {"name": entry} if isinstance(entry, str) else entry
    where = f"Intents file {path}, entry {number}"
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise InputDataError(f"{where}: expected a name, or a mapping with `name`.")
    if unknown := set(fields) - {"name", "description", "examples"}:
        raise InputDataError(
            f"{where}: unknown key {', '.join(map(str, sorted(unknown)))}; known: name, description, examples."
        )
    examples = fields.get("examples") or []
    if not isinstance(examples, list) or not all(isinstance(text, str) and text.strip() for text in examples):
        raise InputDataError(f"{where}: `examples` must be a list of texts.")
    if len(examples) > MAX_EXAMPLES:
        raise InputDataError(f"{where}: {len(examples)} examples, at most {MAX_EXAMPLES} are used; remove some.")
    return Intent(fields["name"], str(fields.get("description") or ""), tuple(examples))


def check_intents(intents: list[Intent], path: Path) -> list[Intent]:
    """Refuse names that clash or would break `disagreements.log` (`text | label,label | n`)."""
    names = [intent.name for intent in intents]
    for name in names:
        if not NAME.match(name) or name == UNKNOWN_LABEL:
            raise InputDataError(
                f"Intents file {path}: a name must be 1 to 80 characters without comma, bar or quote, "
                f"and not {UNKNOWN_LABEL!r}; entry {names.index(name) + 1} is not."
            )
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputDataError(f"Intents file {path}: the intent {repeated!r} stands there twice.")
    return intents


def dump_intents(intents: list[Intent], path: Path) -> None:
    """Write `intents.yml`."""
    entries = [
        {"name": intent.name, "description": intent.description, "examples": list(intent.examples)}
        for intent in intents
    ]
    head = "# The closed set of labels. A description helps the language model, examples help every voter.\n"
    body = yaml.safe_dump({"intents": entries}, allow_unicode=True, sort_keys=False, width=120)
    path.write_text(head + body, encoding="utf-8")


def name_text(intent: Intent) -> str:
    """Say an intent in words: `card_arrival` with a description is "card arrival. When will it come?"."""
    return ". ".join(part for part in (plain(intent.name), intent.description) if part)


def plain(name: str) -> str:
    """Write a label the way people write."""
    return " ".join(name.replace("_", " ").replace("-", " ").split()) or name


def label_set_hash(intents: list[Intent]) -> str:
    """Name the set of labels that can be chosen: names and descriptions, whatever their order."""
    return fingerprint("labels", sorted((intent.name, intent.description) for intent in intents))


def examples_hash(intents: list[Intent]) -> str:
    """Name the set of verified examples."""
    return fingerprint("examples", sorted((intent.name, example) for intent in intents for example in intent.examples))
