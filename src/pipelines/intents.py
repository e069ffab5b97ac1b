"""The intents a user wants to tell apart: name, description, verified examples."""

import re
from collections import Counter
from dataclasses import dataclass, field
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
    was: tuple[str, ...] = ()
    """What it was called before; several where it was made of several."""
    precision_floor: float | None = None
    """Share of right labels in gold below which models bring nothing more into gold under it; None: no floor."""


@dataclass(frozen=True)
class LabelSet:
    """The labels that may come out today, and what became of former ones.

    Attributes:
        names: in the order of the file; empty when any may come out.
        renamed: former names, with what they are called today; several may be one today.
        retired: former names whose tickets have to be labelled anew, because they were split or are gone.
    """

    names: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()

    @property
    def former(self) -> set[str]:
        """All former names."""
        return {*self.renamed, *self.retired}


def load_intents(path: Path) -> list[Intent]:
    """Read the intents of `intents.yml`.

    Raises:
        InputDataError: when the file is not a list of intents, with what to write instead.
    """
    entries = read_file(path).get("intents")
    if not isinstance(entries, list) or not entries:
        raise InputDataError(
            f"Intents file {path} must hold `intents:` with a list of {{name, description, examples}}."
        )
    return check_intents([parse_intent(entry, number, path) for number, entry in enumerate(entries, 1)], path)


def load_label_set(path: Path) -> LabelSet:
    """Read which labels `intents.yml` knows, and what became of former ones (`was:` and `retired:`).

    Raises:
        InputDataError: when it is not a list of intents, or a former name is another one's too.
    """
    intents, retired = load_intents(path), read_file(path).get("retired") or []
    if not isinstance(retired, list) or not all(isinstance(name, str) for name in retired):
        raise InputDataError(f"Intents file {path}: `retired` must be a list of names.")
    names = tuple(intent.name for intent in intents)
    taken = Counter([*names, *retired, *(former for intent in intents for former in intent.was)])
    for name, times in taken.items():
        if times > 1:
            raise InputDataError(
                f"Intents file {path}: {name!r} stands there {times} times as a name, under `was` or under `retired`. "
                "A name can become one other; one that was split belongs under `retired`, so that it is labelled anew."
            )
    return LabelSet(names, {former: intent.name for intent in intents for former in intent.was}, frozenset(retired))


def read_file(path: Path) -> dict[str, object]:
    """Read a YAML mapping; anything else is an empty one.

    Raises:
        InputDataError: when the file cannot be read.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputDataError(f"Intents file {path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputDataError(f"Intents file {path} is not valid YAML in UTF-8.") from error
    return content if isinstance(content, dict) else {}


def parse_intent(entry: object, number: int, path: Path) -> Intent:
    """Read one entry: a bare name, or a mapping."""
    fields = {"name": entry} if isinstance(entry, str) else entry
    where = f"Intents file {path}, entry {number}"
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise InputDataError(f"{where}: expected a name, or a mapping with `name`.")
    if unknown := set(fields) - {"name", "description", "examples", "was", "precision_floor"}:
        raise InputDataError(
            f"{where}: unknown key {', '.join(map(str, sorted(unknown)))}; known: name, description, examples, was, "
            "precision_floor."
        )
    examples, was = (parse_texts(fields.get(key), key, where) for key in ("examples", "was"))
    if len(examples) > MAX_EXAMPLES:
        raise InputDataError(f"{where}: {len(examples)} examples, at most {MAX_EXAMPLES} are used; remove some.")
    floor = fields.get("precision_floor")
    if floor is not None and not (isinstance(floor, float) and 0 < floor < 1):
        raise InputDataError(f"{where}: `precision_floor` must be above 0 and below 1, for example 0.9.")
    return Intent(fields["name"], str(fields.get("description") or ""), examples, was, floor)


def parse_texts(content: object, key: str, where: str) -> tuple[str, ...]:
    """Read a list of texts; nothing is an empty one."""
    texts = content or []
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InputDataError(f"{where}: `{key}` must be a list of texts.")
    return tuple(texts)


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
        | ({"was": list(intent.was)} if intent.was else {})
        | ({"precision_floor": intent.precision_floor} if intent.precision_floor else {})
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
