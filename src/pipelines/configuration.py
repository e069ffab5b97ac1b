"""Reading settings: YAML layers and environment variables folded onto the defaults, each mistake named by its key."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from pipelines.errors import SettingsError
from pipelines.redaction_policy import Arguments
from pipelines.settings import Settings

ENVIRONMENT_PREFIX = "LAKEHOUSE_"

Layer = dict[str, object]
T = TypeVar("T")


def conf_dir() -> Path:
    """Find the shipped `conf/` folder: beside the sources in a checkout, under `share/` once installed from a wheel."""
    here = Path(__file__).resolve()
    checkout, shared = here.parents[2] / "conf", Path("share", "intent-lakehouse", "conf")
    # A cluster installs libraries into a folder of their own, which is not the interpreter's.
    installed = (place / shared for place in (*here.parents, Path(sys.prefix)) if (place / shared).is_dir())
    return checkout if checkout.is_dir() else next(installed, Path(sys.prefix) / shared)


def load_settings(
    overlays: list[Path], own: Layer | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Fold `conf/base.yml`, `conf/redaction.yml`, the overlays in order, a workspace's keys and the environment.

    Raises:
        SettingsError: naming the key that is unknown, of the wrong type, or contradicts another.
    """
    merged: Layer = {}
    for path in [conf_dir() / "base.yml", conf_dir() / "redaction.yml", *overlays]:
        merged = merge(merged, read_layer(path))
    variables = environment_layer(os.environ if environment is None else environment)
    return build(Settings, merge(merge(merged, own or {}), variables), "")


def read_layer(path: Path) -> Layer:
    """Read one YAML file of settings; an empty file is an empty layer."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise SettingsError(f"Settings file {path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"Settings file {path} is not valid YAML in UTF-8.") from error
    if not isinstance(content, dict):
        raise SettingsError(
            f"Settings file {path} must hold sections (kafka:, gate:, ...), not a {type(content).__name__}."
        )
    return content


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """Turn `LAKEHOUSE_SECTION__KEY=value` into a layer; values are read as YAML scalars or lists."""
    layer: Layer = {}
    for name in sorted(environment):
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if name.startswith(ENVIRONMENT_PREFIX) and separator:
            layer = merge(layer, {section: {key: yaml.safe_load(environment[name])}})
    return layer


def merge(lower: Layer, upper: Layer) -> Layer:
    """Lay one layer over another, section by section; neither argument is changed."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def build(kind: type[T], values: object, prefix: str) -> T:
    """Make one settings dataclass from a layer, checking every key and type on the way."""
    if not isinstance(values, dict):
        raise SettingsError(f"Setting {prefix or '(file)'}: expected a section of keys, got {shown(values)}.")
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            known = ", ".join(sorted(hints))
            raise SettingsError(f"Setting {dotted(prefix, str(key))} is not known; known here: {known}.")
    for name in required(kind):
        if name not in values:
            raise SettingsError(f"Setting {dotted(prefix, name)} is missing.")
    return kind(**{key: convert(hints[key], value, dotted(prefix, key)) for key, value in values.items()})


def required(kind: type) -> list[str]:
    """Name the keys of a settings dataclass that have no default."""
    parts = fields(kind) if is_dataclass(kind) else ()
    return [part.name for part in parts if part.default is MISSING and part.default_factory is MISSING]


def as_layer(settings: object) -> Layer:
    """Write one settings dataclass as the layer that `build` makes it of; what is as by default is left out."""
    if not is_dataclass(settings):
        raise TypeError("Only settings can be written as a layer.")
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    defaults = {field.name: field.default for field in fields(settings)}
    return {name: plain(value) for name, value in values.items() if value != defaults[name]}


def plain(value: object) -> object:
    """Write a setting's value as YAML has it."""
    if isinstance(value, Arguments):
        return json.loads(value)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        layers = map(as_layer, value)
        return {layer.pop("name"): layer for layer in layers}
    return as_layer(value) if is_dataclass(value) else list(value) if isinstance(value, tuple) else value


def convert(hint: object, value: object, key: str) -> object:
    """Give a YAML value its declared type, or refuse it."""
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, value, key)
    if get_origin(hint) is Literal:
        # YAML reads a bare `off` as false: the word is what the person meant.
        word = {False: "off", True: "on"}.get(value, value) if isinstance(value, bool) else value
        if word not in get_args(hint):
            raise SettingsError(
                f"Setting {key}: expected one of {', '.join(map(repr, get_args(hint)))}, got {shown(value)}."
            )
        return word
    if hint is Arguments:
        return Arguments(json.dumps(dict(table(value, key)), sort_keys=True))
    if get_origin(hint) is tuple and is_dataclass(get_args(hint)[0]):
        return tuple(
            build(get_args(hint)[0], named(name, one, key), dotted(key, name)) for name, one in table(value, key)
        )
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise SettingsError(f"Setting {key}: expected a list of words, got {shown(value)}.")
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise SettingsError(f"Setting {key}: expected {getattr(hint, '__name__', hint)}, got {shown(value)}.")
    return value


def table(value: object, key: str) -> list[tuple[str, object]]:
    """Read a table of named sections, such as redaction.entities."""
    if not isinstance(value, dict):
        raise SettingsError(f"Setting {key}: expected a section of names, got {shown(value)}.")
    return [(str(name), one) for name, one in value.items()]


def named(name: str, values: object, key: str) -> Layer:
    """Put a section's name among its values."""
    if not isinstance(values, dict):
        raise SettingsError(f"Setting {dotted(key, name)}: expected a section of keys, got {shown(values)}.")
    return {"name": name, **values}


def dotted(prefix: str, key: str) -> str:
    """Join a section and a key as they are written in error messages."""
    return f"{prefix}.{key}" if prefix else key


def shown(value: object) -> str:
    """Say what kind of value came; the value itself may be a secret put in the wrong place."""
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
